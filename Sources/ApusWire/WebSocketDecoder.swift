package import NIOCore

/// Cuts a stream of bytes into WebSocket messages (RFC 6455 §5), without extensions.
///
/// Owner: the connection whose bytes it reads. Feed what arrives, then ask for events until there is none. How the
/// bytes were cut on their way makes no difference to the events. Between messages it holds no memory.
package struct WebSocketDecoder: Sendable {
    /// Who the peer is: clients mask every frame, servers none.
    package enum Peer: Sendable {
        case client, server
    }

    /// The longest message, over all its fragments, that a device may send.
    package static let messageMaxBytes = 65_536
    private static let controlMaxBytes = 125

    private let peer: Peer
    private let maxBytes: Int
    private var input = ByteBuffer()
    /// Whether `input` is a copy of ours, rather than the buffer that a socket was read into.
    private var ownsInput = false
    private var message: [UInt8] = []
    /// What the open message began as; nil between messages.
    private var opened: WebSocketOpcode?
    private var end = End.open

    private enum End: Sendable {
        case open, closed
        case failed(WebSocketFault)
    }

    /// - Parameter maxBytes: the longest message that is taken.
    package init(from peer: Peer, maxBytes: Int = Self.messageMaxBytes) {
        self.peer = peer
        self.maxBytes = maxBytes
    }

    /// Takes what arrived; after the end, nothing.
    package mutating func feed(_ bytes: ByteBuffer) {
        guard case .open = self.end else { return }
        if self.input.readableBytes == 0 {
            self.input = bytes
            self.ownsInput = false
        } else {
            var bytes = bytes
            self.input.writeBuffer(&bytes)
            self.ownsInput = true
        }
    }

    /// The next event, or nil until more bytes have come. After a close it is nil for ever.
    ///
    /// - Throws: ``WebSocketFault``, and the same one again on every later call.
    package mutating func next() throws(WebSocketFault) -> WebSocketEvent? {
        switch self.end {
        case .open: break
        case .closed: return nil
        case .failed(let fault): throw fault
        }
        do {
            guard let event = try self.takeFrame() else {
                self.rest()
                return nil
            }
            if case .close = event { self.stop(.closed) }
            return event
        } catch {
            self.stop(.failed(error))
            throw error
        }
    }

    /// Lets go of the buffer that came from the socket: a few bytes of an unfinished frame must not keep it alive.
    private mutating func rest() {
        if self.input.readableBytes == 0 {
            self.input = ByteBuffer()
        } else if !self.ownsInput {
            self.input = ByteBuffer(bytes: self.input.readableBytesView)
            self.ownsInput = true
        } else {
            // A peer that never ends a read with the end of a frame must not make the buffer grow for ever.
            self.input.discardReadBytes()
        }
    }

    /// Bytes of memory that wait for the rest of a frame.
    package var bufferedCapacity: Int { self.input.capacity }

    private mutating func stop(_ end: End) {
        self.end = end
        self.input = ByteBuffer()
        self.message = []
    }
}

// MARK: - One frame

extension WebSocketDecoder {
    private struct Header {
        var isFinal: Bool
        var opcode: WebSocketOpcode
        var mask: UInt32?
        var headerBytes: Int
        var payloadBytes: Int
    }

    /// Takes one frame off the input, once it is whole.
    private mutating func takeFrame() throws(WebSocketFault) -> WebSocketEvent? {
        guard let header = try self.peekHeader() else { return nil }
        try self.checkBounds(of: header)
        guard self.input.readableBytes >= header.headerBytes + header.payloadBytes else { return nil }
        if !header.opcode.isControl, header.opcode != .continuation, self.opened != nil {
            // The frame itself stays: it begins the next message.
            self.opened = nil
            self.message = []
            return .abandoned
        }
        self.input.moveReaderIndex(forwardBy: header.headerBytes)
        let payload = self.takePayload(header)
        switch header.opcode {
        case .text, .binary: return try self.join(header.opcode, payload, isFinal: header.isFinal)
        case .continuation:
            guard let opened = self.opened else { throw .framing(.continuationWithoutStart) }
            return try self.join(opened, payload, isFinal: header.isFinal)
        case .ping: return .ping(payload)
        case .pong: return .pong
        case .close: return .close(code: try Self.closeCode(payload))
        }
    }

