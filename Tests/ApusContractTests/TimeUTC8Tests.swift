import Foundation
import Testing

@testable import ApusContract

@Suite struct `The wall clock of UTC+8` {
    @Test(
        arguments: [
            ("1970-01-01 08:00:00", 0), ("1970-01-01 00:00:00", -28_800_000),
            ("2014-09-17 12:00:00", 1_410_926_400_000),
            ("2000-02-29 23:59:59", 951_839_999_000), ("0001-01-01 00:00:00", -62_135_625_600_000),
            ("9999-12-31 23:59:59", 253_402_271_999_000),
        ] as [(String, Int64)])
    func `reads and writes`(_ text: String, _ milliseconds: Int64) {
        #expect(TimeUTC8(text)?.epochMilliseconds == milliseconds)
        #expect(TimeUTC8(epochMilliseconds: milliseconds).text == text)
        #expect(TimeUTC8(epochMilliseconds: milliseconds + 999).text == text)
        #expect(DayUTC8(epochMilliseconds: milliseconds).text == text.prefix(10))
    }

    @Test(arguments: [
        "", "2014-2-15 13:16:59", "2014-12-15 13:16", "2014-12-15 24:00:00", "2014-12-15 23:60:00",
        "2014-12-15 23:59:60",
        "2014-02-30 00:00:00", "2015-02-29 00:00:00", "1900-02-29 00:00:00", "2014-00-10 00:00:00",
        "2014-13-10 00:00:00",
        "2014-10-00 00:00:00", "2014-04-31 00:00:00", "0000-01-01 00:00:00", "2014-12-15T13:16:59",
        "2014-12-15 13:16:59 ",
        "+014-12-15 13:16:59", "2014/12/15 13:16:59", "２014-12-15 13:16:59",
    ])
    func `refuses what is no time`(_ text: String) {
        #expect(TimeUTC8(text) == nil)
    }

    @Test func `agrees with another calendar on every day of 800 years`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 8 * 3600))
        let first = try #require(DayUTC8("1700-01-01")).number
        for number in first..<first + 292_200 {
            let day = DayUTC8(number: number)
            let fields = day.fields
            #expect(DayUTC8(year: fields.year, month: fields.month, day: fields.day) == day)
            // Foundation is slow: every day of the months around a turn, every 50th of the rest.
            guard fields.day == 1 || fields.month == 2 && fields.day > 27 || number % 50 == 0 else { continue }
            let date = Date(timeIntervalSince1970: Double(day.startMilliseconds) / 1000)
            let theirs = calendar.dateComponents([.year, .month, .day, .weekday, .hour], from: date)
            #expect(theirs.year == fields.year && theirs.month == fields.month && theirs.day == fields.day)
            #expect(theirs.hour == 0)
            // Theirs counts from Sunday.
            #expect(theirs.weekday.map { ($0 + 5) % 7 + 1 } == day.weekday)
        }
    }

    @Test func `orders days and times`() throws {
        let times = ["2014-09-17 12:00:00", "2014-09-17 12:00:01", "2014-09-18 00:00:00", "2015-01-01 00:00:00"]
        #expect(times.compactMap { TimeUTC8($0) }.sorted().map(\.text) == times)
        #expect(try #require(DayUTC8("2014-09-17")) < #require(DayUTC8("2014-09-18")))
        #expect(DayUTC8("2014-9-17") == nil)
    }
}
