import NIOCore
import Synchronization

/// Runs the tasks of requests on the event loop of their connections, also after they have waited for something.
///
/// Without a place of its own such a task would go on as a guest of the loop, and each of its functions that returns
/// would cost a job and its turn; where it is at home, it returns in one go. And what waits for the same thing goes on
/// together: the jobs of one turn are one task of the loop, however many requests a batch of writes lets go.
///
/// The loop has to outlive its requests: what waits when it ends is never resumed.
final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// The jobs of the next turn; whoever brings the first one sees to it that there is one.
    private struct Turn {
        var jobs: [UnownedJob] = []
        /// The room that the jobs of the turn before had.
        var room: [UnownedJob] = []
    }

    private let next = Mutex(Turn())

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = self.next.withLock { turn in
            turn.jobs.append(job)
            return turn.jobs.count == 1
        }
        if isFirst { self.eventLoop.execute { self.run() } }
    }

    private func run() {
        var jobs = self.next.withLock { turn in
            let jobs = turn.jobs
            turn.jobs = turn.room
            turn.room = []
            return jobs
        }
        for job in jobs { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        jobs.removeAll(keepingCapacity: true)
        self.next.withLock { $0.room = jobs }
    }
}
