package import NIOCore

/// Builds WebSocket frames (RFC 6455 §5.2): header and payload in one buffer, made once however many devices get it.
package enum WebSocketEncoder {
    /// A whole message or control frame, as a server sends it.
    package static func frame(_ opcode: WebSocketOpcode, _ payload: some Collection<UInt8>) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(10 + payload.count)
        Self.writeHeader(opcode, payload.count, maskBit: 0, into: &buffer)
        buffer.writeBytes(payload)
        return buffer
    }

    /// A whole message or control frame, as a client sends it.
    ///
    /// - Parameter mask: the frame's masking key; a client takes a fresh random one each time.
    package static func frame(
        _ opcode: WebSocketOpcode, _ payload: some Collection<UInt8>, mask: UInt32
    ) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(14 + payload.count)
        Self.writeHeader(opcode, payload.count, maskBit: 0x80, into: &buffer)
        buffer.writeInteger(mask)
        var masked = [UInt8](payload)
        WebSocketMask.apply(mask, to: &masked)
        buffer.writeBytes(masked)
        return buffer
    }

    /// A close frame, as a server sends it.
    ///
    /// - Parameter code: nil echoes a close that came without one.
    package static func close(_ code: UInt16?, _ sentence: String = "") -> ByteBuffer {
        Self.frame(.close, Self.closePayload(code, sentence))
    }

    /// The payload of a close frame. The sentence is cut, between characters, to what fits a control frame.
    package static func closePayload(_ code: UInt16?, _ sentence: String) -> [UInt8] {
        guard let code else { return [] }
        var payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
        for character in sentence {
            guard payload.count + character.utf8.count <= 125 else { break }
            payload += character.utf8
        }
        return payload
    }

    private static func writeHeader(
        _ opcode: WebSocketOpcode, _ length: Int, maskBit: UInt8, into buffer: inout ByteBuffer
    ) {
        buffer.writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ..<126: buffer.writeInteger(maskBit | UInt8(length))
        case ...Int(UInt16.max):
            buffer.writeInteger(maskBit | 126)
            buffer.writeInteger(UInt16(length))
        default:
            buffer.writeInteger(maskBit | 127)
            buffer.writeInteger(UInt64(length))
        }
    }
}

/// The masking of client frames (RFC 6455 §5.3): doing it twice undoes it.
enum WebSocketMask {
    /// - Parameter mask: the key, its first byte on the wire in the highest place.
    static func apply(_ mask: UInt32, to bytes: inout [UInt8]) {
        guard mask != 0 else { return }
        bytes.withUnsafeMutableBytes { bytes in
            // Eight bytes at a time; the key repeats every four, so a word of it fits everywhere.
            let wide = (UInt64(mask) << 32 | UInt64(mask)).bigEndian
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
                offset += 8
            }
            while offset < bytes.count {
                bytes[offset] ^= UInt8(truncatingIfNeeded: mask >> (24 - 8 * UInt32(offset & 3)))
                offset += 1
            }
        }
    }
}
