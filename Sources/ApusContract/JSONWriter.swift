extension [UInt8] {
    /// Appends a JSON string, quotes included: only `"`, `\` and control characters are escaped.
    package mutating func appendJSON(string text: String) {
        self.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { self.appendEscaped($0) }
        self.append(UInt8(ascii: "\""))
    }

    /// Appends a JSON integer, of at most 64 bits with its sign.
    package mutating func appendJSON(integer number: some BinaryInteger) {
        self.append(decimal: Int64(number))
    }

    /// Appends the decimal digits of a number, without a text in between.
    package mutating func append(decimal number: Int64) {
        if number < 0 { self.append(UInt8(ascii: "-")) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (rest, first) = (number.magnitude, digits.count)
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            self.append(contentsOf: digits[first...])
        }
    }

    /// Appends a JSON array of strings.
    package mutating func appendJSON(strings texts: some Sequence<String>) {
        self.append(UInt8(ascii: "["))
        var isFirst = true
        for text in texts {
            if !isFirst { self.append(UInt8(ascii: ",")) }
            isFirst = false
            self.appendJSON(string: text)
        }
        self.append(UInt8(ascii: "]"))
    }

    /// Appends text as it stands: punctuation and fixed names of an answer, as in `{"msg_id":`.
    package mutating func append(json literal: StaticString) {
        self.append(contentsOf: UnsafeBufferPointer(literal))
    }

    /// Appends UTF-8 text as the inside of a JSON string.
    mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        var plainFrom = 0
        for (offset, byte) in text.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
            self.append(contentsOf: text[plainFrom..<offset])
            plainFrom = offset + 1
            self.append(UInt8(ascii: "\\"))
            switch byte {
            case 0x22, 0x5C: self.append(byte)
            case 0x08: self.append(UInt8(ascii: "b"))
            case 0x09: self.append(UInt8(ascii: "t"))
            case 0x0A: self.append(UInt8(ascii: "n"))
            case 0x0C: self.append(UInt8(ascii: "f"))
            case 0x0D: self.append(UInt8(ascii: "r"))
            default:
                let digits: StaticString = "0123456789abcdef"
                self.append(json: "u00")
                self.append(digits.utf8Start[Int(byte >> 4)])
                self.append(digits.utf8Start[Int(byte & 0xF)])
            }
        }
        self.append(contentsOf: text[plainFrom...])
    }
}

/// The escapes inside JSON strings.
enum JSONEscape {
    /// The text that the inside of a string stands for, as UTF-8.
    ///
    /// - Parameters:
    ///   - raw: what ``JSONReader`` accepted; every escape is whole, every surrogate has its pair.
    ///   - size: what follows so many bytes of the text may be left out.
    static func decode(_ raw: ArraySlice<UInt8>, upTo size: Int = .max) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(min(raw.count, size))
        var rest = raw
        while text.count < size, let backslash = rest.prefix(size - text.count).firstIndex(of: UInt8(ascii: "\\")) {
            text.append(contentsOf: rest[..<backslash])
            let letter = rest[backslash + 1]
            rest = rest[(backslash + 2)...]
            switch letter {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(Self.takeScalar(&rest)) ?? .init())
            default: text.append(letter)
            }
        }
        text.append(contentsOf: rest.prefix(max(0, size - text.count)))
        return text
    }

    /// Takes `XXXX`, and `\uXXXX` after it where the first is the half of a pair.
    private static func takeScalar(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar {
        let unit = Self.takeUnit(&rest)
        guard unit & 0xF800 == 0xD800 else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
        rest = rest.dropFirst(2)
        let low = Self.takeUnit(&rest)
        return Unicode.Scalar(0x1_0000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
    }

    private static func takeUnit(_ rest: inout ArraySlice<UInt8>) -> UInt32 {
        let unit = rest.prefix(4).reduce(UInt32(0)) { $0 << 4 | UInt32($1.hexDigitValue ?? 0) }
        rest = rest.dropFirst(4)
        return unit
    }
}
