extension JSONValue {
    /// A number without a fraction, exact over all of int64: `7`, `7.0`, `7e2`, and the decimal string `"7"`.
    ///
    /// Nil for anything else, for a fraction and outside int64.
    package var integer: Int64? {
        switch self.kind {
        case .number: Self.integer(number: self.text)
        case .string: Self.integer(decimal: self.document.unescaped(self.index))
        case .object, .array, .boolean, .null: nil
        }
    }

    /// A JSON number as the nearest double; nil for every other kind.
    package var number: Double? {
        guard self.kind == .number else { return nil }
        return Double(String(decoding: self.text, as: UTF8.self))
    }

    /// Reads digits with an optional minus in front.
    private static func integer(decimal text: ArraySlice<UInt8>) -> Int64? {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text
        guard !digits.isEmpty else { return nil }
        // Counted downwards, since int64 reaches one further there.
        var value: Int64 = 0
        for digit in digits {
            guard digit.isDigit else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (lower, below) = shifted.subtractingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            guard !overflow, !below else { return nil }
            value = lower
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    /// Reads a JSON number: its digits without the point, moved by the exponent, must leave no fraction.
    private static func integer(number text: ArraySlice<UInt8>) -> Int64? {
        if let plain = Self.integer(decimal: text) { return plain }
        let isE: (UInt8) -> Bool = { $0 | 0x20 == UInt8(ascii: "e") }
        let mantissa = text.prefix { !isE($0) }
        let sign = mantissa.prefix { $0 == UInt8(ascii: "-") }
        let point = mantissa.firstIndex(of: UInt8(ascii: "."))
        var digits = mantissa.filter(\.isDigit)
        let fraction = point.map { mantissa.endIndex - $0 - 1 } ?? 0
        guard let lastDigit = digits.lastIndex(where: { $0 != UInt8(ascii: "0") }) else { return 0 }
        let zeros = digits.count - lastDigit - 1
        digits.removeSubrange((lastDigit + 1)...)
        let scale = Self.exponent(text[mantissa.endIndex...].dropFirst()) - fraction + zeros
        // Leading zeros may stay, and digits too many are refused by their value; only the scale must not be spelt out.
        guard (0...18).contains(scale) else { return nil }
        return Self.integer(decimal: sign + digits + repeatElement(UInt8(ascii: "0"), count: scale))
    }

    /// Reads an exponent; one that no text of ours could make up for comes back as a bound.
    private static func exponent(_ text: ArraySlice<UInt8>) -> Int {
        let bound = 1 << 40
        let digits = text.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
        let value = digits.reduce(0) { value, digit in min(bound, value * 10 + Int(digit - UInt8(ascii: "0"))) }
        return text.first == UInt8(ascii: "-") ? -value : value
    }
}
