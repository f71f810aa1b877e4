private import Glibc
import NIOCore
import NIOHTTP1

/// Cuts the bytes of one HTTP/1 connection into requests.
///
/// No I/O and no clock: bytes in, parts out, one request at a time. It stops exactly behind each request, which is what
/// lets the connection answer pipelined requests in order, and hand what follows an upgrade to somebody else.
///
/// Ours and not the library's, because the contract needs what that one cannot tell: an unknown method is a request
/// like any other (405, not a parse error), an ignored offer to upgrade does not end the connection, and one official
/// client sends raw spaces in queries. It is otherwise stricter: lines end in CRLF, headers are not folded, and
/// whatever two readers could read differently is refused. The tests hold it against the library's parser.
struct RequestParser {
    enum Part {
        case needMore
        case head(RequestHead, RequestFraming)
        case body(ByteBuffer)
        case end
        /// Nothing after this is legible; the parser stays in this state.
        case malformed(Malformation)
    }

    private enum State {
        case line
        case fields
        case length(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
        case failed(Malformation)
    }

    /// The longest request line, and the longest line of anything else.
    static let lineBytesMax = 16 << 10
    /// The most bytes of a head, or of all trailers.
    static let headBytesMax = 64 << 10
    static let fieldsMax = 256
    static let chunkLineBytesMax = 1 << 10
    static let methodBytesMax = 32

    private var state: State = .line
    /// How far the current line has been searched for its end, from the reader index.
    private var searched = 0
    private var headBytes = 0
    private var method: HTTPMethod = .GET
    private var version: HTTPVersion = .http1_1
    private var fields: [(String, String)] = []
    private var known: KnownHead?
    /// Whether this is not the connection's first request: nothing is kept of a lone one.
    private var isRepeated = false

    /// The target of the request being received, as soon as its line is there; a guess when the line was too long.
    private(set) var target: RequestTarget?

    /// Takes the next part out of the buffer.
    mutating func next(_ buffer: inout ByteBuffer) -> Part {
        switch self.state {
        case .line, .fields: return self.nextHead(&buffer)
        case .length(let remaining):
            guard remaining > 0 else { return self.end() }
            guard let bytes = buffer.readSlice(length: min(remaining, buffer.readableBytes)), bytes.readableBytes > 0
            else {
                return .needMore
            }
            self.state = .length(remaining: remaining - bytes.readableBytes)
            return .body(bytes)
        case .chunk(let remaining):
            guard let bytes = buffer.readSlice(length: min(remaining, buffer.readableBytes)), bytes.readableBytes > 0
            else {
                return .needMore
            }
            let left = remaining - bytes.readableBytes
            self.state = left == 0 ? .chunkEnd : .chunk(remaining: left)
            return .body(bytes)
        case .chunkSize, .chunkEnd, .trailers: return self.nextOfChunks(&buffer)
        case .failed(let malformation): return .malformed(malformation)
        }
    }

    private mutating func fail(_ malformation: Malformation) -> Part {
        self.state = .failed(malformation)
        return .malformed(malformation)
    }

    private mutating func end() -> Part {
        self.state = .line
        self.searched = 0
        self.headBytes = 0
        self.target = nil
        self.isRepeated = true
        return .end
    }
}

// Lines

extension RequestParser {
    private enum Line {
        case incomplete
        case bytes(UnsafeRawBufferPointer)
        case malformed(Malformation)
    }

    /// The line at the front of the bytes, without its CRLF.
    private mutating func line(in bytes: UnsafeRawBufferPointer, max: Int, what: String) -> Line {
        guard let lineFeed = bytes.firstLineFeed(from: self.searched) else {
            self.searched = bytes.count
            return bytes.count > max ? .malformed(Malformation("\(what) is too long")) : .incomplete
        }
        self.searched = 0
        if lineFeed > max { return .malformed(Malformation("\(what) is too long")) }
        guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else {
            return .malformed(Malformation("\(what) does not end in CRLF"))
        }
        return .bytes(UnsafeRawBufferPointer(rebasing: bytes[..<(lineFeed - 1)]))
    }

