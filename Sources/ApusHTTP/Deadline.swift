import NIOCore

/// The one deadline of a connection, which moves with every request.
///
/// Moving it later costs nothing: the timer that is already set finds, when it fires, that the deadline has moved and
/// sets itself again. So a busy connection touches the loop's queue of timers about once per deadline, not once per
/// request. Timers are never cancelled, because a cancellation searches that queue; a forgotten one holds only this
/// small object.
///
/// Belongs to one event loop, as its owner does.
final class Deadline: NIOScheduledCallbackHandler {
    private let loop: any EventLoop
    /// Called on the loop, once for every deadline that passes.
    private var action: (() -> Void)?
    private var instant: NIODeadline = .distantFuture
    private var armed: NIODeadline = .distantFuture

    init(on loop: any EventLoop, _ action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
    }

    /// Sets the deadline, in place of the one before.
    func set(_ instant: NIODeadline) {
        self.instant = instant
        self.arm()
    }

    /// Lets go of the owner: the action is never called again.
    func discard() {
        self.action = nil
        self.instant = .distantFuture
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        let now = eventLoop.now
        // A timer that an earlier one has overtaken still fires, and has nothing to say.
        guard now >= self.armed else { return }
        self.armed = .distantFuture
        guard now >= self.instant else { return self.arm() }
        self.instant = .distantFuture
        self.action?()
    }

    private func arm() {
        guard self.instant < self.armed, self.action != nil else { return }
        self.armed = self.instant
        // Fails only on a loop that is shutting down, where no deadline matters any more.
        _ = try? self.loop.assumeIsolated().scheduleCallback(at: self.instant, handler: self)
    }
}
