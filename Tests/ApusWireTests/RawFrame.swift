import ApusWire
import NIOCore

/// One frame as RFC 6455 §5.2 draws it, with every bit free to be wrong. Written out the plain way, so that it can
/// stand against the encoder and the decoder as an oracle.
struct RawFrame {
    var isFinal = true
    var reserved: UInt8 = 0
    var opcode: UInt8
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    var payload: [UInt8] = []
    /// 0 for the shortest form of the length, else 2 or 8 bytes.
    var lengthBytes = 0

    var bytes: [UInt8] {
        var bytes = [(self.isFinal ? 0x80 : 0) | self.reserved << 4 | self.opcode]
        let bit: UInt8 = self.mask == nil ? 0 : 0x80
        let count = self.payload.count
        switch (self.lengthBytes, count) {
        case (0, ..<126): bytes.append(bit + UInt8(count))
        case (2, _), (0, ..<65536): bytes += [bit + 126, UInt8(count / 256), UInt8(count % 256)]
        default: bytes += [bit + 127, 0, 0, 0, 0] + [24, 16, 8, 0].map { UInt8((count >> $0) % 256) }
        }
        bytes += self.mask ?? []
        for (index, byte) in self.payload.enumerated() { bytes.append(byte ^ (self.mask?[index % 4] ?? 0)) }
        return bytes
    }

    static func text(_ text: String) -> RawFrame { RawFrame(opcode: 1, payload: Array(text.utf8)) }
}

extension WebSocketDecoder {
    /// Feeds bytes and collects what comes out, and what ended it.
    mutating func events(of bytes: some Sequence<UInt8>) -> (events: [WebSocketEvent], fault: WebSocketFault?) {
        self.feed(ByteBuffer(bytes: bytes))
        var events: [WebSocketEvent] = []
        do {
            while let event = try self.next() { events.append(event) }
            return (events, nil)
        } catch {
            return (events, error)
        }
    }
}
