/// One JSON text that was read: its bytes, and a tape with one token per name and value, in order of the text.
///
/// Immutable, so that any number of ``JSONValue`` may look at it from anywhere.
final class JSONDocument: Sendable {
    struct Token: Sendable {
        /// First byte; of a string, the first after the quote.
        var start: UInt32
        /// One past the last byte; of a string, the closing quote.
        var end: UInt32
        /// Where the tape goes on after this value and all that is inside it.
        var next: UInt32
        var kind: JSONValue.Kind
        /// Whether a string holds backslashes; of an object, whether one of its names does.
        var isEscaped: Bool
        /// Of an object, the ``mark(of:_:)`` of each name: what has none of them is not looked for.
        var names: UInt16 = 0

        /// One of sixteen bits for a name, by its length and its first byte; an empty one has its quote there.
        static func mark(of length: Int, _ first: UInt8) -> UInt16 {
            1 << ((UInt16(truncatingIfNeeded: length) &* 7 ^ UInt16(first)) & 15)
        }
    }

    let bytes: [UInt8]
    /// An object is followed by name, value, name, value, …; an array by its elements.
    let tape: [Token]
    /// Whether the text has no spaces, no escapes and no null, and nothing around its value.
    let isTerse: Bool

    init(bytes: [UInt8], tape: [Token], isTerse: Bool) {
        self.bytes = bytes
        self.tape = tape
        self.isTerse = isTerse
    }

    /// The next sibling of the token at `index`.
    func next(_ index: Int) -> Int { Int(self.tape[index].next) }

    /// The bytes of the token at `index`: a string's without its quotes, and as they were escaped.
    func raw(_ index: Int) -> ArraySlice<UInt8> {
        let token = self.tape[index]
        return self.bytes[Int(token.start)..<Int(token.end)]
    }

    /// The text of the string at `index`, as UTF-8.
    func unescaped(_ index: Int) -> ArraySlice<UInt8> {
        let raw = self.raw(index)
        return self.tape[index].isEscaped ? JSONEscape.decode(raw)[...] : raw
    }

    /// The first bytes of the string at `index`, unescaped, in one word.
    func head(_ index: Int) -> UInt64 {
        let token = self.tape[index]
        guard !token.isEscaped else {
            return JSONEscape.decode(self.raw(index), upTo: 8).withUnsafeBufferPointer(Self.head(of:))
        }
        return self.bytes.withUnsafeBufferPointer {
            let (start, length) = (Int(token.start), Int(token.end - token.start))
            guard length > 0, start + 8 <= $0.count else {
                return Self.head(of: UnsafeBufferPointer(rebasing: $0[start..<(start + length)]))
            }
            let raw = UnsafeRawBufferPointer($0)
            let word = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            return length >= 8 ? word : word >> (64 - 8 * UInt64(length))
        }
    }

    /// At most eight bytes from the start of a text, in one word.
    static func head(of text: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var head: UInt64 = 0
        for offset in 0..<min(8, text.count) { head = head << 8 | UInt64(text[offset]) }
        return head
    }

    /// Where the value of a member stands on the tape; nil when there is none of this name, when the last one is null,
    /// and for what is no object.
    func member(_ name: UnsafeBufferPointer<UInt8>, of object: Int) -> Int? {
        self.tape.withUnsafeBufferPointer { tape in
            let mark = Token.mark(of: name.count, name.first ?? UInt8(ascii: "\""))
            guard tape[object].names & mark != 0 else { return nil }
            let end = Int(tape[object].next)
            var (found, current) = (0, object + 1)
            while current < end {
                if self.string(tape[current], current, is: name) { found = current + 1 }
                current = Int(tape[current + 1].next)
            }
            return found != 0 && tape[found].kind != .null ? found : nil
        }
    }

    /// Whether two members of an object may have one name; sure for small objects only.
    func mayRepeatNames() -> Bool {
        for (object, token) in self.tape.enumerated() where token.kind == .object {
            let end = Int(token.next)
            guard end - object <= JSONMemberIndices.smallMaxTokens else { return true }
            var name = object + 1
            while name < end {
                let following = self.next(name + 1)
                var later = following
                while later < end {
                    if self.isSameString(name, later) { return true }
                    later = self.next(later + 1)
                }
                name = following
            }
        }
        return false
    }

    /// Whether the string at `index` is this text.
    @inline(__always)
    func string(_ index: Int, is text: StaticString) -> Bool {
        self.string(self.tape[index], index, is: UnsafeBufferPointer(text))
    }

    @inline(__always)
    private func string(_ token: Token, _ index: Int, is text: UnsafeBufferPointer<UInt8>) -> Bool {
        let length = Int(token.end - token.start)
        // An escape has at most six bytes for one of the text: long strings need not be decoded to be told apart.
        guard length == text.count || (token.isEscaped && length <= 6 * text.count) else { return false }
        return self.isText(token, index, text)
    }

    private func isText(_ token: Token, _ index: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !token.isEscaped else { return self.unescaped(index).elementsEqual(text) }
        let start = Int(token.start)
        return self.bytes.withUnsafeBufferPointer { bytes in
            for offset in text.indices where bytes[start + offset] != text[offset] { return false }
            return true
        }
    }

    /// Whether the strings at two places, neither of them escaped, are the same text, byte for byte.
    func isSameString(_ left: Int, _ right: Int) -> Bool {
        let (one, other) = (self.tape[left], self.tape[right])
        guard one.end - one.start == other.end - other.start else { return false }
        return self.bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<Int(one.end - one.start)
            where bytes[Int(one.start) + offset] != bytes[Int(other.start) + offset] { return false }
            return true
        }
    }
}

/// The members of one object that count, by the tape index of their names: of several with one name the last, and
/// none whose value is null.
///
/// Small objects are compared name by name; large ones, and those with escapes in their names, through a table, so that
/// a hostile body costs no more than its size.
struct JSONMemberIndices: Sequence, IteratorProtocol {
    /// Tokens inside an object, up to which comparing is cheaper than a table.
    static let smallMaxTokens = 64

    private let document: JSONDocument
    private let end: Int
    private var name: Int
    /// Of each name, where it stands last; nil for a small object.
    private let last: [ArraySlice<UInt8>: Int]?

    init(_ document: JSONDocument, object: Int) {
        self.document = document
        self.name = object + 1
        self.end = document.next(object)
        let isSmall = self.end - object <= Self.smallMaxTokens && !document.tape[object].isEscaped
        self.last = isSmall ? nil : Self.table(document, self.name, self.end)
    }

    mutating func next() -> Int? {
        while self.name < self.end {
            let name = self.name
            self.name = self.document.next(name + 1)
            if self.document.tape[name + 1].kind != .null, self.isLast(name) { return name }
        }
        return nil
    }

    private func isLast(_ name: Int) -> Bool {
        if let last = self.last { return last[self.document.unescaped(name)] == name }
        var later = self.name
        while later < self.end {
            if self.document.isSameString(name, later) { return false }
            later = self.document.next(later + 1)
        }
        return true
    }

    private static func table(_ document: JSONDocument, _ first: Int, _ end: Int) -> [ArraySlice<UInt8>: Int] {
        var last: [ArraySlice<UInt8>: Int] = [:]
        var name = first
        while name < end {
            last[document.unescaped(name)] = name
            name = document.next(name + 1)
        }
        return last
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The bytes of a literal, which live as long as the program.
    init(_ text: StaticString) {
        self.init(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
