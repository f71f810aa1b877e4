import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `A streaming answer` {
    private let get = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A connection that streams, and the stream, which stays on its loop.
    private func open() async throws -> (TestConnection, Streamed) {
        let streamed = Streamed()
        let connection = try await TestConnection { _ in
            .stream(contentType: "text/event-stream", headers: ["Cache-Control": "no-cache"]) { streamed.keep($0) }
        }
        try await connection.send(self.get)
        return (connection, streamed)
    }

    @Test func `begins with a head that names no length`() async throws {
        let (connection, _) = try await self.open()
        #expect(
            try await connection.written()
                == "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                + "Connection: close\r\nCache-Control: no-cache\r\n\r\n"
        )
    }

    @Test func `sends what is written when it is flushed`() async throws {
        let (connection, streamed) = try await self.open()
        _ = try await connection.written()
        try await streamed.on(connection) { $0.write(ByteBuffer(string: "data: 1\n\n")) }
        #expect(try await connection.written().isEmpty)
        try await streamed.on(connection) { $0.flush() }
        #expect(try await connection.written() == "data: 1\n\n")
    }

    @Test func `has no deadline`() async throws {
        let (connection, _) = try await self.open()
        await connection.advance(.hours(1))
        #expect(connection.isOpen)
    }

    @Test func `tells when the client keeps up and when not`() async throws {
        let (connection, streamed) = try await self.open()
        try await streamed.on(connection) { stream in
            stream.onWritabilityChanged = { streamed.note(stream.isWritable ? "writable" : "full") }
        }
        try await connection.setWritable(false)
        try await connection.setWritable(true)
        #expect(streamed.notes == ["full", "writable"])
    }

    @Test func `ends with the connection when it is closed`() async throws {
        let (connection, streamed) = try await self.open()
        try await streamed.on(connection) { stream in
            stream.onClose = { streamed.note("closed") }
            stream.write(ByteBuffer(string: "last"))
            stream.close()
            stream.write(ByteBuffer(string: "too late"))
        }
        #expect(try await connection.written().hasSuffix("\r\n\r\nlast"))
        #expect(!connection.isOpen)
        #expect(streamed.notes == ["closed"])
    }

    @Test func `is told that its client is gone`() async throws {
        let (connection, streamed) = try await self.open()
        try await streamed.on(connection) { $0.onClose = { streamed.note("closed") } }
        try await connection.fire(ChannelEvent.inputClosed)
        #expect(streamed.notes == ["closed"])
        #expect(!connection.isOpen)
    }

    @Test func `is told that the listener shuts down`() async throws {
        let (connection, streamed) = try await self.open()
        try await streamed.on(connection) { $0.onDrain = { streamed.note("drain") } }
        try await connection.fire(ChannelShouldQuiesceEvent())
        #expect(streamed.notes == ["drain"])
        #expect(connection.isOpen)
    }

    @Test func `is closed at shutdown when nobody wants to be told`() async throws {
        let (connection, _) = try await self.open()
        try await connection.fire(ChannelShouldQuiesceEvent())
        #expect(!connection.isOpen)
    }

    @Test func `drops what its client goes on sending`() async throws {
        let (connection, _) = try await self.open()
        _ = try await connection.written()
        try await connection.send(self.get)
        #expect(try await connection.written().isEmpty)
        #expect(connection.responder.asked.count == 1)
    }
}

@Suite(.timeLimit(.minutes(1))) struct `An upgrade` {
    private let offer = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n"

    private func open() async throws -> TestConnection {
        try await TestConnection { _ in
            .upgrade(headers: ["Upgrade": "echo"]) { _ in Echo() }
        }
    }

    @Test func `hands the connection over, with what came early`() async throws {
        let connection = try await self.open()
        try await connection.send(self.offer + "early")
        #expect(
            try await connection.written()
                == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n[early]")
        try await connection.send("later")
        #expect(try await connection.written() == "[later]")
        await #expect(throws: (any Error).self) {
            _ = try await connection.channel.pipeline.containsHandler(type: HTTP1Connection.self).get()
        }
    }

    @Test func `leaves no deadline behind`() async throws {
        let connection = try await self.open()
        try await connection.send(self.offer)
        await connection.advance(.hours(1))
        #expect(connection.isOpen)
    }

    @Test(arguments: [
        "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n",
        "GET /ws HTTP/1.0\r\nConnection: Upgrade, keep-alive\r\nUpgrade: echo\r\n\r\n",
    ])
    func `is refused to who did not offer it`(_ wire: String) async throws {
        let connection = try await self.open()
        try await connection.send(wire)
        #expect(try await connection.answers().map(\.status) == [400])
        #expect(connection.isOpen)
    }

    @Test func `that nobody takes is no reason to stop`() async throws {
        let connection = try await TestConnection()
        try await connection.send(self.offer + self.offer)
        #expect(try await connection.answers().map(\.status) == [200, 200])
    }

    @Test func `closes the connection when the new handler cannot be made`() async throws {
        struct Broken: Error {}
        let connection = try await TestConnection { _ in .upgrade(headers: [:]) { _ in throw Broken() } }
        try await connection.send(self.offer)
        #expect(try await connection.written().isEmpty)
        #expect(!connection.isOpen)
    }
}

/// Keeps a stream for a test, which works with it on the loop alone.
private final class Streamed: @unchecked Sendable {
    // `stream` is touched on the loop of its connection only; the notes are under a lock.
    private var stream: AnswerStream?
    private let noted = Mutex<[String]>([])

    var notes: [String] { self.noted.withLock { $0 } }

    func note(_ text: String) { self.noted.withLock { $0.append(text) } }

    func keep(_ stream: AnswerStream) { self.stream = stream }

    func on(_ connection: TestConnection, _ body: @escaping @Sendable (AnswerStream) -> Void) async throws {
        try await connection.channel.eventLoop.submit {
            if let stream = self.stream { body(stream) }
        }.get()
    }
}

/// Writes back what it reads, in brackets.
private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let text = "[\(String(buffer: self.unwrapInboundIn(data)))]"
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}
