package import ApusContract
private import Crypto

/// The server's side of the WebSocket opening handshake (RFC 6455 §4.2): what was asked for, and what is answered.
package struct WebSocketHandshake: Sendable, Equatable {
    /// The protocol that this edge speaks.
    package static let subprotocol = "apus.v1"
    /// The only version of WebSocket there is.
    package static let version = "13"

    /// For `Sec-WebSocket-Accept`.
    package let accept: String
    /// For `Sec-WebSocket-Protocol`; nil when the client offered none, and then none may be answered.
    package let subprotocol: String?

    /// Checks a request's header fields.
    ///
    /// A client that offers no subprotocol is taken to mean ours: many command line tools offer none.
    /// - Parameter header: every value of a field, whose name may come in any letter case.
    /// - Throws: ``Refusal/Kind/badValue`` naming the field at fault.
    package init(header: (String) -> [String]) throws(Refusal) {
        guard Self.tokens(header("Upgrade")).contains(where: { $0.lowercased() == "websocket" }),
            Self.tokens(header("Connection")).contains(where: { $0.lowercased() == "upgrade" })
        else {
            throw Refusal(.badValue, "GET /v1/edge wants a WebSocket upgrade (RFC 6455)")
        }
        guard Self.tokens(header("Sec-WebSocket-Version")) == [Self.version] else {
            throw Refusal(.badValue, "Sec-WebSocket-Version must be \(Self.version)")
        }
        let keys = Self.tokens(header("Sec-WebSocket-Key"))
        guard keys.count == 1, keys[0].utf8.count == 24, Base64.decode(keys[0].utf8)?.count == 16 else {
            throw Refusal(.badValue, "Sec-WebSocket-Key must be 16 bytes in base 64")
        }
        let offered = Self.tokens(header("Sec-WebSocket-Protocol"))
        guard offered.isEmpty || offered.contains(Self.subprotocol) else {
            throw Refusal(.badValue, "Sec-WebSocket-Protocol must offer \(Self.subprotocol)")
        }
        self.accept = Self.accept(for: keys[0])
        self.subprotocol = offered.isEmpty ? nil : Self.subprotocol
    }

    /// The proof that the server has read a client's key.
    package static func accept(for key: String) -> String {
        Base64.encode(Array(Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))))
    }

    /// The members of a comma-separated list that may be spread over several fields.
    private static func tokens(_ values: [String]) -> [String] {
        values.flatMap { value in
            value.utf8.split(separator: UInt8(ascii: ",")).compactMap { member in
                let start = member.drop(while: Self.isSpace)
                guard let last = start.lastIndex(where: { !Self.isSpace($0) }) else { return nil }
                return String(Substring(start[...last]))
            }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