    /// Reads a header without taking it; nil until it is whole.
    private func peekHeader() throws(WebSocketFault) -> Header? {
        let start = self.input.readerIndex
        guard let bytes = self.input.getInteger(at: start, as: UInt16.self) else { return nil }
        guard bytes & 0x7000 == 0 else { throw .framing(.reservedBits) }
        guard let opcode = WebSocketOpcode(rawValue: UInt8(bytes >> 8 & 0xF)) else {
            throw .framing(.reservedOpcode)
        }
        let isMasked = bytes & 0x80 != 0
        switch self.peer {
        case .client: guard isMasked else { throw .framing(.maskMissing) }
        case .server: guard !isMasked else { throw .framing(.maskForbidden) }
        }
        var header = Header(
            isFinal: bytes & 0x8000 != 0, opcode: opcode, mask: nil, headerBytes: 2, payloadBytes: Int(bytes & 0x7F))
        guard try self.peekLength(&header) else { return nil }
        if isMasked {
            guard let mask = self.input.getInteger(at: start + header.headerBytes, as: UInt32.self) else { return nil }
            header.mask = mask
            header.headerBytes += 4
        }
        return header
    }

    /// Reads the longer forms of the length.
    ///
    /// - Returns: false until they are whole.
    private func peekLength(_ header: inout Header) throws(WebSocketFault) -> Bool {
        let form = header.payloadBytes
        guard form >= 126 else { return true }
        guard !header.opcode.isControl else { throw .framing(.controlTooLong) }
        let at = self.input.readerIndex + 2
        if form == 126 {
            guard let length = self.input.getInteger(at: at, as: UInt16.self) else { return false }
            guard length >= 126 else { throw .framing(.lengthNotMinimal) }
            header.payloadBytes = Int(length)
            header.headerBytes = 4
        } else {
            guard let length = self.input.getInteger(at: at, as: UInt64.self) else { return false }
            guard length <= UInt64(Int64.max) else { throw .framing(.lengthTooGreat) }
            guard length > UInt64(UInt16.max) else { throw .framing(.lengthNotMinimal) }
            header.payloadBytes = Int(length)
            header.headerBytes = 10
        }
        return true
    }

    private func checkBounds(of header: Header) throws(WebSocketFault) {
        if header.opcode.isControl {
            guard header.isFinal else { throw .framing(.controlFragmented) }
            guard header.payloadBytes <= Self.controlMaxBytes else { throw .framing(.controlTooLong) }
        } else {
            let before = header.opcode == .continuation ? self.message.count : 0
            guard header.payloadBytes <= self.maxBytes - before else { throw .tooLong }
        }
    }

    private mutating func takePayload(_ header: Header) -> [UInt8] {
        guard header.payloadBytes > 0, var bytes = self.input.readBytes(length: header.payloadBytes) else { return [] }
        if let mask = header.mask { WebSocketMask.apply(mask, to: &bytes) }
        return bytes
    }

    /// Joins a fragment to its message, which comes out with its last one.
    private mutating func join(
        _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool
    ) throws(WebSocketFault) -> WebSocketEvent {
        guard isFinal else {
            self.opened = opcode
            self.message += payload
            return .fragment
        }
        let whole = self.message.isEmpty ? payload : self.message + payload
        self.opened = nil
        self.message = []
        guard opcode == .text else { return .binary }
        guard whole.isUTF8 else { throw .notUTF8 }
        return .text(whole)
    }

    private static func closeCode(_ payload: [UInt8]) throws(WebSocketFault) -> UInt16? {
        guard !payload.isEmpty else { return nil }
        guard payload.count >= 2 else { throw .framing(.closePayload) }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .framing(.closePayload)
        }
        guard [UInt8](payload[2...]).isUTF8 else { throw .framing(.closePayload) }
        return code
    }
}

extension [UInt8] {
    /// Whether these bytes are well-formed UTF-8.
    fileprivate var isUTF8: Bool { (try? UTF8Span(validating: self.span)) != nil }
}
