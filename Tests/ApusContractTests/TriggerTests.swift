import Testing

@testable import ApusContract

/// Another way to the same days: walks through every day of the validity, as the contract tells it.
private struct SlowTrigger {
    let start: TimeUTC8
    let end: TimeUTC8
    let secondOfDay: Int
    let days: Trigger.Periodical.Days
    let frequency: Int

    var fires: [TimeUTC8] {
        var candidates: [TimeUTC8] = []
        for number in start.day.number...end.day.number {
            let day = DayUTC8(number: number)
            guard self.matches(day), let time = TimeUTC8(day: day, secondOfDay: self.secondOfDay), time >= self.start,
                time <= self.end
            else { continue }
            candidates.append(time)
        }
        guard let first = candidates.first else { return [] }
        return candidates.filter { (self.unit(of: $0.day) - self.unit(of: first.day)) % self.frequency == 0 }
    }

    private func matches(_ day: DayUTC8) -> Bool {
        switch self.days {
        case .every: true
        case .weekdays(let weekdays): weekdays.contains(day.weekday)
        case .monthDays(let days): days.contains(day.fields.day)
        }
    }

    /// Counted, not computed: how many days, Mondays or firsts of a month lie between a fixed Monday and the day.
    private func unit(of day: DayUTC8) -> Int {
        let origin = self.start.day.number - 40
        return (origin..<day.number + 1).count { number in
            switch self.days {
            case .every: true
            case .weekdays: DayUTC8(number: number).weekday == 1
            case .monthDays: DayUTC8(number: number).fields.day == 1
            }
        }
    }
}

@Suite struct `Trigger arithmetic` {
    @Test(arguments: 0..<8) func `agrees with a walk through every day`(_ seed: UInt64) throws {
        var random = Seeded(seed: seed)
        for _ in 0..<150 {
            let slow = try Self.trigger(&random)
            let fast = Trigger.periodical(
                .init(
                    start: slow.start, end: slow.end, secondOfDay: slow.secondOfDay, days: slow.days,
                    frequency: slow.frequency))
            let fires = slow.fires
            #expect(fast.last == fires.last, "\(fast)")
            var found: [TimeUTC8] = []
            var next = fast.fire(from: slow.start.epochMilliseconds - 1)
            while let fire = next, found.count <= fires.count {
                found.append(fire)
                next = fast.fire(from: fire.epochMilliseconds + 1)
            }
            #expect(found == fires, "\(fast)")
            // From anywhere, exact instants and their neighbours included.
            for _ in 0..<10 {
                let near = fires.randomElement(using: &random) ?? slow.start
                let moment = near.epochMilliseconds + Int64.random(in: -1...1, using: &random)
                #expect(fast.fire(from: moment) == fires.first { $0.epochMilliseconds >= moment }, "\(fast)")
            }
        }
    }

    private static func trigger(_ random: inout Seeded) throws -> SlowTrigger {
        // Around leap days, turns of years and the epoch.
        let day = DayUTC8(number: Int.random(in: -800...40_000, using: &random))
        let start = try #require(TimeUTC8(day: day, secondOfDay: Int.random(in: 0..<86_400, using: &random)))
        let length = [1, 8, 40, 365].randomElement(using: &random) ?? 1
        let lastDay = DayUTC8(number: day.number + Int.random(in: 1...length, using: &random))
        let second = Bool.random(using: &random) ? start.secondOfDay : Int.random(in: 0..<86_400, using: &random)
        let endSecond = Bool.random(using: &random) ? second : Int.random(in: 0..<86_400, using: &random)
        let end = try #require(TimeUTC8(day: lastDay, secondOfDay: endSecond))
        func some(_ range: ClosedRange<Int>) -> Set<Int> {
            Set((0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: range, using: &random) })
        }
        let days: Trigger.Periodical.Days =
            switch Int.random(in: 0..<3, using: &random) {
            case 0: .every
            case 1: .weekdays(some(1...7))
            default: .monthDays(some(Bool.random(using: &random) ? 1...31 : 29...31))
            }
        let frequency = Bool.random(using: &random) ? Int.random(in: 1...4, using: &random) : 100
        return SlowTrigger(
            start: start, end: end, secondOfDay: second, days: days,
            frequency: Bool.random(using: &random) ? 1 : frequency)
    }

    @Test func `fires a single one at its time alone`() throws {
        let time = try #require(TimeUTC8("2026-03-01 09:00:00"))
        let trigger = Trigger.single(time)
        #expect(time.epochMilliseconds == 1_772_326_800_000)
        #expect(trigger.fire(from: time.epochMilliseconds) == time)
        #expect(trigger.fire(from: time.epochMilliseconds + 1) == nil)
        #expect(trigger.last == time)
    }

    @Test(arguments: [
        ("2026-03-01 09:00:00", "2027-03-01 09:00:00"), ("2024-02-29 01:02:03", "2025-03-01 01:02:03"),
        ("2027-02-28 00:00:00", "2028-02-28 00:00:00"), ("2026-12-31 23:59:59", "2027-12-31 23:59:59"),
    ]) func `takes a year for the same day of the next one`(_ time: String, _ later: String) {
        #expect(TimeUTC8(time)?.yearLater?.text == later)
    }
}

