internal import ApusCore
internal import ApusWire
internal import NIOCore

/// How frames reach a device.
enum Transport: Sendable {
    case webSocket
    /// Server-Sent Events.
    case events

    /// A frame, ready for the wire.
    ///
    /// - Parameters:
    ///   - text: its JSON, in one line.
    ///   - operation: its `op`.
    ///   - message: the push that it is about.
    func encode(_ text: [UInt8], operation: String, message: MessageID?) -> ByteBuffer {
        switch self {
        case .webSocket: return WebSocketEncoder.frame(.text, text)
        case .events:
            var buffer = ByteBuffer()
            buffer.reserveCapacity(text.count + 64)
            buffer.writeString("event: \(operation)\n")
            if let message { buffer.writeString("id: \(message.text)\n") }
            buffer.writeString("data: ")
            buffer.writeBytes(text)
            buffer.writeString("\n\n")
            return buffer
        }
    }

    func encode(_ frame: ServerFrame, ref: FrameRef? = nil) -> ByteBuffer {
        let message: MessageID? =
            switch frame {
            case .withdraw(let id): id
            case .registered, .ready, .acknowledged, .ok, .pong, .error, .bye: nil
            }
        return self.encode(frame.text(ref: ref), operation: frame.operation, message: message)
    }

    /// A push for one platform; nil when its devices get nothing of it.
    func encode(_ delivery: Delivery, for platform: Platform) -> ByteBuffer? {
        delivery.deliverable.frame(for: platform, dueAt: delivery.dueAt).map { text in
            self.encode(text, operation: ServerFrame.pushOperation, message: delivery.deliverable.id)
        }
    }
}

/// One push, or what takes one back, as it goes to many devices of a loop: encoded at the first device that needs it,
/// and the same buffer written to every other one of its platform.
///
/// Owner: the event loop that it is for.
final class EncodedPush {
    private enum Subject {
        case push(Delivery)
        case withdrawal(MessageID)
    }

    private let subject: Subject
    /// By platform and transport; what is nil inside says that those devices get nothing.
    private var buffers: [ByteBuffer??]

    convenience init(_ delivery: Delivery) { self.init(.push(delivery)) }

    convenience init(withdrawing id: MessageID) { self.init(.withdrawal(id)) }

    private init(_ subject: Subject) {
        self.subject = subject
        self.buffers = Array(repeating: .none, count: Platform.allCases.count * 2)
    }

    /// Nil for what takes a push back.
    var delivery: Delivery? {
        switch self.subject {
        case .push(let delivery): delivery
        case .withdrawal: nil
        }
    }

    /// - Returns: nil when devices of the platform get nothing of this push.
    func buffer(for platform: Platform, over transport: Transport) -> ByteBuffer? {
        let offset =
            switch transport {
            case .webSocket: 0
            case .events: 1
            }
        let index = Int(platform.rawValue) * 2 + offset
        if case .some(let known) = self.buffers[index] { return known }
        let buffer =
            switch self.subject {
            case .push(let delivery): transport.encode(delivery, for: platform)
            case .withdrawal(let id): ByteBuffer?.some(transport.encode(.withdraw(id)))
            }
        self.buffers[index] = .some(buffer)
        return buffer
    }
}
