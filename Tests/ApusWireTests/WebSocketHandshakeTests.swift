import ApusContract
import Testing

@testable import ApusWire

@Suite struct `A WebSocket handshake` {
    private static let good: [String: [String]] = [
        "Upgrade": ["websocket"], "Connection": ["keep-alive, Upgrade"], "Sec-WebSocket-Version": ["13"],
        "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="], "Sec-WebSocket-Protocol": ["chat", "mqtt, apus.v1"],
    ]

    private static func open(_ changes: [String: [String]]) throws(Refusal) -> WebSocketHandshake {
        let fields = Self.good.merging(changes) { $1 }
        return try WebSocketHandshake { fields[$0] ?? [] }
    }

    @Test func `proves that it read the key, as in the RFC's example`() throws {
        let handshake = try Self.open([:])
        #expect(handshake.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(handshake.subprotocol == "apus.v1")
    }

    @Test func `names no subprotocol where none was offered`() throws {
        #expect(try Self.open(["Sec-WebSocket-Protocol": []]).subprotocol == nil)
    }

    @Test(
        arguments: [
            ["Upgrade": []], ["Upgrade": ["h2c"]], ["Connection": []], ["Connection": ["close"]],
            ["Sec-WebSocket-Version": []], ["Sec-WebSocket-Version": ["8"]], ["Sec-WebSocket-Version": ["13", "13"]],
            ["Sec-WebSocket-Key": []], ["Sec-WebSocket-Key": ["dGhlIHNhbXBsZQ=="]],
            ["Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ"]], ["Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25j!Q=="]],
            ["Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="]],
            ["Sec-WebSocket-Protocol": ["chat"]], ["Sec-WebSocket-Protocol": ["apus.v2, APUS.V1"]],
        ] as [[String: [String]]])
    func `refuses a request that is none of ours`(_ changes: [String: [String]]) {
        #expect { try Self.open(changes) } throws: { ($0 as? Refusal)?.kind == .badValue }
    }

    @Test func `takes field values in any letter case and with spaces`() throws {
        let handshake = try Self.open(["Upgrade": ["WebSocket "], "Connection": ["\tUPGRADE"]])
        #expect(handshake.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }
}
