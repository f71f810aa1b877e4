import ApusContract
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `A body in parts` {
    /// Counts what it reads, and answers with it.
    private static let counting: TestResponder.Answering = { request throws(Refusal) in
        guard case .parts(let body) = request.body else { return .json("\"not in parts\"") }
        var count = 0
        while let bytes = try await body.next() { count += bytes.readableBytes }
        return .json("\(count)")
    }

    private static let head = "POST /upload HTTP/1.1\r\nHost: a\r\n"

    private func answer(_ connection: TestConnection) async throws -> WireAnswer {
        let text = try await connection.nextWritten()
        return try #require(WireAnswer.all(in: text)?.first, "\(text)")
    }

    @Test(arguments: [
        "Content-Length: 6\r\n\r\nabc|def", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n|3\r\ndef\r\n0\r\n\r\n",
    ])
    func `reaches the responder as it comes, and the connection goes on`(_ wire: String) async throws {
        let connection = try await TestConnection(Self.counting)
        for piece in (Self.head + wire).split(separator: "|") { try await connection.send(String(piece)) }
        let answer = try await self.answer(connection)
        #expect(answer.body == "6")
        #expect(answer.headers["connection"] == nil)
        try await connection.send("POST /upload HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await self.answer(connection).body == "\"not in parts\"")
    }

    @Test func `is not asked for before somebody wants it`() async throws {
        let connection = try await TestConnection { _ in .json("{}") }
        try await connection.send(Self.head + "Expect: 100-continue\r\nContent-Length: 6\r\n\r\n")
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [200])
        #expect(answers.first?.headers["connection"] == "close")
    }

    @Test func `is asked for once somebody wants it`() async throws {
        let connection = try await TestConnection(Self.counting)
        try await connection.send(Self.head + "Expect: 100-continue\r\nContent-Length: 6\r\n\r\n")
        #expect(try await connection.nextWritten() == "HTTP/1.1 100 Continue\r\n\r\n")
        try await connection.send("abcdef")
        #expect(try await self.answer(connection).body == "6")
    }

    @Test func `is refused at its first byte over the limit`() async throws {
        let connection = try await TestConnection(Self.counting)
        let chunk = "33\r\n" + String(repeating: "x", count: 51) + "\r\n"
        try await connection.send(Self.head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
        let answer = try await self.answer(connection)
        #expect(answer.status == 400 && answer.body.contains("1005"))
        #expect(answer.headers["connection"] == "close")
    }

    @Test(arguments: ["Content-Length: 101\r\n", "Content-Encoding: gzip\r\nContent-Length: 2\r\n"])
    func `is not waited for when it cannot be read`(_ header: String) async throws {
        let connection = try await TestConnection { request throws(Refusal) in
            _ = try request.body.bytes()
            return .json("{}")
        }
        try await connection.send(Self.head + header + "\r\n")
        #expect(try await connection.answers().map(\.status) == [400])
    }

    /// Every way in which the rest can fail to come.
    @Test(arguments: ["gone", "half closed", "late", "malformed"])
    func `tells its reader when the rest will not come`(_ how: String) async throws {
        let told = Signal()
        let connection = try await TestConnection { request throws(Refusal) in
            guard case .parts(let body) = request.body else { throw Refusal(.internalFault) }
            defer { told.fire() }
            while try await body.next() != nil {}
            return .json("{}")
        }
        try await connection.send(Self.head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        switch how {
        case "gone": try await connection.channel.close()
        case "half closed": try await connection.fire(ChannelEvent.inputClosed)
        case "late": await connection.advance(.seconds(7))
        default: try await connection.send("zz\r\n")
        }
        // What the loop's own turn brought up has its turn only now.
        await connection.loop.run()
        await told.wait()
        guard how != "gone" else { return }
        #expect(try await self.answer(connection).status == 400)
    }

    @Test func `comes over HTTP/2 as well`() async throws {
        let server = try await TestListener(tls: true, Self.counting)
        let client = try await HTTP2Client.connect(to: server.listener.address)
        let body = { (count: Int) in String(repeating: "x", count: count) }
        #expect(try await client.send(.POST, "/upload", body: body(100)).body == "100")
        #expect(try await client.send(.POST, "/upload", body: body(101)).body.contains("1005"))
        #expect(try await client.send(.POST, "/upload", body: body(500_000)).status == 400)
        #expect(try await client.send(.GET, "/upload").body == "\"not in parts\"")
        await client.close()
        await server.shutDown()
    }
}
