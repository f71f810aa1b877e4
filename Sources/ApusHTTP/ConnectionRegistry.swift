import NIOCore
import Synchronization

/// The open connections of one listener.
///
/// A leaf value under a lock, because connections of all loops come and go in it.
final class ConnectionRegistry: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isDraining = false
        /// Who waits for the last connection to close.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let connectionsMax: Int

    init(connectionsMax: Int) { self.connectionsMax = connectionsMax }

    /// Enters a new connection until it closes.
    ///
    /// - Returns: false when there is no room or the listener is shutting down: the caller closes the channel.
    func admit(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAdmitted = self.state.withLock { state in
            guard !state.isDraining, self.connectionsMax == 0 || state.channels.count < self.connectionsMax else {
                return false
            }
            state.channels[id] = channel
            return true
        }
        if isAdmitted { channel.closeFuture.whenComplete { _ in self.remove(id) } }
        return isAdmitted
    }

    /// Enters the channel of a streaming answer inside an admitted connection, so that it too is told when the listener
    /// shuts down.
    ///
    /// - Returns: false when that has begun already.
    func follow(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isFollowed = self.state.withLock { state in
            guard !state.isDraining else { return false }
            state.channels[id] = channel
            return true
        }
        if isFollowed { channel.closeFuture.whenComplete { _ in self.remove(id) } }
        return isFollowed
    }

    private func remove(_ id: ObjectIdentifier) {
        let waiters = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.channels[id] = nil
            guard state.channels.isEmpty else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Tells every connection to end with its current answer, and admits no more.
    func drain() {
        for channel in self.beginDraining() {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }

    private func beginDraining() -> [any Channel] {
        self.state.withLock { state in
            state.isDraining = true
            return Array(state.channels.values)
        }
    }

    /// Closes what is left, answered or not.
    func closeAll() {
        for channel in self.beginDraining() { channel.close(promise: nil) }
    }

    /// Returns when the last connection has closed.
    func untilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = self.state.withLock { state in
                if !state.channels.isEmpty { state.waiters.append(continuation) }
                return state.channels.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}
