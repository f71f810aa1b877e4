import ApusContract
import NIOCore
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `A deadline of a connection` {
    private let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func `refuses a request that drips too long`() async throws {
        let connection = try await TestConnection()
        try await connection.send("POST /device HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n")
        for _ in 0..<6 {
            await connection.advance(.seconds(1))
            try await connection.send("x")
        }
        #expect(try await connection.written().isEmpty)
        await connection.advance(.seconds(1))
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [400])
        #expect(answers.first?.body == "{\"error\":{\"code\":7002,\"message\":\"The request did not arrive in time\"}}")
        #expect(!connection.isOpen)
    }

    @Test func `ends a connection without a word when there was no request line`() async throws {
        let connection = try await TestConnection()
        try await connection.send("GET /a HT")
        await connection.advance(.seconds(7))
        #expect(try await connection.written().isEmpty)
        #expect(!connection.isOpen)
    }

    @Test func `gives every request its own time`() async throws {
        let connection = try await TestConnection()
        for _ in 0..<5 {
            try await connection.send("GET /a HTTP/1.1\r\n")
            await connection.advance(.seconds(6))
            try await connection.send("Host: a\r\n\r\n")
            #expect(try await connection.answers().map(\.status) == [200])
        }
        #expect(connection.isOpen)
    }

    @Test func `ends an idle connection without a word`() async throws {
        let connection = try await TestConnection()
        try await connection.send(self.get)
        #expect(try await connection.answers().map(\.status) == [200])
        await connection.advance(.seconds(28))
        #expect(connection.isOpen)
        await connection.advance(.seconds(1))
        #expect(!connection.isOpen)
        #expect(try await connection.written().isEmpty)
    }

    @Test func `gives who says nothing no longer than who says something`() async throws {
        let connection = try await TestConnection()
        await connection.advance(.seconds(6))
        #expect(connection.isOpen)
        await connection.advance(.seconds(1))
        #expect(!connection.isOpen)
        #expect(try await connection.written().isEmpty)
    }

    @Test func `is not prolonged by empty lines`() async throws {
        let connection = try await TestConnection()
        try await connection.send(self.get)
        #expect(try await connection.answers().map(\.status) == [200])
        for _ in 0..<14 {
            try await connection.send("\r\n")
            await connection.advance(.seconds(2))
        }
        #expect(connection.isOpen)
        await connection.advance(.seconds(1))
        #expect(!connection.isOpen)
    }

    @Test func `answers 504, cancels the responder and drops its late answer`() async throws {
        let cancelled = Signal()
        let connection = try await TestConnection { _ in
            await cancelled.fireWhenCancelled()
            return .json("\"late\"")
        }
        try await connection.send(self.get)
        await connection.advance(.seconds(10))
        #expect(try await connection.written().isEmpty)
        await connection.advance(.seconds(1))
        let answers = try await connection.answers()
        #expect(answers.map(\.status) == [504])
        #expect(answers.first?.headers["retry-after"] == "5")
        #expect(answers.first?.headers["connection"] == "close")
        await cancelled.wait()
        #expect(try await connection.written().isEmpty)
    }

    @Test func `ends a connection whose client takes no answer`() async throws {
        let connection = try await TestConnection()
        try await connection.setWritable(false)
        try await connection.send(self.get + self.get)
        #expect(try await connection.answers().count == 1)
        await connection.advance(.seconds(4))
        #expect(connection.isOpen)
        await connection.advance(.seconds(1))
        #expect(!connection.isOpen)
        #expect(connection.responder.asked.count == 1)
    }

    @Test func `is forgotten when the client takes its answer after all`() async throws {
        let connection = try await TestConnection()
        try await connection.setWritable(false)
        try await connection.send(self.get + self.get)
        #expect(try await connection.answers().count == 1)
        await connection.advance(.seconds(4))
        try await connection.setWritable(true)
        #expect(try await connection.answers().count == 1)
        await connection.advance(.seconds(10))
        #expect(connection.isOpen)
    }

    @Test func `cancels the responder of a client that is gone`() async throws {
        let cancelled = Signal()
        let connection = try await TestConnection { _ in
            await cancelled.fireWhenCancelled()
            return .json("{}")
        }
        try await connection.send(self.get)
        try await connection.channel.close().get()
        await cancelled.wait()
    }

    @Test func `of zero seconds never comes`() {
        let settings = HTTPSettings(Limits([.receiveSeconds: 0, .requestSeconds: 3]))
        #expect(settings.receive > .hours(24 * 300))
        #expect(settings.request == .seconds(3))
    }
}
