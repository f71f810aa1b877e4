private import Synchronization

/// A hint to the edges that something durable has happened. A lost one costs delay and never a message.
package enum Nudge: Sendable {
    /// Deliver now to those of the recipients that are here.
    ///
    /// `dueAt`: when the push was accepted, or when the share of a timed-speed push fell due. A share may carry a
    /// lower number than what a session has already seen.
    case deliver(Deliverable, to: Ordinals, dueAt: Timestamp)
    /// Tell those of the recipients that are here to take the message back.
    case withdraw(MessageID, AppID, recipients: Ordinals)
    /// Another message has taken its place: what waits of it must not be sent any more.
    case overridden(MessageID, AppID, recipients: Ordinals)
    /// The app is gone: end its sessions.
    case deleted(AppID)
}

/// The bus of a lone node: rings the doorbell in process, in order of publication.
package final class LocalBus: Sendable {
    private let subscribers = Mutex<[@Sendable (Nudge) -> Void]>([])

    package init() {}

    /// - Parameter body: called on the publisher's thread, one nudge at a time per publisher; it must not wait.
    package func subscribe(_ body: @escaping @Sendable (Nudge) -> Void) {
        self.subscribers.withLock { $0.append(body) }
    }

    /// Rings for all subscribers, and returns when each of them has been told.
    package func publish(_ nudge: Nudge) {
        for subscriber in self.subscribers.withLock({ $0 }) { subscriber(nudge) }
    }
}