    private mutating func nextHead(_ buffer: inout ByteBuffer) -> Part {
        var consumed = 0
        var part = Part.needMore
        buffer.withUnsafeReadableBytes { all in
            // Where the head begins, if all of it is here.
            var start: Int?
            if case .line = self.state {
                start = 0
                if let known = self.known?.reading(all) {
                    consumed = known.count
                    part = self.take(known.head, known.framing)
                    return
                }
            }
            parsing: while true {
                let bytes = UnsafeRawBufferPointer(rebasing: all[consumed...])
                if case .line = self.state, let blank = self.blankLines(bytes), blank > 0 {
                    consumed += blank
                    start = start.map { $0 + blank }
                    self.searched = 0
                    continue parsing
                }
                let line: UnsafeRawBufferPointer
                switch self.line(in: bytes, max: Self.lineBytesMax, what: self.lineName) {
                case .incomplete:
                    if let malformation = self.early(bytes) { part = self.fail(malformation) }
                    return
                case .malformed(let malformation):
                    self.guessTarget(bytes)
                    part = self.fail(malformation)
                    return
                case .bytes(let found): line = found
                }
                consumed += line.count + 2
                self.headBytes += line.count + 2
                do throws(Malformation) {
                    guard let head = try self.take(line) else { continue parsing }
                    let framing = try RequestFraming(head)
                    part = self.take(head, framing)
                    if self.isRepeated, let start {
                        let bytes = UnsafeRawBufferPointer(rebasing: all[start..<consumed])
                        self.known = KnownHead(bytes, head, framing)
                    }
                } catch {
                    part = self.fail(error)
                }
                return
            }
        }
        buffer.moveReaderIndex(forwardBy: consumed)
        return part
    }

    /// A head is complete: on to its body.
    private mutating func take(_ head: RequestHead, _ framing: RequestFraming) -> Part {
        self.target = head.target
        self.searched = 0
        self.expect(framing.body)
        return .head(head, framing)
    }

    /// How many bytes of empty lines stand before a request line: some clients send one after a body.
    private func blankLines(_ bytes: UnsafeRawBufferPointer) -> Int? {
        bytes.count >= 2 && bytes[0] == 0x0D && bytes[1] == 0x0A ? 2 : nil
    }

    private var lineName: String {
        if case .line = self.state { "The request line" } else { "A header" }
    }

    /// Refuses at the first byte what can never become a request, as a TLS greeting on a plain port.
    private func early(_ bytes: UnsafeRawBufferPointer) -> Malformation? {
        guard case .line = self.state else { return nil }
        for (index, byte) in bytes.prefix(Self.methodBytesMax + 1).enumerated() where !byte.isTokenCharacter {
            let mayBe = byte == 0x20 ? index > 0 : byte == 0x0D && index == 0 && bytes.count == 1
            return mayBe ? nil : Malformation("The request line is not legal")
        }
        return bytes.count > Self.methodBytesMax ? Malformation("The request line is not legal") : nil
    }

    /// Keeps what can be seen of the target of an overlong request line, so that its refusal speaks the right family's
    /// codes.
    private mutating func guessTarget(_ bytes: UnsafeRawBufferPointer) {
        guard case .line = self.state, let space = bytes.prefix(Self.methodBytesMax + 1).firstIndex(of: 0x20) else {
            return
        }
        let end = bytes[(space + 1)...].prefix(Self.lineBytesMax).firstIndex { $0 == 0x20 || $0 < 0x20 }
        let last = min(end ?? bytes.endIndex, space + 1 + Self.lineBytesMax)
        self.target = RequestTarget(bytes: UnsafeRawBufferPointer(rebasing: bytes[(space + 1)..<last]))
    }
}

// Heads

extension RequestParser {
    /// Takes one line of a head.
    ///
    /// - Returns: the head, when the line was the empty one that ends it.
    private mutating func take(_ line: UnsafeRawBufferPointer) throws(Malformation) -> RequestHead? {
        if case .line = self.state {
            try self.takeRequestLine(line)
            self.fields = []
            self.fields.reserveCapacity(12)
            self.state = .fields
            return nil
        }
        guard line.isEmpty else {
            guard self.headBytes <= Self.headBytesMax, self.fields.count < Self.fieldsMax else {
                throw Malformation("The headers are too long")
            }
            self.fields.append(try Self.field(line))
            return nil
        }
        defer { self.fields = [] }
        return RequestHead(
            method: self.method, target: self.target ?? .unreadable, version: self.version,
            headers: HTTPHeaders(self.fields))
    }

    /// Reads `METHOD target HTTP/1.x`. The target may hold raw spaces behind its `?`.
    private mutating func takeRequestLine(_ line: UnsafeRawBufferPointer) throws(Malformation) {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space), let last = line.lastIndex(of: space),
            first > 0, first <= Self.methodBytesMax, line[..<first].allSatisfy(\.isTokenCharacter)
        else { throw Malformation("The request line is not legal") }
        self.target = RequestTarget(bytes: UnsafeRawBufferPointer(rebasing: line[(first + 1)..<max(last, first + 1)]))
        guard last > first + 1 else { throw Malformation("The request line has no HTTP version") }
        switch Self.text(line[(last + 1)...]) {
        case "HTTP/1.1": self.version = .http1_1
        case "HTTP/1.0": self.version = .http1_0
        default: throw Malformation("The HTTP version must be 1.1 or 1.0")
        }
        self.method = Self.method(line[..<first])
    }

    private static func method(_ bytes: Slice<UnsafeRawBufferPointer>) -> HTTPMethod {
        if bytes.elementsEqual("POST".utf8) { return .POST }
        if bytes.elementsEqual("GET".utf8) { return .GET }
        return HTTPMethod(rawValue: String(decoding: bytes, as: UTF8.self))
    }

