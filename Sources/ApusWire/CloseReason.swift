/// Why the edge ends a device's connection: the number and sentence of its close frame, and what the device should do.
///
/// Source: contract, edge §2; 1002, 1007 and 1009 as RFC 6455 §7.4.1 gives them.
package enum CloseReason: Sendable, CaseIterable {
    /// This node stops; another, or the same one later, takes over.
    case draining
    /// Nothing was heard for the whole idle timeout.
    case idle
    /// The byte stream breaks the rules of WebSocket itself.
    case framing
    /// A text message is not UTF-8.
    case notUTF8
    /// A message is longer than the bound.
    case tooLong
    /// The device reads more slowly than it is pushed to, or this node cannot serve it now.
    case overload
    /// The credentials do not hold, or the first frame was refused.
    case refused
    /// No first frame came in time.
    case silent
    /// Three frames that could not be understood.
    case notUnderstood
    /// A newer session of the same registration id has taken over.
    case replaced
    /// The app or the device was deleted.
    case deleted
    /// More frames than `frames_per_second` allows.
    case tooManyFrames

    /// The number in the close frame.
    package var code: UInt16 {
        switch self {
        case .draining, .idle: 1001
        case .framing: 1002
        case .notUTF8: 1007
        case .tooLong: 1009
        case .overload: 1013
        case .refused, .silent: 4001
        case .notUnderstood: 4002
        case .replaced: 4003
        case .deleted: 4004
        case .tooManyFrames: 4008
        }
    }

    /// The sentence in the close frame: at most 123 bytes.
    package var sentence: String {
        switch self {
        case .draining: "the node is shutting down, reconnect"
        case .idle: "nothing was heard for the whole idle timeout"
        case .framing: "the frames break the rules of WebSocket"
        case .notUTF8: "a text message must be UTF-8"
        case .tooLong: "a message may have at most 65536 bytes"
        case .overload: "the device reads too slowly or the node is overloaded, reconnect later"
        case .refused: "the registration or login was refused"
        case .silent: "no register or login frame came in time"
        case .notUnderstood: "too many frames could not be understood"
        case .replaced: "a newer session of this device has taken over"
        case .deleted: "the app or the device was deleted"
        case .tooManyFrames: "too many frames per second"
        }
    }

    /// Whether the device's bytes have become unreadable, its answer to the close frame among them.
    package var isUnreadable: Bool {
        switch self {
        case .framing, .notUTF8, .tooLong: true
        case .draining, .idle, .overload, .refused, .silent, .notUnderstood, .replaced, .deleted, .tooManyFrames: false
        }
    }

    /// What a device does best after it.
    package var reconnect: Reconnect {
        switch self {
        case .draining, .idle, .silent: .soon
        case .overload, .tooManyFrames: .later
        case .framing, .notUTF8, .tooLong, .refused, .notUnderstood, .replaced, .deleted: .never
        }
    }

    /// Advice to a device whose connection was ended.
    package enum Reconnect: Sendable {
        /// At once, or after the `bye` frame's `retry_after`.
        case soon
        /// After a pause that grows with every failure.
        case later
        /// Not before something has changed: its code, its credentials, or the session that replaced it.
        case never
    }

    /// The farewell that goes before the close frame; nil where the close frame says it all.
    package var bye: ByeReason? {
        switch self {
        case .draining: .draining
        case .idle: .idle
        case .overload: .overload
        case .replaced: .replaced
        case .deleted: .deleted
        case .framing, .notUTF8, .tooLong, .refused, .silent, .notUnderstood, .tooManyFrames: nil
        }
    }
}

/// The `reason` of a `bye` frame.
package enum ByeReason: String, Sendable, CaseIterable {
    case replaced, draining, idle, deleted, overload
}
