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

    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        (String(repeating: "a", count: 119), "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"),
    ])
    func `hashes as FIPS 180 says`(_ text: String, _ digest: String) {
        let hex = SHA1.digest(of: text.utf8).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        #expect(hex.joined() == digest)
    }
}

@Suite struct `Base 64` {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ])
    func `writes and reads the RFC's examples`(_ plain: String, _ coded: String) {
        #expect(Base64.encode(plain.utf8) == coded)
        #expect(Base64.decode(coded) == Array(plain.utf8))
        #expect(Base64.decode(coded.filter { $0 != "=" }) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zg=", "Zh==", "Zm9=", "Zm 9v", "Zm9v=", "Zg==Zg==", "Zm9-", "Zg===", "===="])
    func `refuses what it would not have written`(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `reads back any bytes`() {
        var random = SplitMix64(seed: 64)
        for length in 0..<200 {
            let bytes = random.bytes(length)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }
}
