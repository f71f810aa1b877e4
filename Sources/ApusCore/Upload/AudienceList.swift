/// The names of an uploaded list, cleaned.
package struct AudienceList: Sendable {
    /// What the names are.
    package let kind: UploadedFile.Kind
    /// One name a line, `\n` between them, none empty, UTF-8.
    package let content: [UInt8]

    /// Takes what a store has kept.
    package init(kind: UploadedFile.Kind, content: [UInt8]) {
        self.kind = kind
        self.content = content
    }

    /// Reads an uploaded text: one name a line, blanks around it dropped, empty lines skipped, `\r\n` and a byte order
    /// mark tolerated.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` for what is not UTF-8, and when nothing is left.
    package init(kind: UploadedFile.Kind, uploaded: [UInt8]) throws(Refusal) {
        guard String(validating: uploaded, as: UTF8.self) != nil else { throw .bad("filename", "a text in UTF-8") }
        var rest = uploaded[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
        var content: [UInt8] = []
        content.reserveCapacity(rest.count)
        for line in rest.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            guard let first = line.firstIndex(where: { !$0.isBlank }),
                let last = line.lastIndex(where: { !$0.isBlank })
            else { continue }
            if !content.isEmpty { content.append(0x0A) }
            content.append(contentsOf: line[first...last])
        }
        guard !content.isEmpty else { throw .bad("filename", "a list with at least one line") }
        self.init(kind: kind, content: content)
    }

    /// How many names there are, repeated ones included.
    package var count: Int { self.content.isEmpty ? 0 : self.content.count { $0 == 0x0A } + 1 }

    /// The names, in their order.
    var names: some Sequence<String> {
        self.content.lazy.split(separator: 0x0A).lazy.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == 0x20 || self == 0x09 }
}
