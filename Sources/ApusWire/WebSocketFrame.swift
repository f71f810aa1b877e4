/// The kinds of WebSocket frames (RFC 6455 §5.2). The others are reserved.
package enum WebSocketOpcode: UInt8, Sendable, CaseIterable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Control frames are whole, at most 125 bytes long, and may stand between the fragments of a message.
    package var isControl: Bool { self.rawValue & 0x8 != 0 }
}

/// What a peer sent, once enough bytes of it have come.
package enum WebSocketEvent: Equatable, Sendable {
    /// A whole text message, valid UTF-8, put together from its fragments.
    case text([UInt8])
    /// A whole binary message. Its bytes are gone: the device protocol has no use for them.
    case binary
    /// A fragment that does not end its message. It is reported because it costs work, as every frame does.
    case fragment
    /// A message was begun and never ended: another one begins in its place.
    case abandoned
    case ping([UInt8])
    case pong
    /// The peer ends the connection; nothing that follows is read.
    /// `code` is nil when the peer gave none.
    case close(code: UInt16?)
}

/// Why a byte stream cannot be read any further: it is no WebSocket stream, or breaks a bound.
package enum WebSocketFault: Error, Equatable, Sendable {
    /// Against RFC 6455: the case says which of its rules.
    case framing(Rule)
    /// A text message that is not UTF-8.
    case notUTF8
    /// A message longer than the bound; reported as soon as a header announces it.
    case tooLong

    /// The rules of RFC 6455 §5 that a peer can break.
    package enum Rule: Sendable, CaseIterable {
        case reservedBits, reservedOpcode, maskMissing, maskForbidden, lengthNotMinimal, lengthTooGreat
        case controlFragmented, controlTooLong, continuationWithoutStart, closePayload
    }
}
