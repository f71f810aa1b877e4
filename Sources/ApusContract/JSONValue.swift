/// A value inside a JSON text that was read: a view, cheap to copy, that keeps the text alive.
///
/// Typed access is lenient where the contract is (README §7): see ``integer``, ``boolean`` and ``list``. A member whose
/// value is null counts as absent, and of members with one name the last counts.
package struct JSONValue: Sendable {
    /// What JSON knows; `true` and `false` are one kind.
    package enum Kind: UInt8, Sendable {
        case object, array, string, number, boolean, null
    }

    let document: JSONDocument
    /// Where the value stands on the tape.
    let index: Int

    init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    /// Reads a whole text.
    ///
    /// - Throws: ``JSONError`` when it is not strict JSON (RFC 8259) in UTF-8, or is nested deeper than 64.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        self.init(document: try JSONReader.read(bytes), index: 0)
    }

    /// What the value is, before any lenient reading.
    package var kind: Kind { self.token.kind }

    /// Whether this is null, which only an element of an array or a whole text can be.
    package var isNull: Bool { self.kind == .null }

    /// The text of a string, with its escapes undone; nil for every other kind.
    package var string: String? {
        guard self.kind == .string else { return nil }
        return String(decoding: self.document.unescaped(self.index), as: UTF8.self)
    }

    /// Whether this is a string of this text.
    package func isString(_ text: StaticString) -> Bool {
        self.kind == .string && self.document.string(self.index, is: text)
    }

    /// Whether this is a string of this word, in any case.
    ///
    /// By bytes, as every comparison with what callers send has to be: `==` of texts brings both into a normal form
    /// first, and takes minutes over one letter with a hundred thousand accents.
    ///
    /// - Parameter word: lower-case ASCII.
    package func isWord(_ word: StaticString) -> Bool {
        guard self.kind == .string else { return false }
        let text = self.document.unescaped(self.index)
        return text.count == word.utf8CodeUnitCount
            && zip(text, UnsafeBufferPointer(word)).allSatisfy { byte, wanted in
                byte == wanted || (byte | 0x20 == wanted && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte))
            }
    }

    /// Bytes of UTF-8 that a string stands for; nil for every other kind.
    package var stringSize: Int? {
        self.kind == .string ? self.document.unescaped(self.index).count : nil
    }

    /// A boolean; also the strings `"true"` and `"false"` and the numbers 0 and 1. Nil for anything else.
    package var boolean: Bool? {
        switch self.kind {
        case .boolean: return self.text.first == UInt8(ascii: "t")
        case .string: return self.isString("true") ? true : self.isString("false") ? false : nil
        case .number:
            guard let number = self.integer, number == 0 || number == 1 else { return nil }
            return number == 1
        case .object, .array, .null: return nil
        }
    }

    /// The elements of an array; none for an empty object, which some clients send for an empty list. Nil for anything
    /// else.
    package var list: Elements? {
        self.kind == .array || self.isEmptyContainer ? Elements(self) : nil
    }

    /// The members of an object; none for an empty array, which some clients send for an empty map. Nil for anything
    /// else.
    package var members: Members? { self.isMap ? Members(self) : nil }

    /// Whether it has ``members``, if only none.
    var isMap: Bool { self.kind == .object || self.isEmptyContainer }

    /// The member of an object with this name; nil when there is none, when it is null, and for every other kind.
    package subscript(_ name: StaticString) -> JSONValue? {
        guard let value = self.document.member(UnsafeBufferPointer(name), of: self.index) else { return nil }
        return JSONValue(document: self.document, index: value)
    }

    /// Whether this is `{}` or `[]`; an object of nothing but nulls is not.
    package var isEmptyContainer: Bool {
        switch self.kind {
        case .object, .array: self.document.next(self.index) == self.index + 1
        case .string, .number, .boolean, .null: false
        }
    }

    /// Whether this is an object with a member that counts.
    package var hasMembers: Bool {
        guard self.kind == .object else { return false }
        var indices = JSONMemberIndices(self.document, object: self.index)
        return indices.next() != nil
    }

    /// The value's bytes as they were sent; of a string without its quotes.
    var text: ArraySlice<UInt8> { self.document.raw(self.index) }

    var token: JSONDocument.Token { self.document.tape[self.index] }
}

extension JSONValue {
    /// The elements of an array, in order, nulls included.
    package struct Elements: Sequence, IteratorProtocol {
        private let document: JSONDocument
        private let end: Int
        private var index: Int

        fileprivate init(_ array: JSONValue) {
            self.document = array.document
            self.index = array.index + 1
            self.end = array.document.next(array.index)
        }

        /// The next element.
        package mutating func next() -> JSONValue? {
            guard self.index < self.end else { return nil }
            defer { self.index = self.document.next(self.index) }
            return JSONValue(document: self.document, index: self.index)
        }

        /// How many elements there are.
        package var count: Int { self.reduce(0) { count, _ in count + 1 } }
    }

    /// The members of an object that count, in order: no nulls, no earlier duplicates.
    package struct Members: Sequence, IteratorProtocol {
        private let document: JSONDocument
        private var indices: JSONMemberIndices

        fileprivate init(_ object: JSONValue) {
            self.document = object.document
            self.indices = JSONMemberIndices(object.document, object: object.index)
        }

        /// - Returns: a name, which is always a string, and its value.
        package mutating func next() -> (name: JSONValue, value: JSONValue)? {
            guard let name = self.indices.next() else { return nil }
            return (
                JSONValue(document: self.document, index: name),
                JSONValue(document: self.document, index: name + 1)
            )
        }
    }

    /// Where the value stands in its text, as in `audience.tag[2]`; empty for the whole text.
    ///
    /// Found by walking down from the top: meant for refusals.
    package var path: String {
        var path = ""
        var current = 0
        while current != self.index {
            let isObject = self.document.tape[current].kind == .object
            let end = self.document.next(current)
            var (child, position) = (current + 1, 0)
            while child < end {
                let value = isObject ? child + 1 : child
                guard self.document.next(value) <= self.index else {
                    let name = JSONValue(document: self.document, index: child)
                    path += isObject ? (path.isEmpty ? "" : ".") + name.quotable : "[\(position)]"
                    // A name stands where its value would: the path of `a` is that of the member.
                    current = child == self.index ? child : value
                    break
                }
                child = self.document.next(value)
                position += 1
            }
        }
        return path
    }

    /// A string short enough for a sentence: cut after 64 bytes.
    var quotable: String {
        let text = self.document.unescaped(self.index)
        return text.count <= 64
            ? String(decoding: text, as: UTF8.self) : String(decoding: text.prefix(64), as: UTF8.self) + "…"
    }
}
