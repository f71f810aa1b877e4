private import Foundation

/// A thread of its own that runs the jobs of one actor, in order.
///
/// SQLite blocks: on the disk, and on the locks of other processes. The global executor must not, because in this
/// process it is the event loops. So each actor that owns a connection lives on a thread like this.
///
/// The queue is bounded by its callers: each of them waits for its job. The thread ends when the executor is let go.
final class ThreadExecutor: SerialExecutor {
    private let jobs = JobQueue()

    /// - Parameter name: what the operating system shows for the thread; Linux keeps 15 bytes of it.
    init(name: String) {
        let thread = Thread { [jobs] in
            // From inside: set before the start, the name does not reach the operating system.
            Thread.current.name = name
            jobs.run()
        }
        thread.start()
    }

    deinit { self.jobs.finish() }

    func enqueue(_ job: consuming ExecutorJob) { self.jobs.append(UnownedJob(job), on: self) }
}

/// What waits for the thread of a ``ThreadExecutor``.
///
/// `@unchecked Sendable`: `waiting` and `isFinished` are touched only while `condition` is locked.
private final class JobQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [(job: UnownedJob, executor: ThreadExecutor)] = []
    private var isFinished = false

    /// Each job keeps its executor alive until it has run, even when it lets go of the last actor on it.
    func append(_ job: UnownedJob, on executor: ThreadExecutor) {
        self.condition.withLock {
            self.waiting.append((job, executor))
            self.condition.signal()
        }
    }

    func finish() {
        self.condition.withLock {
            self.isFinished = true
            self.condition.signal()
        }
    }

    /// The body of the thread: returns after ``finish()``, once nothing waits.
    func run() {
        while let batch = self.next() {
            for (job, executor) in batch { job.runSynchronously(on: executor.asUnownedSerialExecutor()) }
        }
    }

    /// Takes everything that waits; blocks while nothing does.
    private func next() -> [(job: UnownedJob, executor: ThreadExecutor)]? {
        self.condition.withLock {
            while self.waiting.isEmpty && !self.isFinished { self.condition.wait() }
            guard !self.waiting.isEmpty else { return nil }
            defer { self.waiting.removeAll() }
            return self.waiting
        }
    }
}
