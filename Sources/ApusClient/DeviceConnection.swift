package import ApusContract
import ApusWire
import NIOCore

/// A device's session over WebSocket: frames as JSON in both directions.
///
/// For `apus listen` and for tests; an app's own client does the same in its own language.
package struct DeviceConnection: ~Copyable {
    /// How the server ended the session.
    package struct Closed: Error, Equatable {
        /// WebSocket close code; nil when the connection just broke off.
        package let code: UInt16?
    }

    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var decoder = WebSocketDecoder(from: .server, maxBytes: 4 << 20)

    /// Connects, upgrades and runs the body with the connection, then closes it.
    ///
    /// - Throws: ``ClientError`` when there is no edge at the URL, and whatever the body throws.
    package static func open<Result: Sendable>(
        _ url: ServerURL, trusting certificatePath: String? = nil,
        _ body: (inout DeviceConnection) async throws -> Result
    ) async throws -> Result {
        try await Connection.open(url, trusting: certificatePath).executeThenClose { inbound, outbound in
            var device = DeviceConnection(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            try await device.upgrade(url)
            return try await body(&device)
        }
    }

    private init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound
        self.outbound = outbound
    }

    /// The sending half, for a task of its own.
    package struct Sender: Sendable {
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

        /// Sends one frame, given as JSON text.
        package func send(_ text: some Collection<UInt8>) async throws {
            try await self.outbound.write(WebSocketEncoder.frame(.text, text, mask: .random(in: .min ... .max)))
        }
    }

    /// The sending half, which may leave this connection's task.
    package var sender: Sender { Sender(outbound: self.outbound) }

    /// Sends one frame, given as JSON text.
    package func send(_ text: some Collection<UInt8>) async throws { try await self.sender.send(text) }

    /// Waits for the next frame; answers the server's pings meanwhile.
    ///
    /// - Throws: ``Closed`` when the session has ended.
    package mutating func next() async throws -> JSONValue {
        while true {
            while let event = try self.decoder.next() {
                switch event {
                case .text(let bytes): return try JSONValue(parsing: bytes)
                case .ping(let payload):
                    try await self.outbound.write(
                        WebSocketEncoder.frame(.pong, payload, mask: .random(in: .min ... .max)))
                case .pong, .binary, .fragment, .abandoned: continue
                case .close(let code): throw Closed(code: code)
                }
            }
            guard let bytes = try await self.inbound.next() else { throw Closed(code: nil) }
            self.decoder.feed(bytes)
        }
    }

    private mutating func upgrade(_ url: ServerURL) async throws {
        let key = Base64.encode((0..<16).map { _ in UInt8.random(in: .min ... .max) })
        let head = """
            GET /v1/edge HTTP/1.1\r
            Host: \(url.authority)\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Version: \(WebSocketHandshake.version)\r
            Sec-WebSocket-Protocol: \(WebSocketHandshake.subprotocol)\r
            Sec-WebSocket-Key: \(key)\r
            \r

            """
        try await self.outbound.write(ByteBuffer(string: head))
        var received = ByteBuffer()
        let end = Array("\r\n\r\n".utf8)
        while let bytes = try await self.inbound.next() {
            received.writeImmutableBuffer(bytes)
            let all = Array(received.readableBytesView)
            guard let split = all.indices.first(where: { all[$0...].starts(with: end) }) else { continue }
            let answer = String(decoding: all[..<split], as: UTF8.self)
            guard answer.hasPrefix("HTTP/1.1 101 "), answer.contains(WebSocketHandshake.accept(for: key)) else {
                let line = answer.prefix { $0 != "\r" && $0 != "\r\n" }
                throw ClientError("\(url.authority) is no edge: it answered '\(line)'")
            }
            self.decoder.feed(ByteBuffer(bytes: all[(split + 4)...]))
            return
        }
        throw ClientError("\(url.authority) closed the connection instead of upgrading it")
    }
}
