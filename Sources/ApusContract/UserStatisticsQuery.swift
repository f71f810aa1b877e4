/// The periods that user statistics are asked for.
///
/// Source: contract, report §7 and §9.
package struct UserStatisticsQuery: Sendable, Equatable {
    /// How far back statistics reach, in days.
    package static let reachDays = 60
    /// How far back those of groups reach, in days.
    package static let groupReachDays = 30

    /// How long a period is.
    package enum Unit: String, Sendable, CaseIterable {
        case hour = "HOUR"
        case day = "DAY"
        case month = "MONTH"
    }

    /// One hour, day or month of UTC+8.
    package struct Period: Sendable, Equatable {
        /// In the format of the query's `start`.
        package let name: String
        /// Milliseconds since the epoch at which it begins.
        package let startMilliseconds: Int64
        /// Milliseconds since the epoch at which the next one begins.
        package let endMilliseconds: Int64
    }

    /// As asked, in upper case on the wire.
    package let unit: Unit
    /// As it was sent.
    package let start: String
    /// How many periods were asked for, cut to what the unit allows at most.
    package let duration: Int
    /// Consecutive; of hours only those of the day that `start` is in.
    package let periods: [Period]

    /// Reads the parameters, each nil where it is missing.
    ///
    /// - Parameters:
    ///   - today: the day that the reach is counted back from.
    ///   - reachDays: how far back these statistics reach, and how many days they tell of at once at most.
    /// - Throws: ``Refusal/Kind/missingValue``, ``Refusal/Kind/badValue``, ``Refusal/Kind/badPeriod`` or
    ///   ``Refusal/Kind/periodTooOld``.
    package init(
        unit: String?, start: String?, duration: String?, today: DayUTC8, reachDays: Int = Self.reachDays
    ) throws(Refusal) {
        guard let unit else { throw .missing("time_unit") }
        guard let known = Unit(rawValue: unit.uppercased()) else {
            throw Refusal(.badPeriod, "time_unit must be HOUR, DAY or MONTH")
        }
        guard let start else { throw .missing("start") }
        guard let duration else { throw .missing("duration") }
        guard let count = Self.count(duration) else { throw .bad("duration", "a whole number from 1 on") }
        let earliest = DayUTC8(number: today.number - reachDays)
        let tooOld = Refusal(.periodTooOld, "start is more than \(reachDays) days ago")
        self.unit = known
        self.start = start
        switch known {
        case .hour:
            self.duration = min(24, count)
            guard let first = TimeUTC8("\(start):00:00") else { throw Self.misfit("yyyy-MM-dd HH") }
            guard first.day >= earliest else { throw tooOld }
            self.periods = Self.hours(from: first, self.duration)
        case .day:
            self.duration = min(reachDays, count)
            guard let first = DayUTC8(start) else { throw Self.misfit("yyyy-MM-dd") }
            guard first >= earliest else { throw tooOld }
            self.periods = (0..<self.duration).map { Self.days(DayUTC8(number: first.number + $0)) }
        case .month:
            self.duration = min(2, count)
            guard let first = DayUTC8("\(start)-01") else { throw Self.misfit("yyyy-MM") }
            let months = Self.months(from: first, self.duration)
            guard let end = months.first?.endMilliseconds, end > earliest.startMilliseconds else { throw tooOld }
            self.periods = months
        }
    }

    private static func misfit(_ format: String) -> Refusal {
        Refusal(.badPeriod, "start must be a time as \(format) to fit time_unit")
    }

    /// Digits of any length: what is too large for a number is cut all the same.
    private static func count(_ text: String) -> Int? {
        guard text.utf8.allSatisfy(\.isDigit), text.utf8.contains(where: { $0 != UInt8(ascii: "0") }) else {
            return nil
        }
        return Int(text) ?? .max
    }

    private static func hours(from first: TimeUTC8, _ count: Int) -> [Period] {
        (0..<count).compactMap { TimeUTC8(day: first.day, secondOfDay: first.secondOfDay + $0 * 3600) }.map { hour in
            Period(
                name: String(hour.text.dropLast(":00:00".count)), startMilliseconds: hour.epochMilliseconds,
                endMilliseconds: hour.epochMilliseconds + 3_600_000)
        }
    }

    private static func days(_ day: DayUTC8) -> Period {
        Period(
            name: day.text, startMilliseconds: day.startMilliseconds,
            endMilliseconds: DayUTC8(number: day.number + 1).startMilliseconds)
    }

    private static func months(from first: DayUTC8, _ count: Int) -> [Period] {
        var months: [Period] = []
        var start = first
        for _ in 0..<count {
            let (year, month, _) = start.fields
            let next = DayUTC8(number: start.number + DayUTC8.length(ofMonth: month, year: year))
            months.append(
                Period(
                    name: String(start.text.dropLast("-01".count)), startMilliseconds: start.startMilliseconds,
                    endMilliseconds: next.startMilliseconds))
            start = next
        }
        return months
    }
}