    /// Reads `Name: value`.
    private static func field(_ line: UnsafeRawBufferPointer) throws(Malformation) -> (String, String) {
        var colon = 0
        while colon < line.count, line[colon].isTokenCharacter { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else {
            throw Malformation("A header is not legal")
        }
        var (start, end) = (colon + 1, line.count)
        while start < end, line[start].isBlank { start += 1 }
        // A tab at the end stays, so that it spoils a length or a coding: not every reader drops it.
        while start < end, line[end - 1] == UInt8(ascii: " ") { end -= 1 }
        for index in start..<end where line[index].isControl {
            throw Malformation("A header holds control characters")
        }
        return (Self.text(line[..<colon]), Self.text(line[start..<end]))
    }

    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes), as: UTF8.self)
    }

    private mutating func expect(_ body: RequestFraming.Body) {
        switch body {
        case .none: self.state = .length(remaining: 0)
        case .length(let length): self.state = .length(remaining: length)
        case .chunked:
            self.state = .chunkSize
            self.headBytes = 0
        }
    }
}

// Chunked bodies

extension RequestParser {
    private mutating func nextOfChunks(_ buffer: inout ByteBuffer) -> Part {
        var consumed = 0
        var part = Part.needMore
        buffer.withUnsafeReadableBytes { all in
            while true {
                let bytes = UnsafeRawBufferPointer(rebasing: all[consumed...])
                switch self.line(in: bytes, max: Self.chunkLineBytesMax, what: "A line of the chunked body") {
                case .incomplete: return
                case .malformed(let malformation):
                    part = self.fail(malformation)
                    return
                case .bytes(let line):
                    consumed += line.count + 2
                    do throws(Malformation) {
                        guard try self.takeChunkLine(line) else { continue }
                        if case .line = self.state { part = .end }
                    } catch {
                        part = self.fail(error)
                    }
                    return
                }
            }
        }
        buffer.moveReaderIndex(forwardBy: consumed)
        if case .chunk = self.state, case .needMore = part { return self.next(&buffer) }
        return part
    }

    /// Takes one line between the data of a chunked body.
    ///
    /// - Returns: whether data or the end of the request follows; false when another line does.
    private mutating func takeChunkLine(_ line: UnsafeRawBufferPointer) throws(Malformation) -> Bool {
        switch self.state {
        case .chunkSize:
            let size = try Self.chunkSize(line)
            self.state = size == 0 ? .trailers : .chunk(remaining: size)
            return size > 0
        case .chunkEnd:
            guard line.isEmpty else { throw Malformation("A chunk is longer than its size") }
            self.state = .chunkSize
            return false
        case .trailers:
            guard !line.isEmpty else {
                _ = self.end()
                return true
            }
            // Trailers are read for their syntax and dropped: nothing in the contract comes in one.
            _ = try Self.field(line)
            self.headBytes += line.count + 2
            guard self.headBytes <= Self.headBytesMax else { throw Malformation("The trailers are too long") }
            return false
        case .line, .fields, .length, .chunk, .failed:
            preconditionFailure("no line of a chunked body in state \(self.state)")
        }
    }

    /// Reads `1f;name=value`: up to fifteen hexadecimal digits; extensions are read for their syntax and dropped.
    private static func chunkSize(_ line: UnsafeRawBufferPointer) throws(Malformation) -> Int {
        let digits = line.prefix { $0.hexDigit != nil }
        guard (1...15).contains(digits.count), Self.areExtensions(line[digits.endIndex...]) else {
            throw Malformation("A chunk's size is not legal")
        }
        return digits.reduce(0) { $0 << 4 | Int($1.hexDigit ?? 0) }
    }

    /// Whether the bytes are any number of `;name`, `;name=token` and `;name="text"`, without blanks in between.
    private static func areExtensions(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        var rest = bytes
        while let first = rest.popFirst() {
            guard first == UInt8(ascii: ";"), Self.dropToken(&rest) else { return false }
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest.removeFirst()
            if rest.first == UInt8(ascii: "\"") {
                rest.removeFirst()
                guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return false }
                // A backslash would hide a quote from some readers; nobody needs one here.
                guard !rest[..<end].contains(where: { $0.isControl || $0 == UInt8(ascii: "\\") }) else { return false }
                rest = rest[(end + 1)...]
            } else if !Self.dropToken(&rest) {
                return false
            }
        }
        return true
    }

    /// Drops a token from the front, if there is one.
    private static func dropToken(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> Bool {
        let rest = bytes.drop(while: \.isTokenCharacter)
        defer { bytes = rest }
        return rest.startIndex > bytes.startIndex
    }
}

extension UnsafeRawBufferPointer {
    /// Where the first line feed is that is not before an index.
    fileprivate func firstLineFeed(from start: Int) -> Int? {
        guard let base = self.baseAddress, start < self.count,
            let found = memchr(base + start, 0x0A, self.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }
}
