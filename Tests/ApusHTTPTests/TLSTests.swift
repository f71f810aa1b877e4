import ApusContract
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `A listener with TLS` {
    private let last = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test(arguments: [[], ["http/1.1"]])
    func `speaks HTTP/1.1 to who asks for nothing else`(_ protocols: [String]) async throws {
        let server = try await TestListener(tls: true)
        let client = try await server.tlsClient(protocols: protocols)
        try await client.send(self.last)
        #expect(WireAnswer.all(in: await client.untilClosed())?.map(\.status) == [200])
        #expect(server.responder.asked.map(\.isSecure) == [true])
        await client.close()
        await server.shutDown()
    }

    @Test func `closes a connection that greets in plain text`() async throws {
        let server = try await TestListener(tls: true)
        let client = try await server.client()
        try await client.send(self.last)
        #expect(!(await client.untilClosed().contains("HTTP/")))
        await client.close()
        await server.shutDown()
    }

    @Test func `closes a connection that does not greet in time`() async throws {
        var settings = HTTPSettings()
        settings.receive = .milliseconds(20)
        let server = try await TestListener(tls: true, settings: settings)
        let client = try await server.client()
        #expect(await client.untilClosed().isEmpty)
        await client.close()
        await server.shutDown()
    }

    @Test func `answers over HTTP/2, many at a time`() async throws {
        let server = try await TestListener(tls: true) { request throws(Refusal) in
            .json(
                "\"\(request.method.rawValue) \(request.target.segments[0]) \(try request.body.bytes().readableBytes)\""
            )
        }
        let client = try await HTTP2Client.connect(to: server.listener.address)
        try await withThrowingTaskGroup(of: (Int, WireAnswer).self) { group in
            for number in 0..<20 {
                group.addTask {
                    (number, try await client.send(.POST, "/p\(number)", body: String(repeating: "x", count: number)))
                }
            }
            for try await (number, answer) in group {
                #expect(answer.status == 200)
                #expect(answer.body == "\"POST p\(number) \(number)\"")
                #expect(answer.headers["content-length"] == String(answer.body.utf8.count))
                #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
            }
        }
        #expect(server.responder.asked.allSatisfy { $0.isSecure && $0.peer?.ipAddress == "127.0.0.1" })
        await client.close()
        await server.shutDown()
    }

    @Test func `keeps the contract over HTTP/2`() async throws {
        let server = try await TestListener(tls: true) { request throws(Refusal) in
            _ = try request.body.bytes()
            return request.method == .HEAD ? .methodNotAllowed(.push, allow: "GET") : .json("{}")
        }
        let client = try await HTTP2Client.connect(to: server.listener.address)
        let head = try await client.send(.HEAD, "/a")
        #expect(head.status == 405)
        #expect(head.body.isEmpty)
        #expect(head.headers["allow"] == "GET")
        #expect(try await client.send(.GET, "/device/%zz").body.contains("7002"))
        #expect(try await client.send(.POST, "/a", body: String(repeating: "x", count: 101)).body.contains("1005"))
        #expect(try await client.send(.POST, "/a", body: String(repeating: "x", count: 500_000)).status == 400)
        #expect(try await client.send(.GET, "/a").status == 200)
        await client.close()
        await server.shutDown()
    }

    @Test func `answers 504 over HTTP/2`() async throws {
        var settings = HTTPSettings()
        settings.request = .milliseconds(20)
        let cancelled = Signal()
        let server = try await TestListener(tls: true, settings: settings) { _ in
            await cancelled.fireWhenCancelled()
            return .json("{}")
        }
        let client = try await HTTP2Client.connect(to: server.listener.address)
        #expect(try await client.send(.GET, "/a").status == 504)
        await cancelled.wait()
        await client.close()
        await server.shutDown()
    }

    @Test func `cancels the responder of an HTTP/2 client that is gone`() async throws {
        let asked = Signal()
        let cancelled = Signal()
        let server = try await TestListener(tls: true) { _ in
            asked.fire()
            await cancelled.fireWhenCancelled()
            return .json("{}")
        }
        let client = try await HTTP2Client.connect(to: server.listener.address)
        let answer = Task { try await client.send(.GET, "/a") }
        await asked.wait()
        await client.close()
        await cancelled.wait()
        await #expect(throws: (any Error).self) { _ = try await answer.value }
        await server.shutDown()
    }

    @Test func `streams over HTTP/2 and ends the stream at shutdown`() async throws {
        let server = try await TestListener(tls: true) { _ in
            .stream(contentType: "text/event-stream") { stream in
                stream.onDrain = {
                    stream.write(ByteBuffer(string: "data: bye\n\n"))
                    stream.close()
                }
                stream.write(ByteBuffer(string: "data: 1\n\n"))
                stream.flush()
            }
        }
        let client = try await HTTP2Client.connect(to: server.listener.address)
        let answer = try await client.send(.GET, "/a") { body in
            if body == "data: 1\n\n" { Task { await server.listener.shutDown(within: .hours(1)) } }
        }
        #expect(answer.body == "data: 1\n\ndata: bye\n\n")
        await client.close()
    }
}
