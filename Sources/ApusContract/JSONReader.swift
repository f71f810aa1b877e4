/// Why a text is not JSON.
package struct JSONError: Error, Equatable, Sendable {
    /// Where reading stopped, in bytes from the start of the text as it was given.
    package let offset: Int
    /// What was wrong there: a short phrase without the text itself.
    package let reason: String
}

/// Reads one JSON text into a flat tape of tokens, in one pass.
///
/// Strict RFC 8259: UTF-8 only and checked, nothing after the value, no control characters in strings, no lone
/// surrogates; one byte order mark in front is skipped. Strings stay where they are: a token holds their byte range.
struct JSONReader {
    /// Objects and arrays open at the same time. Bounds the recursion here and in everything that walks a tape.
    static let depthMax = 64
    /// Offsets on the tape are 32 bits wide.
    static let sizeMaxBytes = Int(UInt32.max) - 1

    private let source: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var tape: [JSONDocument.Token] = []
    /// See ``JSONDocument/isTerse``.
    private var isTerse = true

    /// - Throws: ``JSONError`` at the first byte that cannot belong to a JSON text.
    static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONDocument {
        guard bytes.count <= Self.sizeMaxBytes else {
            throw JSONError(offset: Self.sizeMaxBytes, reason: "the text is too long")
        }
        let (tape, isTerse) = try bytes.withUnsafeBufferPointer {
            (source) throws(JSONError) -> ([JSONDocument.Token], Bool) in
            var reader = JSONReader(source: source)
            return (try reader.readText(), reader.isTerse)
        }
        return JSONDocument(bytes: bytes, tape: tape, isTerse: isTerse)
    }

    private init(source: UnsafeBufferPointer<UInt8>) {
        self.source = source
        // A push object has a token for about every nine bytes.
        self.tape.reserveCapacity(source.count / 8 + 8)
    }

    private mutating func readText() throws(JSONError) -> [JSONDocument.Token] {
        if self.source.count >= 3, self.source[0] == 0xEF, self.source[1] == 0xBB, self.source[2] == 0xBF {
            self.position = 3
            self.isTerse = false
        }
        self.skipSpace()
        try self.readValue(depth: 0)
        self.skipSpace()
        guard self.position == self.source.count else { throw self.unexpected("the end of the text") }
        return self.tape
    }

    private mutating func readValue(depth: Int) throws(JSONError) {
        switch self.current {
        case UInt8(ascii: "{"): try self.readObject(depth: depth + 1)
        case UInt8(ascii: "["): try self.readArray(depth: depth + 1)
        case UInt8(ascii: "\""): try self.readString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try self.readNumber()
        case UInt8(ascii: "t"): try self.readWord("true", as: .boolean)
        case UInt8(ascii: "f"): try self.readWord("false", as: .boolean)
        case UInt8(ascii: "n"):
            try self.readWord("null", as: .null)
            self.isTerse = false
        default: throw self.unexpected("a value")
        }
    }

    private mutating func readObject(depth: Int) throws(JSONError) {
        let index = try self.open(.object, depth: depth)
        if self.take(UInt8(ascii: "}")) { return self.close(index) }
        while true {
            guard self.current == UInt8(ascii: "\"") else { throw self.unexpected("a member name") }
            try self.readString()
            self.note(self.tape[self.tape.count - 1], in: index)
            self.skipSpace()
            guard self.take(UInt8(ascii: ":")) else { throw self.unexpected("a colon") }
            self.skipSpace()
            try self.readValue(depth: depth)
            self.skipSpace()
            if self.take(UInt8(ascii: "}")) { return self.close(index) }
            guard self.take(UInt8(ascii: ",")) else { throw self.unexpected("a comma or the end of the object") }
            self.skipSpace()
        }
    }

    private mutating func readArray(depth: Int) throws(JSONError) {
        let index = try self.open(.array, depth: depth)
        if self.take(UInt8(ascii: "]")) { return self.close(index) }
        while true {
            try self.readValue(depth: depth)
            self.skipSpace()
            if self.take(UInt8(ascii: "]")) { return self.close(index) }
            guard self.take(UInt8(ascii: ",")) else { throw self.unexpected("a comma or the end of the array") }
            self.skipSpace()
        }
    }

    private mutating func readWord(_ word: StaticString, as kind: JSONValue.Kind) throws(JSONError) {
        let start = self.position
        for offset in 0..<word.utf8CodeUnitCount {
            guard self.take(word.utf8Start[offset]) else { throw self.unexpected("true, false or null") }
        }
        self.append(kind, from: start)
    }

    private mutating func readNumber() throws(JSONError) {
        let start = self.position
        _ = self.take(UInt8(ascii: "-"))
        if !self.take(UInt8(ascii: "0")) { try self.readDigits() }
        if self.take(UInt8(ascii: ".")) { try self.readDigits() }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
            try self.readDigits()
        }
        self.append(.number, from: start)
    }

    private mutating func readDigits() throws(JSONError) {
        guard self.current.isDigit else { throw self.unexpected("a digit") }
        while self.current.isDigit { self.position += 1 }
    }
}

