import ApusContract
import ApusHTTP
import NIOCore
import NIOHTTP1

/// Reads a form with files, field by field, as its body arrives.
///
/// Keeps no more of the form than what came at once: what its fields hold is taken by who asks for it, and passed over
/// otherwise.
struct FormReader {
    /// The most bytes of a field that is no file.
    static let fieldMaxBytes = 4096

    private let partMaxBytes: Int
    private var body: RequestBody
    private var parser: MultipartParser
    private var events: ArraySlice<MultipartParser.Event> = []
    /// The field being read: its name, and how much of it came.
    private var current: (name: String, bytes: Int)?

    /// - Parameter partMaxBytes: the most that one field may hold.
    /// - Throws: ``Refusal/Kind/formatNotSupported`` for another content type.
    init(_ request: HTTPRequest, partMaxBytes: Int) throws(Refusal) {
        self.parser = MultipartParser(boundary: try Self.boundary(of: request.headers))
        self.body = request.body
        self.partMaxBytes = partMaxBytes
    }

    /// Goes to the next field, past what nobody has read of the current one.
    ///
    /// - Returns: nil behind the last byte of the body.
    /// - Throws: ``Refusal/Kind/badValue`` for a form that is malformed or does not arrive whole,
    ///   ``Refusal/Kind/tooLarge`` for a field or a body over its limit.
    mutating func nextPart() async throws(Refusal) -> MultipartHeaders? {
        while let event = try await self.nextEvent() {
            if case .part(let headers) = event { return headers }
        }
        return nil
    }

    /// The next bytes of the current field.
    ///
    /// - Returns: nil at its end.
    mutating func nextContent() async throws(Refusal) -> [UInt8]? {
        guard self.current != nil, case .content(let bytes)? = try await self.nextEvent() else { return nil }
        return bytes
    }

    /// All of the current field.
    ///
    /// - Throws: ``Refusal/Kind/tooLarge`` when it is longer than that.
    mutating func content(max: Int) async throws(Refusal) -> [UInt8] {
        let name = self.current?.name ?? ""
        var content: [UInt8] = []
        while let bytes = try await self.nextContent() {
            guard content.count + bytes.count <= max else { throw Self.tooLarge(name, max) }
            content.append(contentsOf: bytes)
        }
        return content
    }

    /// The text of the current field, without blanks around it.
    mutating func text() async throws(Refusal) -> String {
        let content = try await self.content(max: Self.fieldMaxBytes)
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
        let start = content.drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(decoding: start[...last], as: UTF8.self)
    }

    private mutating func nextEvent() async throws(Refusal) -> MultipartParser.Event? {
        while self.events.isEmpty {
            let bytes = try await self.nextBytes()
            do throws(MultipartParser.Malformation) {
                guard let bytes else {
                    try self.parser.finish()
                    return nil
                }
                self.events = try self.parser.feed(bytes.readableBytesView)[...]
            } catch {
                throw Refusal(.badValue, "The form is malformed: \(error.reason)")
            }
        }
        let event = self.events.removeFirst()
        switch event {
        case .part(let headers): self.current = (headers.name ?? "", 0)
        case .content(let bytes):
            guard let (name, before) = self.current else { break }
            guard before + bytes.count <= self.partMaxBytes else { throw Self.tooLarge(name, self.partMaxBytes) }
            self.current = (name, before + bytes.count)
        case .endOfPart: self.current = nil
        }
        return event
    }

    private mutating func nextBytes() async throws(Refusal) -> ByteBuffer? {
        switch self.body {
        case .refused(let refusal): throw refusal
        case .parts(let stream): return try await stream.next()
        case .whole(let bytes):
            self.body = .whole(ByteBuffer())
            return bytes.readableBytes > 0 ? bytes : nil
        }
    }

    private static func tooLarge(_ name: String, _ max: Int) -> Refusal {
        Refusal(.tooLarge, "\(name.isEmpty ? "A field" : name) is larger than \(max) bytes")
    }

    /// The boundary that the content type names.
    private static func boundary(of headers: HTTPHeaders) throws(Refusal) -> String {
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
