package import ApusContract

/// One frame to a device.
///
/// The `push` frame is missing here: its text is written once per platform where the message is kept, and sent as it
/// is. Source: contract, edge §2.
package enum ServerFrame: Sendable, Equatable {
    case registered(RegistrationID, secret: String)
    /// How many pushes wait; they follow.
    case ready(pending: Int)
    /// The receipts of these messages are durable.
    case acknowledged([MessageID])
    case ok
    case pong
    case error(code: Int, message: String)
    case withdraw(MessageID)
    /// The connection is about to be closed.
    case bye(ByeReason, retryAfterSeconds: Int?)

    /// A refusal, with its code in the device family.
    package static func error(_ refusal: Refusal) -> ServerFrame {
        .error(code: refusal.row(for: .device).code, message: refusal.message(for: .device))
    }

    /// The name of a frame that carries a push.
    package static let pushOperation = "push"

    /// The `op`.
    package var operation: String {
        switch self {
        case .registered: "registered"
        case .ready: "ready"
        case .acknowledged: "acked"
        case .ok: "ok"
        case .pong: "pong"
        case .error: "error"
        case .withdraw: "withdraw"
        case .bye: "bye"
        }
    }

    /// The frame as compact JSON.
    ///
    /// - Parameter ref: of the client frame that this one answers.
    package func text(ref: FrameRef? = nil) -> [UInt8] {
        var text: [UInt8] = []
        text.append(json: "{\"op\":")
        text.appendJSON(string: self.operation)
        switch ref {
        case nil: break
        case .integer(let number):
            text.append(json: ",\"ref\":")
            text.appendJSON(integer: number)
        case .text(let string):
            text.append(json: ",\"ref\":")
            text.appendJSON(string: string)
        }
        self.appendMembers(to: &text)
        text.append(json: "}")
        return text
    }

    private func appendMembers(to text: inout [UInt8]) {
        switch self {
        case .registered(let id, let secret):
            text.append(json: ",\"registration_id\":")
            text.appendJSON(string: id.text)
            text.append(json: ",\"secret\":")
            text.appendJSON(string: secret)
        case .ready(let pending):
            text.append(json: ",\"pending\":")
            text.appendJSON(integer: pending)
        case .acknowledged(let ids):
            text.append(json: ",\"msg_ids\":")
            text.appendJSON(strings: ids.lazy.map(\.text))
        case .ok, .pong: break
        case .error(let code, let message):
            text.append(json: ",\"error\":{\"code\":")
            text.appendJSON(integer: code)
            text.append(json: ",\"message\":")
            text.appendJSON(string: message)
            text.append(json: "}")
        case .withdraw(let id):
            text.append(json: ",\"msg_id\":")
            text.appendJSON(string: id.text)
        case .bye(let reason, let retryAfterSeconds):
            text.append(json: ",\"reason\":")
            text.appendJSON(string: reason.rawValue)
            guard let retryAfterSeconds else { return }
            text.append(json: ",\"retry_after\":")
            text.appendJSON(integer: retryAfterSeconds)
        }
    }
}
