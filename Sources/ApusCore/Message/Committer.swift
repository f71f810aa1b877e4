private import Synchronization

/// Group commit: many callers share one transaction and one fsync; each gets its answer after its own batch is durable.
///
/// Owner of the order in which things happen: message numbers grow in the order of the queue, the queue is the order
/// of the store, and observers hear of each write after it is durable, in the same order.
package final class Committer: Sendable {
    /// Hears of every write once it is durable or has failed. Runs on the committer's task; must not wait.
    package typealias Observer = @Sendable (Write, WriteOutcome) -> Void

    /// Writes that may wait. Beyond it new ones are refused with ``Refusal/Kind/overloaded``: the store cannot keep up,
    /// and a longer queue would only turn refusals into time-outs.
    private static let queueMax = 16_384
    /// Writes of one transaction: long enough to share an fsync well, short enough to keep its latency in the
    /// milliseconds.
    private static let batchMax = 1024

    private struct Pending {
        let write: Write
        let continuation: CheckedContinuation<WriteOutcome, Never>?
    }

    private struct Queue {
        var numbers: MessageNumbers
        var pending: [Pending] = []
        var isPumping = false
        var idle: [CheckedContinuation<Void, Never>] = []
    }

    private let store: any Store
    private let clocks: Clocks
    private let observer: Observer
    private let queue: Mutex<Queue>

    /// - Parameter last: the greatest message number that the store has ever held.
    package init(store: any Store, clocks: Clocks, last: MessageID, observer: @escaping Observer) {
        self.store = store
        self.clocks = clocks
        self.observer = observer
        self.queue = Mutex(Queue(numbers: MessageNumbers(after: last)))
    }

    /// Commits one write and returns what became of it, after it is durable.
    package func commit(_ write: Write) async -> WriteOutcome {
        await self.commit { _ in write }
    }

    /// Commits a write that needs a fresh message number; the number and its place in the queue are one decision.
    package func commit(_ make: (MessageID) -> Write) async -> WriteOutcome {
        await withCheckedContinuation { continuation in
            self.enqueue(continuation, make)
        }
    }

    /// Commits a write that nobody waits for.
    ///
    /// - Returns: false when the queue is full, and the write dropped.
    @discardableResult
    package func commitLater(_ write: Write) -> Bool {
        self.enqueue(nil) { _ in write }
    }

    /// A number for an answer that keeps nothing (`validate`).
    package func freshNumber() -> MessageID {
        let now = self.clocks.now()
        return self.queue.withLock { $0.numbers.next(at: now) }
    }

    /// Returns when everything queued so far has been committed.
    package func drained() async {
        await withCheckedContinuation { continuation in
            let isIdle = self.queue.withLock { queue in
                guard queue.isPumping else { return true }
                queue.idle.append(continuation)
                return false
            }
            if isIdle { continuation.resume() }
        }
    }

    /// `make` runs under the lock of the queue, because a number and its place are one decision: it builds a value and
    /// calls nobody.
    ///
    /// - Returns: false when the queue is full.
    @discardableResult
    private func enqueue(
        _ continuation: CheckedContinuation<WriteOutcome, Never>?, _ make: (MessageID) -> Write
    ) -> Bool {
        enum Step { case full, queued, start }
        let now = self.clocks.now()
        let step = self.queue.withLock { queue -> Step in
            guard queue.pending.count < Self.queueMax else { return .full }
            queue.pending.append(Pending(write: make(queue.numbers.next(at: now)), continuation: continuation))
            guard !queue.isPumping else { return .queued }
            queue.isPumping = true
            return .start
        }
        switch step {
        case .full: continuation?.resume(returning: .refused(Refusal(.overloaded)))
        case .queued: break
        case .start: Task { await self.pump() }
        }
        return step != .full
    }

    /// Commits batch after batch until nothing waits. One pump runs at a time.
    private func pump() async {
        while let batch = self.nextBatch() {
            let outcomes = await self.store.commit(batch.map(\.write))
            for (pending, outcome) in zip(batch, outcomes) {
                self.observer(pending.write, outcome)
                pending.continuation?.resume(returning: outcome)
            }
        }
    }

    private func nextBatch() -> [Pending]? {
        let (batch, waiters) = self.queue.withLock { queue -> ([Pending]?, [CheckedContinuation<Void, Never>]) in
            guard !queue.pending.isEmpty else {
                queue.isPumping = false
                defer { queue.idle = [] }
                return (nil, queue.idle)
            }
            let batch = Array(queue.pending.prefix(Self.batchMax))
            queue.pending.removeFirst(batch.count)
            return (batch, [])
        }
        for waiter in waiters { waiter.resume() }
        return batch
    }
}
