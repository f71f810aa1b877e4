import ApusContract
import ApusHTTP
import NIOCore
import NIOHTTP1

/// A form with files, read whole.
struct MultipartForm {
    /// One field.
    struct Part: Equatable {
        let name: String
        /// Nil for a plain field.
        let fileName: String?
        let content: [UInt8]

        /// The text of a plain field, without blanks around it.
        var text: String {
            let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
            let start = self.content.drop(while: isBlank)
            guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
            return String(decoding: start[...last], as: UTF8.self)
        }
    }

    /// In the order in which they were sent.
    let parts: [Part]

    /// The first field of this name.
    subscript(_ name: String) -> Part? { self.parts.first { $0.name == name } }

    /// Bytes that are parsed before other work on the thread gets its turn.
    private static let sliceBytes = 256 << 10

    /// Reads the body of a request.
    ///
    /// - Parameter partMaxBytes: the most that one part may hold.
    /// - Throws: ``Refusal/Kind/formatNotSupported`` for another content type, ``Refusal/Kind/badValue`` for a form
    ///   that is malformed, ``Refusal/Kind/tooLarge`` for a part or a body over its limit.
    init(_ request: HTTPRequest, partMaxBytes: Int) async throws(Refusal) {
        let boundary = try Self.boundary(of: request.headers)
        var body = try request.body.bytes()
        var parser = MultipartParser(boundary: boundary)
        var parts: [Part] = []
        var current: (headers: MultipartHeaders, content: [UInt8])?
        do throws(MultipartParser.Malformation) {
            while let slice = body.readSlice(length: min(Self.sliceBytes, body.readableBytes)),
                slice.readableBytes > 0
            {
                for event in try parser.feed(slice.readableBytesView) {
                    switch event {
                    case .part(let headers): current = (headers, [])
                    case .content(let bytes): current?.content.append(contentsOf: bytes)
                    case .endOfPart:
                        if let part = current, let name = part.headers.name {
                            parts.append(Part(name: name, fileName: part.headers.fileName, content: part.content))
                        }
                        current = nil
                    }
                }
                await Task.yield()
            }
            try parser.finish()
        } catch {
            throw Refusal(.badValue, "The form is malformed: \(error.reason)")
        }
        for part in parts where part.content.count > partMaxBytes {
            throw Refusal(.tooLarge, "\(part.name) is larger than \(partMaxBytes) bytes")
        }
        self.parts = parts
    }

    /// The boundary that the content type names.
    static func boundary(of headers: HTTPHeaders) throws(Refusal) -> String {
        let type = HeaderParameters(headers.first(name: "Content-Type") ?? "")
        guard type.value == "multipart/form-data",
            let boundary = type.pairs.first(where: { $0.name == "boundary" })?.value,
            (1...70).contains(boundary.utf8.count)
        else {
            throw Refusal(.formatNotSupported, "The requested format is not supported, use multipart/form-data")
        }
        return boundary
    }
}
