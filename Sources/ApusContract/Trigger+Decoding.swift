// Contract, schedule §1, "Triggers".

extension Shape {
    fileprivate static let trigger: Shape = ["single": .object(Shape.single.open), "periodical": .special(Self.check)]

    fileprivate static let single: Shape = ["time": .required(.time)]

    fileprivate static let periodical: Shape = [
        "start": .required(.time),
        "end": .required(.time),
        "time": .required(
            .special { (value) throws(Refusal) in
                guard TimeUTC8(onAnyDay: value) != nil else { throw value.bad("a time of day as HH:mm:ss") }
            }),
        "time_unit": .required(
            .special { (value) throws(Refusal) in
                guard TriggerUnit(value) != nil else { throw value.bad("one of day, week, month") }
            }),
        "frequency": .required(.integer(Trigger.Periodical.frequencies)),
        "point": .any,
    ]

    @Sendable private static func check(_ value: JSONValue) throws(Refusal) { try Shape.periodical.open.check(value) }
}

/// What periods are counted in, by its name on the wire in any case.
private enum TriggerUnit {
    case day, week, month

    init?(_ value: JSONValue) {
        if value.isWord("day") {
            self = .day
        } else if value.isWord("week") {
            self = .week
        } else if value.isWord("month") {
            self = .month
        } else {
            return nil
        }
    }
}

extension Trigger {
    /// Reads `trigger`: exactly one kind, each of its values in its form. Whether a fire is left depends on the clock
    /// and is not asked here.
    ///
    /// - Throws: ``Refusal/Kind/badValue``, ``Refusal/Kind/missingValue`` or, for an unknown kind,
    ///   ``Refusal/Kind/unsupportedKey``, with the place.
    package init(_ value: JSONValue) throws(Refusal) {
        try Shape.trigger.check(value)
        switch (value["single"], value["periodical"]) {
        case (let single?, nil):
            guard let time = single["time"]?.string.flatMap({ TimeUTC8($0) }) else { throw single.missing("time") }
            self = .single(time)
        case (nil, let periodical?): self = .periodical(try Periodical(checked: periodical))
        case (nil, nil), (_?, _?): throw value.bad("an object with exactly one of single, periodical")
        }
    }
}

extension Trigger.Periodical {
    /// Reads what ``Shape/periodical`` has accepted.
    fileprivate init(checked value: JSONValue) throws(Refusal) {
        guard let start = value["start"]?.string.flatMap({ TimeUTC8($0) }), let end = value["end"],
            let endTime = end.string.flatMap({ TimeUTC8($0) }),
            let time = value["time"].flatMap(TimeUTC8.init(onAnyDay:)),
            let unit = value["time_unit"].flatMap(TriggerUnit.init), let frequency = value["frequency"]?.integer
        else { throw value.missing("start") }
        guard endTime > start else { throw end.bad("later than start") }
        guard start.yearLater.map({ endTime <= $0 }) ?? true else { throw end.bad("at most 1 year after start") }
        self.init(
            start: start, end: endTime, secondOfDay: time.secondOfDay, days: try Days(point: value, unit: unit),
            frequency: Int(frequency))
    }
}

extension Trigger.Periodical.Days {
    /// Reads `point`, a list or its only element. Days take none, and ignore what some clients send.
    fileprivate init(point periodical: JSONValue, unit: TriggerUnit) throws(Refusal) {
        let point = periodical["point"]
        let elements = try point.map { (point) throws(Refusal) in
            if let list = point.list { return Array(list) }
            guard point.kind == .string || point.kind == .number else { throw point.bad("a list") }
            return [point]
        }
        switch unit {
        case .day: self = .every
        case .week:
            self = .weekdays(
                try Self.numbers(elements, periodical, "a day of the week, MON to SUN") { value in
                    Self.weekdayNames.firstIndex { value.isWord($0) }.map { $0 + 1 }
                })
        case .month:
            self = .monthDays(
                try Self.numbers(elements, periodical, "a day of the month, 01 to 31") { value in
                    guard value.kind == .number || value.stringSize ?? 0 <= 2 else { return nil }
                    return value.integer.flatMap { (1...31).contains($0) ? Int($0) : nil }
                })
        }
    }

    private static func numbers(
        _ elements: [JSONValue]?, _ periodical: JSONValue, _ expectation: String, _ read: (JSONValue) -> Int?
    ) throws(Refusal) -> Set<Int> {
        guard let elements, !elements.isEmpty else { throw periodical.missing("point") }
        var numbers: Set<Int> = []
        for element in elements {
            guard let number = read(element) else { throw element.bad(expectation) }
            numbers.insert(number)
        }
        return numbers
    }

    private static let weekdayNames: [StaticString] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
}

extension TimeUTC8 {
    /// Reads `HH:mm:ss`; the day means nothing.
    fileprivate init?(onAnyDay value: JSONValue) {
        guard let text = value.string else { return nil }
        self.init("2000-01-01 \(text)")
    }
}
