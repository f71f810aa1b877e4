import ApusContract
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `An HTTP/1 connection` {
    private let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func `writes an answer in one piece`() async throws {
        let connection = try await TestConnection { _ in .json("{\"a\":1}", headers: ["X-Rate-Limit-Limit": "600"]) }
        try await connection.send(self.get)
        #expect(
            try await connection.nextWritten()
                == "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 7\r\n"
                + "X-Rate-Limit-Limit: 600\r\n\r\n{\"a\":1}")
        #expect(try await connection.written().isEmpty)
        #expect(connection.isOpen)
    }

    @Test func `tells what is left of the caller's calls before its other headers`() async throws {
        let connection = try await TestConnection { _ in
            var answer = HTTPAnswer.json("{}", headers: ["Retry-After": "5"])
            answer.rateLimit = RateLimit(limit: 600, remaining: 0, resetSeconds: 42)
            return answer
        }
        try await connection.send(self.get)
        #expect(
            try await connection.nextWritten()
                == "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n"
                + "X-Rate-Limit-Limit: 600\r\nX-Rate-Limit-Quota: 600\r\nX-Rate-Limit-Remaining: 0\r\n"
                + "X-Rate-Limit-Reset: 42\r\nRetry-After: 5\r\n\r\n{}")
    }

    @Test func `hands over what came`() async throws {
        let connection = try await TestConnection()
        try await connection.send("PUT /v3//a%20b/?c=1 HTTP/1.1\r\nHost: a\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhe")
        try await connection.send("llo")
        let request = try #require(connection.responder.asked.first)
        #expect(request.method == .PUT)
        #expect(request.target.segments == ["v3", "a b"])
        #expect(request.target.query["c"] == "1")
        #expect(request.headers.first(name: "x-a") == "b")
        #expect(String(buffer: try request.body.bytes()) == "hello")
        #expect(request.peer?.ipAddress == "192.0.2.1")
        #expect(!request.isSecure)
    }

    @Test func `answers pipelined requests in order, one at a time`() async throws {
        let first = Signal()
        let connection = try await TestConnection { request in
            if request.target.segments == ["first"] { await first.wait() }
            return .json("\"\(request.target.segments[0])\"")
        }
        try await connection.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n")
        try await connection.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(connection.responder.asked.count == 1)
        first.fire()
        #expect(try await connection.nextAnswers(3).map(\.body) == ["\"first\"", "\"second\"", "\"third\""])
    }

    @Test func `reads once ahead while a request is being answered`() async throws {
        let answer = Signal()
        let connection = try await TestConnection { _ in
            await answer.wait()
            return .json("{}")
        }
        let reads = ReadCounter()
        let channel = connection.channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(reads, position: .first)
        }.get()
        for _ in 1...2 {
            try await connection.send(self.get)
            channel.read()
            try await channel.eventLoop.submit { #expect(reads.count == 1) }.get()
        }
        answer.fire()
        #expect(try await connection.nextAnswers(2).count == 2)
        try await channel.eventLoop.submit { #expect(reads.count == 2) }.get()
    }

    @Test(arguments: [
        ("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close", false),
        ("GET /a HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", "close", false),
        ("GET /a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", nil, true),
        ("GET /a HTTP/1.0\r\n\r\n", "close", false),
        ("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive", true),
        ("GET /a HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", "close", false),
    ])
    func `goes on or ends as the client asks`(_ wire: String, _ header: String?, _ isOpen: Bool) async throws {
        let connection = try await TestConnection()
        try await connection.send(wire)
        let answer = try #require(try await connection.answers().first)
        #expect(answer.status == 200)
        #expect(answer.headers["connection"] == header)
        #expect(connection.isOpen == isOpen)
    }

    @Test func `sends no body in answer to HEAD`() async throws {
        let connection = try await TestConnection { _ in .methodNotAllowed(.push, allow: "GET") }
        try await connection.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = try #require(WireAnswer.all(in: try await connection.written(), isHead: true)?.first)
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == "GET")
        #expect(answer.headers["content-length"].flatMap { Int($0) } ?? 0 > 0)
    }

    @Test(arguments: [
        ("\u{16}\u{3}\u{1}", 400), ("GET / HTTP/1.1\r\n\r\n", 400), ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405), ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ])
    func `refuses by itself what is no request, behind the answers that are due`(_ wire: String, _ status: Int)
        async throws
    {
        let connection = try await TestConnection()
        try await connection.send(self.get + wire)
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [200, status])
        #expect(answers.last?.body.hasPrefix("{\"error\":{\"code\":1") == true)
        #expect(connection.responder.asked.count == 1)
    }

    @Test func `speaks the codes of the family that was addressed`() async throws {
        let connection = try await TestConnection()
        try await connection.send("GET /device/%zz HTTP/1.1\r\nHost: a\r\n\r\n")
        try await connection.send("GET /device HTTP/1.1\r\nHost: a\r\nbad\r\n\r\n")
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [400, 400])
        #expect(answers.allSatisfy { $0.body.hasPrefix("{\"error\":{\"code\":7002,") })
        #expect(answers.last?.headers["connection"] == "close")
    }

    @Test func `renders what a responder throws`() async throws {
        let connection = try await TestConnection { _ throws(Refusal) in throw Refusal(.missingCredentials) }
        try await connection.send(self.get)
        let answer = try #require(try await connection.answers().first)
        #expect(answer.status == 401)
        #expect(answer.headers["www-authenticate"] == "Basic realm=\"Apus\"")
        #expect(answer.body == "{\"error\":{\"code\":1004,\"message\":\"Authen failed\"}}")
        #expect(connection.isOpen)
    }

    @Test(arguments: [
        HTTPAnswer.json(""), .json("{}", headers: ["X-A": "b\r\nX-C: d"]), .json("{}", headers: ["X A": "b"]),
        .json("{}", headers: ["": "b"]),
    ])
    func `withholds an answer that would break a promise`(_ answer: HTTPAnswer) async throws {
        let connection = try await TestConnection { _ in answer }
        try await connection.send(self.get)
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [500])
        #expect(answers.first?.body == "{\"error\":{\"code\":1000,\"message\":\"Internal error\"}}")
    }
}

