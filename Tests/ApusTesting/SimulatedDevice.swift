package import ApusContract
package import ApusWire
private import NIOCore
private import NIOPosix

/// A device under a test's control: it speaks the edge's protocol frame by frame, badly when it is told to, and reads
/// only when it is asked to.
package struct SimulatedDevice: ~Copyable {
    /// What the edge sent.
    package enum Received: Sendable {
        case frame(JSONValue)
        /// A ping of WebSocket itself. It is not answered unless the test does.
        case ping([UInt8])
        /// The close frame, or with nil a close frame without a code.
        case close(code: UInt16?)
        /// The connection ended.
        case end
    }

    /// What a test did not expect.
    package struct Unexpected: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    /// A registered device's credentials.
    package struct Identity: Sendable {
        package let registrationID: String
        package let secret: String

        package init(registrationID: String, secret: String) {
            self.registrationID = registrationID
            self.secret = secret
        }
    }

    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var decoder = WebSocketDecoder(from: .server, maxBytes: 16 << 20)

    /// Connects over WebSocket, runs the body and lets go, without a close frame.
    ///
    /// - Parameter receiveBufferBytes: small, so that a device which does not read is soon noticed; nil for the
    ///   system's.
    package static func connect<Result: Sendable>(
        port: Int, receiveBufferBytes: Int? = nil, _ body: (inout SimulatedDevice) async throws -> Result
    ) async throws -> Result {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let receiveBufferBytes {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: numericCast(receiveBufferBytes))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                    wrappingChannelSynchronously: channel,
                    configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2)))
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            var device = SimulatedDevice(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            try await device.upgrade()
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

    private mutating func upgrade() async throws {
        let key = Base64.encode((0..<16).map { _ in UInt8.random(in: .min ... .max) })
        let request = [
            "GET /v1/edge HTTP/1.1", "Host: edge.test", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Protocol: apus.v1", "", "",
        ]
        try await self.outbound.write(ByteBuffer(string: request.joined(separator: "\r\n")))
        var answer = ByteBuffer()
        while let bytes = try await self.inbound.next() {
            answer.writeImmutableBuffer(bytes)
            let text = String(buffer: answer)
            guard let end = text.firstRange(of: "\r\n\r\n") else { continue }
            let head = text[..<end.lowerBound]
            guard head.hasPrefix("HTTP/1.1 101 "), head.contains(WebSocketHandshake.accept(for: key)) else {
                throw Unexpected("no upgrade: \(head)")
            }
            answer.moveReaderIndex(forwardBy: head.utf8.count + 4)
            self.decoder.feed(answer)
            return
        }
        throw Unexpected("the connection ended instead of an upgrade")
    }
}

// MARK: - Frames

extension SimulatedDevice {
    /// Sends one text frame.
    package func send(_ text: String) async throws { try await self.send(.text, Array(text.utf8)) }

    /// Sends a whole message or a control frame.
    package func send(_ opcode: WebSocketOpcode, _ payload: [UInt8] = []) async throws {
        let mask = UInt32.random(in: .min ... .max)
        try await self.outbound.write(WebSocketEncoder.frame(opcode, payload, mask: mask))
    }

    /// Sends bytes as they are.
    package func send(raw bytes: [UInt8]) async throws { try await self.outbound.write(ByteBuffer(bytes: bytes)) }

    /// Waits for whatever comes next.
    package mutating func receive() async throws -> Received {
        while true {
            while let event = try self.decoder.next() {
                switch event {
                case .text(let text): return .frame(try JSONValue(parsing: text))
                case .ping(let payload): return .ping(payload)
                case .close(let code): return .close(code: code)
                case .pong, .fragment: continue
                case .binary, .abandoned: throw Unexpected("the edge sent \(event)")
                }
            }
            do {
                guard let bytes = try await self.inbound.next() else { return .end }
                self.decoder.feed(bytes)
            } catch is IOError {
                return .end
            }
        }
    }

    /// Waits for the next frame, which must have this `op`. Pings are passed over.
    package mutating func receive(_ operation: String) async throws -> JSONValue {
        while true {
            switch try await self.receive() {
            case .ping: continue
            case .frame(let frame):
                guard frame["op"]?.string == operation else {
                    throw Unexpected("\(String(decoding: frame.compact(), as: UTF8.self)), not \(operation)")
                }
                return frame
            case .close(let code): throw Unexpected("close \(code ?? 0), not \(operation)")
            case .end: throw Unexpected("the end, not \(operation)")
            }
        }
    }

    /// Waits for the close frame, which must be the next, and for the end after it.
    ///
    /// - Returns: its code.
    package mutating func receiveClose() async throws -> UInt16? {
        let received = try await self.receive()
        guard case .close(let code) = received else {
            throw Unexpected("\(received), not the close frame")
        }
        // An edge that could not read this device any more has not waited for an answer.
        try? await self.send(.close, code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? [])
        guard let bytes = try? await self.inbound.next() else { return code }
        throw Unexpected("\(bytes.readableBytes) bytes behind the close frame")
    }

    /// Ends the connection properly. When it returns, the edge has let go of the session.
    package mutating func leave() async throws {
        try await self.send(.close, [0x03, 0xE8])
        while true {
            switch try await self.receive() {
            case .frame, .ping: continue
            case .close, .end: return
            }
        }
    }

    /// Registers a new device.
    package mutating func register(_ appKey: AppKey, _ platform: Platform = .android) async throws -> Identity {
        try await self.send(#"{"op":"register","app_key":"\#(appKey.text)","platform":"\#(platform.name)"}"#)
        let frame = try await self.receive("registered")
        guard let id = frame["registration_id"]?.string, let secret = frame["secret"]?.string else {
            throw Unexpected("registered without credentials")
        }
        return Identity(registrationID: id, secret: secret)
    }

    /// Logs in.
    ///
    /// - Returns: how many pushes wait.
    package mutating func login(_ identity: Identity) async throws -> Int {
        try await self.send(
            #"{"op":"login","registration_id":"\#(identity.registrationID)","secret":"\#(identity.secret)"}"#)
        return Int(try await self.receive("ready")["pending"]?.integer ?? -1)
    }
}
