/// An uploaded list on its way into the store: the text as it arrives in, cleaned names out.
package struct AudienceListDraft: Sendable {
    /// What the names are.
    package let kind: UploadedFile.Kind
    private(set) var draft: UploadDraft
    private var lines = ListCleaner()

    package init(kind: UploadedFile.Kind, in draft: UploadDraft) {
        self.kind = kind
        self.draft = draft
    }

    /// Takes the next bytes of the text, cut anywhere.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` for what is not UTF-8 or no list of names, and store refusals.
    package mutating func append(_ bytes: [UInt8]) async throws(Refusal) {
        try await self.draft.append(try self.lines.clean(bytes))
    }

    /// Says that nothing follows.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` when there was not one name, and store refusals.
    package mutating func finish() async throws(Refusal) {
        try self.lines.finish()
        try await self.draft.finish()
    }

    /// How many names there are, repeated ones included.
    var count: Int { self.lines.count }
}

/// Cleans a list while it arrives: one name a line, blanks around it dropped, empty lines skipped, `\r\n` and a byte
/// order mark tolerated.
///
/// What comes out has `\n` between two names and nothing else that was not in one.
struct ListCleaner {
    /// The most blanks that may stand together within a name: they are kept until it is known that the line goes on.
    static let blanksMax = 1024

    /// How many lines had a name, so far.
    private(set) var count = 0

    /// The beginning of a character whose end is still to come.
    private var cutCharacter: [UInt8] = []
    private var isAtStart = true
    private var isInName = false
    /// Blanks behind a name, which belong to it when more of it follows.
    private var blanks: [UInt8] = []
    private var blanksOverflow = false

    /// - Returns: what is certain of the cleaned list and was not returned before.
    mutating func clean(_ bytes: [UInt8]) throws(Refusal) -> [UInt8] {
        var text = self.cutCharacter + bytes
        self.cutCharacter = Array(text.suffix(Self.cutBytes(text)))
        text.removeLast(self.cutCharacter.count)
        guard !text.isEmpty else { return [] }
        guard String(validating: text, as: UTF8.self) != nil else { throw Self.notUTF8 }
        var rest = text[...]
        // Cut between characters, the first piece holds the mark whole.
        if self.isAtStart, rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
        self.isAtStart = false
        var cleaned: [UInt8] = []
        cleaned.reserveCapacity(rest.count + 1)
        for byte in rest { try self.take(byte, &cleaned) }
        return cleaned
    }

    /// Says that nothing follows.
    mutating func finish() throws(Refusal) {
        guard self.cutCharacter.isEmpty else { throw Self.notUTF8 }
        guard self.count > 0 else { throw .bad("filename", "a list with at least one line") }
    }

    private mutating func take(_ byte: UInt8, _ cleaned: inout [UInt8]) throws(Refusal) {
        switch byte {
        case 0x0A, 0x0D:
            self.isInName = false
            self.blanks.removeAll(keepingCapacity: true)
            self.blanksOverflow = false
        case 0x20, 0x09:
            guard self.isInName else { return }
            if self.blanks.count < Self.blanksMax { self.blanks.append(byte) } else { self.blanksOverflow = true }
        default:
            if self.isInName {
                guard !self.blanksOverflow else {
                    throw .bad("filename", "one name a line, without more than \(Self.blanksMax) blanks in a name")
                }
                cleaned.append(contentsOf: self.blanks)
                self.blanks.removeAll(keepingCapacity: true)
            } else {
                if self.count > 0 { cleaned.append(0x0A) }
                self.count += 1
                self.isInName = true
            }
            cleaned.append(byte)
        }
    }

    /// How many bytes at the end belong to a character that is not complete.
    private static func cutBytes(_ text: [UInt8]) -> Int {
        for length in 1...3 where length <= text.count {
            let byte = text[text.count - length]
            // A continuation: its character begins further in front.
            guard byte & 0xC0 != 0x80 else { continue }
            let size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return size > length ? length : 0
        }
        return 0
    }

    private static var notUTF8: Refusal { .bad("filename", "a text in UTF-8") }
}
