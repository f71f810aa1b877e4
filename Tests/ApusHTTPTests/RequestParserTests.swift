import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import ApusHTTP

@Suite struct `The request parser` {
    @Test func `reads a request with a length and stops behind it`() throws {
        let parsing = Parsing("POST /v3/push?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /")
        let request = try #require(try parsing.next())
        #expect(request.head.method == .POST)
        #expect(request.head.target.segments == ["v3", "push"])
        #expect(request.head.headers.first(name: "host") == "a")
        #expect(request.body == "hello")
        #expect(String(buffer: parsing.input) == "GET /")
    }

    @Test func `reads chunks and drops extensions and trailers`() throws {
        let parsing = Parsing(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5;x=y;z;a=\"b; c\"\r\nhello\r\n1\r\n!\r\n000\r\nX-Trailer: z\r\n\r\nrest")
        let request = try #require(try parsing.next())
        #expect(request.body == "hello!")
        #expect(request.head.headers.contains(name: "x-trailer") == false)
        #expect(String(buffer: parsing.input) == "rest")
    }

    @Test func `takes any token for a method`() throws {
        let parsing = Parsing("BREW-42! / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try #require(try parsing.next()).head.method == .RAW(value: "BREW-42!"))
    }

    @Test func `reads a head as if it were the only one, however much it repeats of those before`() throws {
        let lines = [
            "GET /a HTTP/1.1", "GET /a HTTP/1.0", "POST /a HTTP/1.1", "GET /a?b=%20 HTTP/1.1", "GET /a  HTTP/1.1",
        ]
        let headers =
            (1...20).map { "X-\($0): \($0)" }
            + [
                "X-1: one", "x-1: 1", "X-1:1", "X-2: \(String(repeating: "2", count: 300))", "Host: b",
                "Connection: close",
            ]
            + ["Content-Length: 3", "Transfer-Encoding: chunked", "X-3 : 3", "Accept: */*", "X-Content-Length: 1"]
        var random = SplitMix(state: 1)
        for _ in 1...300 {
            let parsing = Parsing("")
            var line = lines.randomElement(using: &random) ?? ""
            var kept = Array(headers.shuffled(using: &random).prefix(Int.random(in: 0...12, using: &random)))
            let (place, blanks) = (
                Int.random(in: 0...kept.count, using: &random), [" ", "", "\t "].randomElement(using: &random) ?? ""
            )
            for _ in 1...8 {
                // Some differ from the head before by more than the length of the body.
                if Int.random(in: 0...3, using: &random) == 0 { line = lines.randomElement(using: &random) ?? "" }
                if Int.random(in: 0...3, using: &random) == 0, !kept.isEmpty {
                    kept[Int.random(in: kept.indices, using: &random)] = headers.randomElement(using: &random) ?? ""
                }
                let length =
                    ["0", "1", "2", "3", "03", "4", "5", "0000000005", "5 ", "12", "", "x", "1x"].randomElement(
                        using: &random) ?? ""
                var fields = kept
                fields.insert("Content-Length:\(blanks)\(length)", at: place)
                let wire = ([line, "Host: a"] + fields + ["", "0\r\n\r\n"]).joined(separator: "\r\n")
                let alone = Parsing(wire)
                parsing.input = ByteBuffer(string: wire)
                do throws(Malformation) {
                    let expected = try alone.next()
                    let request = try parsing.next()
                    #expect(request?.summary == expected?.summary)
                    #expect(request?.head.target == expected?.head.target)
                    #expect(request?.keepsAlive == expected?.keepsAlive)
                    #expect(parsing.input == alone.input)
                    // What is left of the body that a head without a length has is no request.
                    guard request != nil else { break }
                } catch {
                    let malformation = #expect(throws: Malformation.self) { try parsing.next() }
                    #expect(malformation == error)
                    break
                }
            }
        }
    }

    @Test func `knows the characters of a token`() {
        let others = "\"(),/:;<=>?@[\\]{}".utf8
        for byte in UInt8.min ... .max {
            #expect(byte.isTokenCharacter == (byte > 0x20 && byte < 0x7F && !others.contains(byte)))
        }
    }

    @Test func `keeps raw spaces of a query`() throws {
        let parsing = Parsing("GET /u?start=2014-06-11 09&x HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try #require(try parsing.next()).head.target.query["start"] == "2014-06-11 09")
    }

    @Test func `skips empty lines before a request`() throws {
        let parsing = Parsing("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try parsing.next() != nil)
    }

    @Test(arguments: Self.legal)
    func `reads the same however the bytes are cut`(_ wire: String) throws {
        let whole = Parsing(wire)
        let expected = try whole.all()
        #expect(!expected.isEmpty)
        for size in 1...7 {
            let parsing = Parsing("")
            var requests: [Parsing.Request] = []
            for start in stride(from: 0, to: wire.utf8.count, by: size) {
                parsing.input.writeBytes(Array(wire.utf8)[start..<min(start + size, wire.utf8.count)])
                requests += try parsing.all()
            }
            #expect(requests.map(\.summary) == expected.map(\.summary), "pieces of \(size)")
        }
    }

    @Test(arguments: Self.illegal)
    func `refuses what two readers could read differently`(_ wire: String) {
        #expect(throws: Malformation.self) {
            let parsing = Parsing(wire)
            _ = try parsing.all()
        }
        #expect(throws: Malformation.self, "byte by byte") {
            let parsing = Parsing("")
            for byte in wire.utf8 {
                parsing.input.writeInteger(byte)
                _ = try parsing.all()
            }
        }
    }

    @Test func `stays malformed whatever follows`() throws {
        let parsing = Parsing("\u{16}\u{3}")
        #expect(throws: Malformation.self) { try parsing.all() }
        parsing.input = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(throws: Malformation.self) { try parsing.all() }
    }

    @Test func `knows the target of a line that is too long`() throws {
        let parsing = Parsing("GET /v3/received?msg_ids=" + String(repeating: "1", count: 20_000))
        #expect(throws: Malformation("The request line is too long")) { try parsing.all() }
        #expect(parsing.parser.target?.segments == ["v3", "received"])
    }

    @Test func `bounds lines, heads and the number of headers`() throws {
        let line = String(repeating: "b", count: RequestParser.lineBytesMax)
        let heads = [
            "X-A: \(line)\r\n",
            String(repeating: "X-A: b\r\n", count: RequestParser.fieldsMax + 1),
            String(repeating: "X-A: \(line.prefix(8000))\r\n", count: 9),
        ]
        for head in heads {
            let parsing = Parsing("GET / HTTP/1.1\r\nHost: a\r\n" + head + "\r\n")
            #expect(throws: Malformation.self) { try parsing.all() }
        }
    }

    // The library's parser is the oracle: ours may refuse more, and accepts nothing else but what the contract asks
    // for.

    @Test func `accepts nothing that the library's parser refuses`() throws {
        var random = SplitMix(state: 0xA905)
        let corpus = Self.legal + Self.illegal
        var accepted = 0
        var disagreements: [String] = []
        for round in 0..<40_000 {
            let wire = Self.mutated(corpus[round % corpus.count], &random)
            let parsing = Parsing(bytes: wire)
            guard let all = try? parsing.all(), !all.isEmpty else { continue }
            // Behind a request that ends the connection the library reads nothing, and ours is asked nothing.
            let ours = all.prefix(through: all.firstIndex { !$0.keepsAlive } ?? all.count - 1)
            accepted += ours.count
            // Unknown methods, raw spaces and raw bytes in a query are accepted on purpose, and offers to upgrade are
            // ignored.
            guard ours.allSatisfy(\.isOrdinary) else { continue }
            let theirs = Oracle.requests(in: wire).map(\.summary)
            if !theirs.starts(with: ours.map(\.summary)) { disagreements.append(String(decoding: wire, as: UTF8.self)) }
        }
        #expect(disagreements.isEmpty, "\(disagreements.count): \(disagreements.prefix(5))")
        #expect(accepted > 3_000, "mutation left too little to compare")
    }

    private static func mutated(_ wire: String, _ random: inout SplitMix) -> [UInt8] {
        var bytes = Array(wire.utf8)
        let interesting = Array(" \r\n\t:;,-_/?%+0159afPOHTchunked\u{0}\u{7F}".utf8)
        for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let byte = interesting.randomElement(using: &random) ?? 0
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[index] = byte
            case 1: bytes.insert(byte, at: index)
            case 2: bytes.remove(at: index)
            default: bytes[index] = bytes[index] ^ 0x20
            }
        }
        return bytes
    }

    static let legal = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v3/push/cid?count=3&type=push HTTP/1.1\r\nhost: a\r\nACCEPT: */*\r\nX-Empty:\r\nX-Blank: \t b \t\r\n\r\n",
        "POST /v3/push HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n"
            + "Content-Type: application/json\r\n\r\n{\"a\":[1,2]}",
        "POST /v3/push HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "2\r\n{}\r\nA;e=1\r\n0123456789\r\n0\r\n\r\n",
        "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: b\r\nX-U: c\r\n\r\n",
        "DELETE /v3/push/12 HTTP/1.0\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
            + "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET /c HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /v3/push HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    ]

    static let illegal =
        [
            "GET /\r\n", "GET / HTTP/2.0\r\n", "GET / HTTP/1.2\r\n", "GET / http/1.1\r\n", "GET / HTTP/1.1 \r\n",
            "GET  HTTP/1.1\r\n", " GET / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "G\u{0}T / HTTP/1.1\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        ]
        + [
            "X : a\r\n", "X-A: a\r\n b\r\n", "X-A: a\r\n\tb\r\n", "nonsense\r\n", ": a\r\n", "X A: b\r\n",
            "X-A: a\nX-B: b\r\n",
            "X-A: a\rX-B: b\r\n", "X-A: \u{0}\r\n", "X-A: \u{8}\r\n", "X-Ä: b\r\n", "Content-Length: -1\r\n",
            "Content-Length: +1\r\n", "Content-Length: 1, 1\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length:\r\n", "Content-Length: 0\t\r\n", "Transfer-Encoding: chunked\t\r\n",
            "Content-Length: 0x1\r\n", "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: \r\n", "Transfer-Encoding: identity\r\n",
        ].map { "POST / HTTP/1.1\r\nHost: a\r\n\($0)\r\n" }
        + [
            "\r\n", "g\r\n", "-1\r\n", "0x1\r\na\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1\na\r\n", "1\r\nab\r\n",
            "1;\r\na\r\n", "1;a=\r\na\r\n", "1; a=b\r\na\r\n", "1;a=b c\r\na\r\n", "1;a=\"b\r\na\r\n", "1;a?\r\na\r\n",
            "1;a=\"\\\"\r\na\r\n", "1;a\nb\r\na\r\n", "1;a\rb\r\na\r\n", "1;\u{0}\r\na\r\n", "1000000000000000000\r\n",
            "0\r\nnonsense\r\n\r\n",
            "0\r\nX: a\r\n b\r\n\r\n",
        ].map { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\($0)" }
        + ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"]
}

/// The parser with its input, and whole requests for its parts.
private final class Parsing {
    struct Request {
        let head: RequestHead
        var keepsAlive = true
        var body = ""

        var summary: String {
            // The library leaves some of the blanks behind a value.
            let headers = self.head.headers.map { "\($0.lowercased()):\(Substring($1).trimmed)" }
            return "\(self.head.method) \(self.head.version) \(headers) \(self.body)"
        }

        /// Whether the library's parser would take it for the same kind of request.
        var isOrdinary: Bool {
            if case .RAW = self.head.method { return false }
            return self.head.target.malformation == nil && self.head.method != .CONNECT
                && !self.head.target.query.pairs.contains { "\($0.name)\($0.value)".contains(" ") }
                && !self.head.headers.contains(name: "upgrade")
        }
    }

    var parser = RequestParser()
    var input: ByteBuffer
    private var current: Request?

    init(_ text: String) { self.input = ByteBuffer(string: text) }

    init(bytes: [UInt8]) { self.input = ByteBuffer(bytes: bytes) }

    /// The next request, nil when more bytes are needed.
    func next() throws(Malformation) -> Request? {
        while true {
            switch self.parser.next(&self.input) {
            case .needMore: return nil
            case .head(let head, let framing):
                self.current = Request(head: head, keepsAlive: framing.keepsAlive)
            case .body(let bytes): self.current?.body += String(buffer: bytes)
            case .end:
                defer { self.current = nil }
                return self.current
            case .malformed(let malformation): throw malformation
            }
        }
    }

    func all() throws(Malformation) -> [Request] {
        var requests: [Request] = []
        while let request = try self.next() { requests.append(request) }
        return requests
    }
}

/// The library's parser.
private enum Oracle {
    /// The requests that it reads before it refuses the rest.
    static func requests(in wire: [UInt8]) -> [Parsing.Request] {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        _ = try? channel.writeInbound(ByteBuffer(bytes: wire))
        var requests: [Parsing.Request] = []
        var current: Parsing.Request?
        while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .head(let head):
                current = .init(
                    head: RequestHead(
                        method: head.method, target: RequestTarget(head.uri), version: head.version,
                        headers: head.headers))
            case .body(let bytes): current?.body += String(buffer: bytes)
            case .end: if let current { requests.append(current) }
            }
        }
        return requests
    }
}

/// A small generator with a seed, so that a failure comes again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
