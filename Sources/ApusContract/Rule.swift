/// What one member of an object must be. Null never gets here: it counts as absent.
indirect enum Rule: Sendable {
    /// The member must be there.
    case required(Rule)
    /// Checked elsewhere.
    case any
    case string
    /// A string that is not empty.
    case text
    /// A string up to so many bytes of UTF-8.
    case sized(maxBytes: Int)
    /// One of these strings; case matters.
    case word([StaticString])
    /// `yyyy-MM-dd HH:mm:ss`.
    case time
    /// A lenient integer within bounds.
    case integer(ClosedRange<Int64>)
    /// One of these lenient integers.
    case number([Int64])
    /// A JSON number within bounds.
    case fraction(ClosedRange<Double>)
    /// A lenient boolean.
    case boolean
    /// An array of strings.
    case strings
    /// An object whose members are the caller's own affair.
    case free
    case object(Shape)
    /// As ``object(_:)``, but an object without members counts as absent.
    case unlessEmpty(Shape)
    /// A string, or an object of a shape.
    case stringOr(Rule)
    case special(@Sendable (JSONValue) throws(Refusal) -> Void)

    /// Every lenient integer of 32 or 64 bits, where the contract names no bounds.
    static let int32 = Rule.integer(Int64(Int32.min)...Int64(Int32.max))
    static let int64 = Rule.integer(.min ... .max)

    var isRequired: Bool {
        if case .required = self { true } else { false }
    }

    /// - Throws: a ``Refusal`` that names the place and what would be right.
    func check(_ value: JSONValue) throws(Refusal) {
        switch self {
        case .required(let rule): try rule.check(value)
        case .any: break
        case .string, .text, .sized, .word, .time: try self.checkString(value)
        case .integer, .number, .fraction: try self.checkNumber(value)
        case .boolean: guard value.boolean != nil else { throw value.bad("a boolean") }
        case .strings: try Self.checkStrings(value)
        case .free: guard value.isMap else { throw value.bad("an object") }
        case .object(let shape): try shape.check(value)
        case .unlessEmpty(let shape):
            guard !value.isMap || value.hasMembers else { return }
            try shape.check(value)
        case .stringOr(let rule):
            guard value.kind != .string else { return }
            guard value.isMap else { throw value.bad("a string or an object") }
            try rule.check(value)
        case .special(let check): try check(value)
        }
    }

    private func checkString(_ value: JSONValue) throws(Refusal) {
        guard let size = value.stringSize else { throw value.bad("a string") }
        switch self {
        case .text: guard size > 0 else { throw value.bad("a string that is not empty") }
        case .sized(let maxBytes):
            guard size <= maxBytes else { throw value.bad("at most \(maxBytes) bytes of UTF-8") }
        case .word(let words):
            guard words.contains(where: { value.isString($0) }) else {
                throw value.bad("one of " + words.map { "\($0)" }.joined(separator: ", "))
            }
        case .time:
            guard TimeUTC8(value.string ?? "") != nil else { throw value.bad("a time as yyyy-MM-dd HH:mm:ss") }
        case .required, .any, .string, .integer, .number, .fraction, .boolean, .strings, .free, .object, .unlessEmpty,
            .stringOr, .special:
            break
        }
    }

    private func checkNumber(_ value: JSONValue) throws(Refusal) {
        switch self {
        case .integer(let bounds):
            guard let number = value.integer, bounds.contains(number) else { throw value.bad(Self.phrase(bounds)) }
        case .number(let numbers):
            guard let number = value.integer, numbers.contains(number) else {
                throw value.bad("one of " + numbers.map { "\($0)" }.joined(separator: ", "))
            }
        case .fraction(let bounds):
            guard let number = value.number, bounds.contains(number) else {
                throw value.bad("a number from \(bounds.lowerBound) to \(bounds.upperBound)")
            }
        case .required, .any, .string, .text, .sized, .word, .time, .boolean, .strings, .free, .object, .unlessEmpty,
            .stringOr, .special:
            break
        }
    }

    private static func checkStrings(_ value: JSONValue) throws(Refusal) {
        guard let list = value.list else { throw value.bad("an array of strings") }
        for element in list where element.kind != .string { throw element.bad("a string") }
    }

    private static func phrase(_ bounds: ClosedRange<Int64>) -> String {
        bounds == .min ... .max ? "an integer" : "an integer from \(bounds.lowerBound) to \(bounds.upperBound)"
    }
}
