import ApusContract
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `A listener` {
    private let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    private let last = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test func `answers over a socket`() async throws {
        let server = try await TestListener()
        let client = try await server.client()
        try await client.send(self.get)
        #expect(await client.until("{}").hasPrefix("HTTP/1.1 200 OK\r\n"))
        try await client.send(self.last)
        #expect(WireAnswer.all(in: await client.untilClosed())?.map(\.status) == [200, 200])
        #expect(server.responder.asked.first?.peer?.ipAddress == "127.0.0.1")
        await client.close()
        await server.shutDown()
    }

    @Test func `answers a client that has closed its side`() async throws {
        let answer = Signal()
        let server = try await TestListener { _ in
            await answer.wait()
            return .json("{}")
        }
        let client = try await server.client()
        try await client.send(self.get + self.get)
        try await client.closeOutput()
        answer.fire()
        #expect(WireAnswer.all(in: await client.untilClosed())?.map(\.status) == [200, 200])
        await client.close()
        await server.shutDown()
    }

    @Test func `goes on where it started, after it has waited`() async throws {
        let answer = Signal()
        let server = try await TestListener { request in
            let here = MultiThreadedEventLoopGroup.currentEventLoop
            if request.target.segments == ["wait"] { await answer.wait() } else { answer.fire() }
            let there = MultiThreadedEventLoopGroup.currentEventLoop
            return .json(here != nil && here === there ? "true" : "false")
        }
        // More than there are loops, so that some are let go from another loop than theirs.
        var clients: [RawClient] = []
        for _ in 0...System.coreCount {
            let client = try await server.client()
            try await client.send("GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            clients.append(client)
        }
        let last = try await server.client()
        try await last.send(self.last)
        for client in clients + [last] {
            #expect(WireAnswer.all(in: await client.untilClosed())?.map(\.body) == ["true"])
            await client.close()
        }
        await server.shutDown()
    }

    @Test func `answers in order, however large the answers and however late they are read`() async throws {
        let (sizes, rounds) = ([1, 100_000, 10, 20_000, 300_000, 2], 20)
        let server = try await TestListener { request in
            let size = Int(request.target.segments[0]) ?? 0
            return .json(Array(repeating: UInt8(ascii: "7"), count: size))
        }
        let client = try await server.client()
        let asked = Array(repeating: sizes, count: rounds).flatMap(\.self)
        try await client.send(asked.map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
        try await client.send("GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answers = try #require(WireAnswer.all(in: await client.untilClosed()))
        #expect(answers.map(\.body.utf8.count) == asked + [3])
        await client.close()
        await server.shutDown()
    }

    @Test func `cancels the responder of a client that resets`() async throws {
        let asked = Signal()
        let cancelled = Signal()
        let server = try await TestListener { _ in
            asked.fire()
            await cancelled.fireWhenCancelled()
            return .json("{}")
        }
        let client = try await server.client()
        try await client.send(self.get)
        await asked.wait()
        try await client.reset()
        await cancelled.wait()
        await server.shutDown()
    }

    @Test func `reads on behind a body that is too large, so that its answer arrives`() async throws {
        let server = try await TestListener { request throws(Refusal) in
            _ = try request.body.bytes()
            return .json("{}")
        }
        let client = try await server.client()
        let body = String(repeating: "x", count: 8 << 20)
        try await client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
        let answer = try #require(WireAnswer.all(in: await client.untilClosed())?.first)
        #expect(answer.status == 400)
        #expect(answer.body.contains("1005"))
        await client.close()
        await server.shutDown()
    }

    @Test func `reads no more than its bound behind a body that is too large`() async throws {
        var settings = HTTPSettings()
        settings.lingerBytesMax = 1 << 20
        let server = try await TestListener(settings: settings)
        let client = try await server.client()
        let body = String(repeating: "x", count: 32 << 20)
        await #expect(throws: (any Error).self) {
            try await client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
        }
        await server.shutDown()
    }

    @Test func `ends a connection whose client does not`() async throws {
        var settings = HTTPSettings()
        settings.linger = .milliseconds(20)
        let server = try await TestListener(settings: settings)
        let client = try await server.client()
        try await client.send(self.last)
        _ = await client.untilClosed()
        // The client keeps its side open; only the end of the lingering lets this return before the bound.
        await server.listener.shutDown(within: .hours(1))
    }

    @Test func `closes a connection over its bound`() async throws {
        var settings = HTTPSettings()
        settings.connectionsMax = 1
        let server = try await TestListener(settings: settings)
        let first = try await server.client()
        try await first.send(self.get)
        _ = await first.until("{}")
        let second = try await server.client()
        #expect(await second.untilClosed().isEmpty)
        await first.close()
        await server.shutDown()
    }

    @Test func `accepts again when those that were too many are gone`() async throws {
        var settings = HTTPSettings()
        settings.connectionsMax = 1
        let server = try await TestListener(settings: settings)
        let first = try await server.client()
        try await first.send(self.get)
        _ = await first.until("{}")
        for _ in 0..<20 {
            let tooMany = try await server.client()
            #expect(await tooMany.untilClosed().isEmpty)
            await tooMany.close()
        }
        await first.close()
        var answer = ""
        for _ in 0..<1000 where answer.isEmpty {
            let next = try await server.client()
            try? await next.send(self.last)
            answer = await next.untilClosed()
            await next.close()
        }
        #expect(WireAnswer.all(in: answer)?.map(\.status) == [200])
        await server.shutDown()
    }

    @Test func `names the address that it cannot have`() async throws {
        let server = try await TestListener()
        let port = try #require(server.listener.address.port)
        await #expect {
            _ = try await HTTPListener.bind(
                host: "127.0.0.1", port: port, on: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"),
                responder: TestResponder())
        } throws: { error in
            (error as? ListenError)?.sentence.contains("127.0.0.1:\(port)") == true
        }
        await server.shutDown()
    }

    @Test func `names the certificate that it cannot read`() async throws {
        await #expect {
            _ = try await HTTPListener.bind(
                host: "127.0.0.1", port: 0, on: MultiThreadedEventLoopGroup.singleton,
                tls: TLSFiles(certificatePath: "/nowhere/certificate.pem", keyPath: "/nowhere/key.pem"),
                logger: Logger(label: "test"), responder: TestResponder())
        } throws: { error in
            (error as? ListenError)?.sentence.contains("/nowhere/certificate.pem") == true
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct `A listener that shuts down` {
    private let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func `closes idle connections and takes no new ones`() async throws {
        let server = try await TestListener()
        let client = try await server.client()
        try await client.send(self.get)
        _ = await client.until("{}")
        await server.listener.shutDown(within: .hours(1))
        #expect(WireAnswer.all(in: await client.untilClosed())?.count == 1)
        await #expect(throws: (any Error).self) { _ = try await server.client() }
    }

    @Test func `waits for the answer that is under way`() async throws {
        let asked = Signal()
        let answer = Signal()
        let server = try await TestListener { _ in
            asked.fire()
            await answer.wait()
            return .json("{}")
        }
        let client = try await server.client()
        try await client.send(self.get)
        await asked.wait()
        async let down: Void = server.listener.shutDown(within: .hours(1))
        // New connections are refused only once the shutdown has begun, so this says that it has.
        while let other = try? await server.client() { await other.close() }
        answer.fire()
        let answers = try #require(WireAnswer.all(in: await client.untilClosed()))
        #expect(answers.map(\.status) == [200])
        await client.close()
        await down
    }

    @Test func `waits no longer than its bound`() async throws {
        let asked = Signal()
        let cancelled = Signal()
        let server = try await TestListener { _ in
            asked.fire()
            await cancelled.fireWhenCancelled()
            return .json("{}")
        }
        let client = try await server.client()
        try await client.send(self.get)
        await asked.wait()
        await server.listener.shutDown(within: .milliseconds(10))
        await cancelled.wait()
        #expect(await client.untilClosed().isEmpty)
    }
}
