private import Synchronization

/// Pauses that end when a test says so, told apart by how long they are meant to be.
package final class ManualPause: Sendable {
    private struct State {
        var lastNumber = 0
        var sleepers: [Duration: [Int: CheckedContinuation<Bool, Never>]] = [:]
        /// Tests that wait until somebody pauses for so long.
        var watchers: [Duration: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Returns when a test ends the pause.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before.
    @Sendable package func pause(_ duration: Duration) async throws {
        let number = self.state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        let isOver = await withTaskCancellationHandler {
            await withCheckedContinuation { self.begin(duration, number, $0) }
        } onCancel: {
            self.state.withLock { $0.sleepers[duration]?.removeValue(forKey: number) }?.resume(returning: false)
        }
        guard isOver else { throw CancellationError() }
    }

    private func begin(_ duration: Duration, _ number: Int, _ continuation: CheckedContinuation<Bool, Never>) {
        let watchers = self.state.withLock { state -> [CheckedContinuation<Void, Never>]? in
            // Looked at under the lock: a cancellation comes either before, or finds the sleeper.
            if Task.isCancelled { return nil }
            state.sleepers[duration, default: [:]][number] = continuation
            return state.watchers.removeValue(forKey: duration) ?? []
        }
        guard let watchers else { return continuation.resume(returning: false) }
        for watcher in watchers { watcher.resume() }
    }

    /// Returns when somebody pauses for so long.
    package func paused(for duration: Duration) async {
        await withCheckedContinuation { continuation in
            let isThere = self.state.withLock { state in
                guard state.sleepers[duration]?.isEmpty ?? true else { return true }
                state.watchers[duration, default: []].append(continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Ends a pause, which may be yet to begin, and returns when the next of that length has begun: whatever was to
    /// happen between the two has happened.
    package func end(_ duration: Duration) async {
        await self.paused(for: duration)
        let sleepers = self.state.withLock { $0.sleepers.removeValue(forKey: duration) ?? [:] }
        for sleeper in sleepers.values { sleeper.resume(returning: true) }
        await self.paused(for: duration)
    }

    /// The lengths of all pauses that go on.
    package var durations: Set<Duration> {
        self.state.withLock { Set($0.sleepers.filter { !$0.value.isEmpty }.keys) }
    }
}
