import ApusContract
import Testing

@testable import ApusHTTP

@Suite struct `A budget of bodies` {
    @Test func `is shared by all, and given back by whoever is let go`() {
        let budget = BodyBudget(bytesMax: 100)
        var first: BodyShare? = BodyShare(of: budget)
        let second = BodyShare(of: budget)
        #expect(first?.grow(by: 60) == true)
        #expect(second.grow(by: 40))
        #expect(!second.grow(by: 1))
        #expect(first?.grow(by: 1) == false)
        first = nil
        #expect(second.grow(by: 60))
        #expect(!second.grow(by: 1))
    }

    @Test func `lets small bodies pass, and refuses a large one that it has no room for`() async throws {
        let size = BodyBudget.freeBytes * 2
        for (room, status) in [(size, 200), (size - 1, 503)] {
            var settings = TestConnection.settings
            settings.bodiesMaxBytes = room
            let connection = try await TestConnection(bodyLimit: size, settings: settings) {
                (request) throws(Refusal) in
                _ = try request.body.bytes()
                return .json("{}")
            }
            for (length, expected) in [(BodyBudget.freeBytes, 200), (size, status), (size, status)] {
                try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n")
                for _ in 0..<(length / 1024) { try await connection.send(String(repeating: " ", count: 1024)) }
                let answer = try #require(try await connection.answers().first)
                #expect(answer.status == expected)
                #expect((answer.headers["retry-after"] != nil) == (expected == 503))
            }
            #expect(connection.isOpen)
        }
    }
}
