/// When a scheduled task fires.
///
/// Pure arithmetic over days of UTC+8. Source: contract, schedule §2.
package enum Trigger: Sendable, Equatable {
    case single(TimeUTC8)
    case periodical(Periodical)

    /// The earliest fire that is not before an instant.
    ///
    /// - Parameter milliseconds: since the epoch.
    /// - Returns: nil when none is left.
    package func fire(from milliseconds: Int64) -> TimeUTC8? {
        switch self {
        case .single(let time): time.epochMilliseconds >= milliseconds ? time : nil
        case .periodical(let rule): rule.fire(from: milliseconds)
        }
    }

    /// The last fire of all; nil when there never is one.
    package var last: TimeUTC8? {
        switch self {
        case .single(let time): time
        case .periodical(let rule): rule.last
        }
    }
}

extension Trigger {
    /// Every so many days, weeks or months, on days that match.
    package struct Periodical: Sendable, Equatable {
        /// Periods are ``frequency`` units.
        package static let frequencies: ClosedRange<Int64> = 1...100

        /// Start of validity, inclusive.
        package let start: TimeUTC8
        /// End of validity, inclusive.
        package let end: TimeUTC8
        /// Second of the day at which it fires, 0…86399.
        package let secondOfDay: Int
        /// Which days match.
        package let days: Days
        /// Fires lie in every so manieth unit, counted from the unit of the first fire.
        package let frequency: Int
        /// The unit of the first fire; nil when there never is one.
        private let firstUnit: Int?
        /// The days whose instant lies within the validity.
        private let validDays: Range<Int>

        /// The days of a period that match, and with them the unit that periods are counted in.
        package enum Days: Sendable, Equatable {
            case every
            /// Of a week, which runs from Monday (1) to Sunday (7).
            case weekdays(Set<Int>)
            /// Of a month; a day that a month does not have is skipped there.
            case monthDays(Set<Int>)
        }

        /// Takes a rule whose values are good: ``end`` after ``start``, ``frequency`` from 1.
        package init(start: TimeUTC8, end: TimeUTC8, secondOfDay: Int, days: Days, frequency: Int) {
            self.start = start
            self.end = end
            self.secondOfDay = secondOfDay
            self.days = days
            self.frequency = frequency
            let firstDay = start.secondOfDay <= secondOfDay ? start.day.number : start.day.number + 1
            let lastDay = end.secondOfDay >= secondOfDay ? end.day.number : end.day.number - 1
            self.validDays = firstDay..<max(firstDay, lastDay + 1)
            let first = days.first(in: self.validDays, origin: days.unit(of: firstDay), step: 1)
            self.firstUnit = first.map { days.unit(of: $0) }
        }

        func fire(from milliseconds: Int64) -> TimeUTC8? {
            guard let firstUnit = self.firstUnit else { return nil }
            let day = DayUTC8(epochMilliseconds: milliseconds)
            let isPast = day.startMilliseconds + Int64(self.secondOfDay) * 1000 < milliseconds
            let days = (isPast ? day.number + 1 : day.number)..<max(day.number + 1, self.validDays.upperBound)
            return self.days.first(in: days.clamped(to: self.validDays), origin: firstUnit, step: self.frequency)
                .flatMap(self.time)
        }

        var last: TimeUTC8? {
            guard let firstUnit = self.firstUnit else { return nil }
            return self.days.last(in: self.validDays, origin: firstUnit, step: self.frequency).flatMap(self.time)
        }

        private func time(on day: Int) -> TimeUTC8? {
            TimeUTC8(day: DayUTC8(number: day), secondOfDay: self.secondOfDay)
        }
    }
}

/// Days are numbers as in `DayUTC8.number`, units count up by one with every day, week or month.
extension Trigger.Periodical.Days {
    /// The unit that a day lies in.
    fileprivate func unit(of day: Int) -> Int {
        switch self {
        case .every: return day
        case .weekdays:
            // The Monday that a week begins with has a multiple of seven here: 1970-01-05 was one.
            return (day - (DayUTC8(number: day).weekday - 1) - 4) / 7
        case .monthDays:
            let (year, month, _) = DayUTC8(number: day).fields
            return year * 12 + month - 1
        }
    }

    /// The days of a unit that match, in order.
    private func matches(in unit: Int) -> [Int] {
        switch self {
        case .every: return [unit]
        case .weekdays(let weekdays): return weekdays.sorted().map { unit * 7 + 4 + $0 - 1 }
        case .monthDays(let monthDays):
            return monthDays.sorted().compactMap {
                DayUTC8(year: unit / 12, month: unit % 12 + 1, day: $0)?.number
            }
        }
    }

    /// The first matching day of a span, in units that lie a multiple of `step` behind `origin`.
    ///
    /// Goes from unit to unit, so that its cost does not grow with the days in between.
    fileprivate func first(in days: Range<Int>, origin: Int, step: Int) -> Int? {
        guard let lastDay = days.last else { return nil }
        let periods = max(0, (self.unit(of: days.lowerBound) - origin + step - 1) / step)
        for unit in stride(from: origin + periods * step, through: self.unit(of: lastDay), by: step) {
            if let day = self.matches(in: unit).first(where: days.contains) { return day }
        }
        return nil
    }

    /// The last matching day of a span, likewise.
    fileprivate func last(in days: Range<Int>, origin: Int, step: Int) -> Int? {
        guard let lastDay = days.last else { return nil }
        let periods = (self.unit(of: lastDay) - origin) / step
        for unit in stride(from: origin + periods * step, through: origin, by: -step) {
            if let day = self.matches(in: unit).last(where: days.contains) { return day }
        }
        return nil
    }
}

extension TimeUTC8 {
    /// The same month, day and time one year later; 29 February becomes 1 March. Nil after the year 9998.
    package var yearLater: TimeUTC8? {
        let (year, month, day) = self.day.fields
        let later =
            DayUTC8(year: year + 1, month: month, day: day) ?? DayUTC8(year: year + 1, month: month + 1, day: 1)
        return later.flatMap { TimeUTC8(day: $0, secondOfDay: self.secondOfDay) }
    }
}
