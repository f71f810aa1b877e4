/// A calendar day of UTC+8, the zone of every date in the contract.
///
/// Pure arithmetic over the proleptic Gregorian calendar, years 0001 to 9999; UTC+8 has no daylight saving.
package struct DayUTC8: Hashable, Comparable, Sendable {
    /// Days since 1970-01-01.
    package let number: Int

    /// Takes days since 1970-01-01.
    package init(number: Int) { self.number = number }

    /// The day that holds an instant.
    package init(epochMilliseconds: Int64) {
        self.number = Int((epochMilliseconds + TimeUTC8.offsetMilliseconds).flooredDivision(by: Self.milliseconds))
    }

    /// - Returns: nil for a day that does not exist.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.length(ofMonth: month, year: year)
        else { return nil }
        // Counted from a March, so that a leap day is the last of its year: 400 years are 146 097 days.
        let shiftedYear = month > 2 ? year : year - 1
        let era = shiftedYear.flooredDivision(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.number = era * 146_097 + dayOfEra - Self.epoch
    }

    /// Reads `yyyy-MM-dd`, zeros included.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard let fields = bytes.numbers(separated: "dddd-dd-dd") else { return nil }
        self.init(year: fields[0], month: fields[1], day: fields[2])
    }

    /// `yyyy-MM-dd`.
    package var text: String {
        let (year, month, day) = self.fields
        return "\(year.padded(to: 4))-\(month.padded(to: 2))-\(day.padded(to: 2))"
    }

    /// The calendar's year, month (1 to 12) and day (1 to 31).
    package var fields: (year: Int, month: Int, day: Int) {
        let shifted = self.number + Self.epoch
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// Milliseconds since the epoch at which the day begins in UTC+8.
    package var startMilliseconds: Int64 { Int64(self.number) * Self.milliseconds - TimeUTC8.offsetMilliseconds }

    /// 1 for Monday to 7 for Sunday.
    package var weekday: Int {
        // 1970-01-01 was a Thursday.
        let fromMonday = self.number + 3
        return fromMonday - fromMonday.flooredDivision(by: 7) * 7 + 1
    }

    /// The order of time.
    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// How many days a month has; `month` is 1 to 12.
    package static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static let milliseconds: Int64 = 86_400_000
    /// Days from 0000-03-01 to 1970-01-01.
    private static let epoch = 719_468
}

/// A second of the wall clock of UTC+8.
package struct TimeUTC8: Hashable, Comparable, Sendable {
    /// How far UTC+8 is ahead.
    package static let offsetMilliseconds: Int64 = 8 * 3_600_000

    /// The day of the second.
    package let day: DayUTC8
    /// 0…86399.
    package let secondOfDay: Int

    /// - Returns: nil when the second is not of a day.
    package init?(day: DayUTC8, secondOfDay: Int) {
        guard (0..<86_400).contains(secondOfDay) else { return nil }
        self.day = day
        self.secondOfDay = secondOfDay
    }

    /// The second that holds an instant.
    package init(epochMilliseconds: Int64) {
        self.day = DayUTC8(epochMilliseconds: epochMilliseconds)
        self.secondOfDay = Int((epochMilliseconds - self.day.startMilliseconds) / 1000)
    }

    /// Reads `yyyy-MM-dd HH:mm:ss`, zeros included; 24:00:00 and a second 60 do not exist.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard let fields = bytes.numbers(separated: "dddd-dd-dd dd:dd:dd"), fields[3] < 24, fields[4] < 60,
            fields[5] < 60, let day = DayUTC8(year: fields[0], month: fields[1], day: fields[2])
        else { return nil }
        self.day = day
        self.secondOfDay = fields[3] * 3600 + fields[4] * 60 + fields[5]
    }

    /// `yyyy-MM-dd HH:mm:ss`.
    package var text: String {
        let (hour, minute, second) = (self.secondOfDay / 3600, self.secondOfDay / 60 % 60, self.secondOfDay % 60)
        return "\(self.day.text) \(hour.padded(to: 2)):\(minute.padded(to: 2)):\(second.padded(to: 2))"
    }

    /// The instant at which the second begins.
    package var epochMilliseconds: Int64 { self.day.startMilliseconds + Int64(self.secondOfDay) * 1000 }

    /// The order of time.
    package static func < (left: Self, right: Self) -> Bool {
        (left.day, left.secondOfDay) < (right.day, right.secondOfDay)
    }
}

extension [UInt8] {
    /// The numbers in a text whose digits stand where the pattern has a `d`, and whose other bytes are the pattern's.
    fileprivate func numbers(separated pattern: StaticString) -> [Int]? {
        guard self.count == pattern.utf8CodeUnitCount else { return nil }
        var numbers: [Int] = []
        var isInside = false
        for (byte, expected) in zip(self, UnsafeBufferPointer(pattern)) {
            guard expected == UInt8(ascii: "d") else {
                guard byte == expected else { return nil }
                isInside = false
                continue
            }
            guard byte.isDigit else { return nil }
            let digit = Int(byte - UInt8(ascii: "0"))
            if isInside {
                numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + digit
            } else {
                numbers.append(digit)
            }
            isInside = true
        }
        return numbers
    }
}

extension BinaryInteger {
    /// The quotient rounded down, also below zero.
    fileprivate func flooredDivision(by divisor: Self) -> Self {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    fileprivate func padded(to width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