@Suite struct `A trigger as sent` {
    private static func read(_ text: String) throws -> Trigger { try Trigger(try JSONValue(parsing: Array(text.utf8))) }

    private static func periodical(_ members: String) -> String {
        #"{"periodical": {"start": "2026-03-01 00:00:00", "end": "2026-12-31 23:59:59", "#
            + #""time": "09:00:00", \#(members)}}"#
    }

    @Test(arguments: [
        (#""time_unit": "day", "frequency": 3"#, Trigger.Periodical.Days.every, 3),
        (#""time_unit": "DAY", "frequency": "1", "point": null"#, .every, 1),
        (#""time_unit": "day", "frequency": 1.0, "point": []"#, .every, 1),
        (#""time_unit": "day", "frequency": 1, "point": ["MON", 7]"#, .every, 1),
        (#""time_unit": "Week", "frequency": 100, "point": ["mon", "SUN", "Mon"]"#, .weekdays([1, 7]), 100),
        (#""time_unit": "week", "frequency": 2, "point": "WED""#, .weekdays([3]), 2),
        (#""time_unit": "month", "frequency": 1, "point": ["01", "1", 31, "9"]"#, .monthDays([1, 9, 31]), 1),
    ]) func `is read in every form that clients send`(
        _ members: String, _ days: Trigger.Periodical.Days, _ frequency: Int
    ) throws {
        guard case .periodical(let rule) = try Self.read(Self.periodical(members)) else {
            Issue.record("not periodical")
            return
        }
        #expect(rule.days == days && rule.frequency == frequency && rule.secondOfDay == 32_400)
    }

    @Test(arguments: [
        #""time_unit": "hour", "frequency": 1"#, #""frequency": 1"#, #""time_unit": "day""#,
        #""time_unit": "day", "frequency": 0"#, #""time_unit": "day", "frequency": 101"#,
        #""time_unit": "day", "frequency": 1.5"#, #""time_unit": "week", "frequency": 1"#,
        #""time_unit": "week", "frequency": 1, "point": []"#, #""time_unit": "week", "frequency": 1, "point": ["01"]"#,
        #""time_unit": "week", "frequency": 1, "point": ["MONDAY"]"#,
        #""time_unit": "week", "frequency": 1, "point": {"a": "MON"}"#,
        #""time_unit": "month", "frequency": 1, "point": ["00"]"#,
        #""time_unit": "month", "frequency": 1, "point": ["32"]"#,
        #""time_unit": "month", "frequency": 1, "point": ["001"]"#,
        #""time_unit": "month", "frequency": 1, "point": ["MON"]"#,
        #""time_unit": "month", "frequency": 1, "point": [null]"#,
        #""time_unit": "day", "frequency": 1, "time": "9:00:00""#,
        #""time_unit": "day", "frequency": 1, "time": "24:00:00""#,
        #""time_unit": "day", "frequency": 1, "start": "2026-12-31 23:59:59""#,
        #""time_unit": "day", "frequency": 1, "end": "2027-03-01 00:00:01""#,
    ]) func `is refused in any other`(_ members: String) {
        #expect(throws: Refusal.self) { try Self.read(Self.periodical(members)) }
    }

    @Test func `may be valid for exactly a year`() throws {
        _ = try Self.read(Self.periodical(#""time_unit": "day", "frequency": 1, "end": "2027-03-01 00:00:00""#))
    }

    @Test(arguments: [
        "{}", "[]", "7", #"{"single": null}"#, #"{"single": {}}"#, #"{"single": {"time": 7}}"#,
        #"{"single": {"time": "2014-2-15 13:16:59"}}"#, #"{"single": {"time": "2014-12-15 13:16"}}"#,
        #"{"intelligent": {"backup_time": "2026-03-01 09:00:00"}}"#,
        #"{"single": {"time": "2026-03-01 09:00:00"}, "periodical": {}}"#,
        #"{"single": {"time": "2026-03-01 09:00:00"}, "other": {}}"#,
    ]) func `has exactly one kind`(_ text: String) {
        #expect(throws: Refusal.self) { try Self.read(text) }
    }

    @Test func `may have the other kind as null`() throws {
        let time = try #require(TimeUTC8("2026-03-01 09:00:00"))
        #expect(
            try Self.read(#"{"single": {"time": "2026-03-01 09:00:00", "x": 1}, "periodical": null}"#) == .single(time))
    }
}