extension JSONReader {
    private mutating func readString() throws(JSONError) {
        self.position += 1
        let start = self.position
        var isEscaped = false
        while true {
            self.skipPlain()
            let byte = self.current
            if byte == UInt8(ascii: "\"") {
                self.append(.string, from: start, isEscaped: isEscaped)
                self.position += 1
                return
            }
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                self.isTerse = false
                try self.readEscape()
            } else if byte >= 0x80 {
                try self.readSequence()
            } else {
                throw self.unexpected("the end of the string", instead: "a control character in a string")
            }
        }
    }

    /// Moves over ASCII that stands for itself, eight bytes at a time.
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while self.position + 8 <= self.source.count {
            let raw = UnsafeRawPointer(self.source.baseAddress.unsafelyUnwrapped + self.position)
            let word = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
            // The lowest top bit that is set marks the first byte that is not plain; those above it may be false.
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let control = (word &- ones &* 0x20) & ~word
            let stops =
                (word | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | control) & tops
            guard stops == 0 else {
                self.position += stops.trailingZeroBitCount / 8
                return
            }
            self.position += 8
        }
        while self.position < self.source.count {
            let byte = self.source[self.position]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return }
            self.position += 1
        }
    }

    private mutating func readEscape() throws(JSONError) {
        self.position += 1
        switch self.current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            self.position += 1
        case UInt8(ascii: "u"):
            let start = self.position - 1
            let unit = try self.readUnit()
            guard unit & 0xF800 == 0xD800 else { return }
            guard unit < 0xDC00, self.take(UInt8(ascii: "\\")), self.current == UInt8(ascii: "u"),
                try self.readUnit() & 0xFC00 == 0xDC00
            else { throw JSONError(offset: start, reason: "a lone surrogate") }
        default:
            throw self.unexpected("an escape")
        }
    }

    /// Reads `uXXXX`.
    private mutating func readUnit() throws(JSONError) -> UInt16 {
        self.position += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = self.current.hexDigitValue else { throw self.unexpected("a hexadecimal digit") }
            unit = unit << 4 | UInt16(digit)
            self.position += 1
        }
        return unit
    }

    /// Reads one character of two to four bytes: no overlong form, no surrogate, nothing above U+10FFFF.
    private mutating func readSequence() throws(JSONError) {
        let start = self.position
        let lead = self.source[start]
        let second: ClosedRange<UInt8>
        let length: Int
        switch lead {
        case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
        case 0xE0: (second, length) = (0xA0...0xBF, 3)
        case 0xED: (second, length) = (0x80...0x9F, 3)
        case 0xE1...0xEF: (second, length) = (0x80...0xBF, 3)
        case 0xF0: (second, length) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
        case 0xF4: (second, length) = (0x80...0x8F, 4)
        default: throw JSONError(offset: start, reason: "not UTF-8")
        }
        guard start + length <= self.source.count, second.contains(self.source[start + 1]),
            length < 3 || self.source[start + 2] & 0xC0 == 0x80,
            length < 4 || self.source[start + 3] & 0xC0 == 0x80
        else { throw JSONError(offset: start, reason: "not UTF-8") }
        self.position = start + length
    }
}

extension JSONReader {
    /// The byte at the position; 0 at the end, which no rule accepts anywhere.
    private var current: UInt8 { self.position < self.source.count ? self.source[self.position] : 0 }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.current == byte else { return false }
        self.position += 1
        return true
    }

    private mutating func skipSpace() {
        while true {
            switch self.current {
            case 0x20, 0x0A, 0x0D, 0x09:
                self.position += 1
                self.isTerse = false
            default: return
            }
        }
    }

    private mutating func open(_ kind: JSONValue.Kind, depth: Int) throws(JSONError) -> Int {
        guard depth <= Self.depthMax else {
            throw JSONError(offset: self.position, reason: "nested deeper than \(Self.depthMax)")
        }
        let index = self.tape.count
        let start = self.position
        self.position += 1
        self.append(kind, from: start)
        self.skipSpace()
        return index
    }

    /// Notes at the object that it has this name.
    private mutating func note(_ name: JSONDocument.Token, in object: Int) {
        guard !name.isEscaped else {
            self.tape[object].isEscaped = true
            return self.tape[object].names = .max
        }
        let first = self.source[Int(name.start)]
        self.tape[object].names |= JSONDocument.Token.mark(of: Int(name.end - name.start), first)
    }

    private mutating func close(_ index: Int) {
        self.tape[index].end = UInt32(truncatingIfNeeded: self.position)
        self.tape[index].next = UInt32(truncatingIfNeeded: self.tape.count)
    }

    private mutating func append(_ kind: JSONValue.Kind, from start: Int, isEscaped: Bool = false) {
        self.tape.append(
            JSONDocument.Token(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: self.position),
                next: UInt32(truncatingIfNeeded: self.tape.count + 1), kind: kind, isEscaped: isEscaped))
    }

    private func unexpected(_ wanted: String, instead found: String? = nil) -> JSONError {
        if self.position >= self.source.count {
            return JSONError(offset: self.source.count, reason: "the text ends where \(wanted) is expected")
        }
        return JSONError(offset: self.position, reason: found ?? "\(wanted) is expected")
    }
}

extension UInt8 {
    /// The value of an ASCII hexadecimal digit of either case.
    var hexDigitValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