// Bodies

extension `An HTTP/1 connection` {
    @Test func `says 100 Continue to who waits for it`() async throws {
        let connection = try await TestConnection()
        try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
        #expect(try await connection.written() == "HTTP/1.1 100 Continue\r\n\r\n")
        try await connection.send("{}")
        #expect(try await connection.answers().map(\.status) == [200])
    }

    @Test(arguments: [
        "Expect: something-else\r\nContent-Length: 2\r\n\r\n", "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{",
        "Content-Length: 2\r\n\r\n",
    ])
    func `says no 100 Continue to others`(_ wire: String) async throws {
        let connection = try await TestConnection()
        try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\n" + wire)
        #expect(try await connection.written().isEmpty)
    }

    @Test func `asks about a body over the limit without waiting for it`() async throws {
        let connection = try await TestConnection { request throws(Refusal) in
            _ = try request.body.bytes()
            return .json("{}")
        }
        try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n")
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [400])
        #expect(answers.first?.body.contains("\"code\":1005") == true)
        #expect(answers.first?.headers["connection"] == "close")
        #expect(connection.responder.asked.first?.body.isTooLarge == true)
    }

    @Test func `stops collecting chunks at the limit`() async throws {
        let connection = try await TestConnection()
        let chunk = "28\r\n" + String(repeating: "x", count: 40) + "\r\n"
        try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
        #expect(connection.responder.asked.isEmpty)
        try await connection.send(chunk)
        #expect(connection.responder.asked.map(\.body.isTooLarge) == [true])
    }

    @Test func `keeps a body of exactly the limit`() async throws {
        let connection = try await TestConnection()
        let body = String(repeating: "x", count: TestResponder.bodyLimit)
        try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + body)
        #expect(try String(buffer: #require(connection.responder.asked.first).body.bytes()) == body)
    }

    @Test(arguments: ["gzip", "br", "deflate", "gzip, identity"])
    func `gives no bytes of an encoded body`(_ encoding: String) async throws {
        let connection = try await TestConnection()
        try await connection.send(
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Encoding: \(encoding)\r\nContent-Length: 2\r\n\r\n{}")
        let body = try #require(connection.responder.asked.first).body
        #expect(throws: Refusal.self) { try body.bytes() }
        #expect(!body.isTooLarge)
    }
}

/// Counts the reads that reach the socket. Belongs to its loop.
private final class ReadCounter: ChannelOutboundHandler, @unchecked Sendable {
    // Touched on the loop of its channel alone: the tests go there to look.
    typealias OutboundIn = ByteBuffer

    var count = 0

    func read(context: ChannelHandlerContext) {
        self.count += 1
        context.read()
    }
}
