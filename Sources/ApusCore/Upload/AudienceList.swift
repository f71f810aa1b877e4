/// The names of an uploaded list, as they are kept.
package struct AudienceList: Sendable {
    /// What the names are.
    package let kind: UploadedFile.Kind
    /// One name a line, `\n` between them, none empty, UTF-8.
    package let content: [UInt8]

    package init(kind: UploadedFile.Kind, content: [UInt8]) {
        self.kind = kind
        self.content = content
    }

    /// The names, in their order.
    var names: some Sequence<String> {
        self.content.lazy.split(separator: 0x0A).lazy.map { String(decoding: $0, as: UTF8.self) }
    }
}
