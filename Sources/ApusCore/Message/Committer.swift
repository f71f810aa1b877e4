private import Synchronization

/// Group commit: many callers share one transaction and one fsync; each gets its answer after its own batch is durable.
///
/// Owner of the order in which things happen: each app's writes are committed in the order in which they came, which is
/// also the order of its message numbers, and observers hear of each write after it is durable, in the order of the
/// store. Between apps there is no order, and nobody's flood holds up the others: see ``FairQueue``.
package final class Committer: Sendable {
    /// Hears of every write once it is durable or has failed. Runs on the committer's task; must not wait.
    package typealias Observer = @Sendable (Write, WriteOutcome) -> Void

    /// What may wait, half of it for a lone app. Beyond it new writes are refused with ``Refusal/Kind/overloaded``: the
    /// store cannot keep up, and a longer queue would only turn refusals into time-outs.
    private static let bounds = FairQueue<Lane, Pending>.Bounds(countMax: 32_768, bytesMax: 128 << 20)
    /// One transaction: long enough to share an fsync well, short enough to keep its latency in the milliseconds.
    private static let batch = FairQueue<Lane, Pending>.Portion(countMax: 1024, bytesMax: 8 << 20)

    /// Who takes turns in the queue.
    enum Lane: Hashable, Sendable {
        case app(AppID)
        /// What devices told, gathered from those of all apps.
        case receipts
        /// What is noted behind the scenes, and what is read in the order of the writes.
        case node
    }

    private struct Pending {
        let write: Write
        let continuation: UnsafeContinuation<WriteOutcome, Never>?
    }

    private struct Queue {
        var numbers: MessageNumbers
        var pending = FairQueue<Lane, Pending>(Committer.bounds)
        /// The batch that is being committed.
        var underway: [Pending] = []
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
        // Not a checked one, which is an object per push: it is resumed where it is refused, or else by the pump.
        await withUnsafeContinuation { continuation in
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
        _ continuation: UnsafeContinuation<WriteOutcome, Never>?, _ make: (MessageID) -> Write
    ) -> Bool {
        enum Step { case full, queued, start }
        let now = self.clocks.now()
        let step = self.queue.withLock { queue -> Step in
            let write = make(queue.numbers.next(at: now))
            let (lane, bytes) = (write.lane, write.roughBytes)
            guard queue.pending.hasRoom(for: bytes, in: lane) else { return .full }
            queue.pending.append(Pending(write: write, continuation: continuation), bytes: bytes, to: lane)
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
        repeat {
            let outcomes = await self.store.commit { self.begin() }
            let batch = self.queue.withLock { $0.underway }
            // A caller without an outcome would wait for ever.
            precondition(outcomes.count == batch.count, "the store answers every write of a batch")
            for (pending, outcome) in zip(batch, outcomes) {
                self.observer(pending.write, outcome)
                pending.continuation?.resume(returning: outcome)
            }
        } while self.goesOn()
    }

    /// Takes the next batch out of the queue.
    private func begin() -> [Write] {
        let batch = self.queue.withLock { queue in
            queue.underway = queue.pending.take(Self.batch)
            return queue.underway
        }
        return batch.map(\.write)
    }

    private func goesOn() -> Bool {
        let waiters = self.queue.withLock { queue -> [CheckedContinuation<Void, Never>]? in
            queue.underway = []
            guard queue.pending.isEmpty else { return nil }
            queue.isPumping = false
            defer { queue.idle = [] }
            return queue.idle
        }
        for waiter in waiters ?? [] { waiter.resume() }
        return waiters == nil
    }
}

extension Write {
    /// In which lane it waits.
    fileprivate var lane: Committer.Lane {
        switch self {
        case .message(let message, _, _): .app(message.app)
        case .withdraw(_, let app, _), .change(_, _, let app, _), .changeAll(_, let app), .seen(_, let app, _),
            .active(_, let app, _), .deleteSchedule(_, let app):
            .app(app)
        case .register(let device, _): .app(device.app)
        case .createSchedule(let schedule, _, _), .changeSchedule(let schedule): .app(schedule.app)
        case .fire(let step, _, _): .app(step.app)
        case .receipts(let receipts, _): receipts.allSatisfy { $0.kind == .sent } ? .node : .receipts
        case .adopt: .node
        }
    }

    /// What it takes in memory while it waits, roughly: enough to keep a few large ones from filling it.
    fileprivate var roughBytes: Int {
        switch self {
        case .message(let message, let request, _): Self.roughBytes(of: message, request)
        case .fire(_, let message, let request): message.map { Self.roughBytes(of: $0, request) } ?? Self.smallBytes
        case .changeAll(let orders, _): Self.smallBytes * (1 + orders.count)
        case .receipts(let receipts, _):
            receipts.reduce(Self.smallBytes) { $0 + Self.smallBytes + $1.ordinals.sizeBytes }
        case .seen(let ordinals, _, _), .active(let ordinals, _, _): Self.smallBytes + ordinals.sizeBytes
        case .createSchedule, .changeSchedule: Self.scheduleBytes
        case .withdraw, .register, .change, .deleteSchedule, .adopt: Self.smallBytes
        }
    }

    private static var smallBytes: Int { 256 }
    private static var scheduleBytes: Int { 16_384 }
    private static var callerBytes: Int { 4096 }

    /// With what the caller who waits for it holds: the push as it was sent, and as it goes to each platform.
    private static func roughBytes(of message: Message, _ request: PushRequest?) -> Int {
        self.callerBytes + message.payload.count + message.target.sizeBytes
            + (request?.sizeBytes ?? message.payload.count)
    }
}
