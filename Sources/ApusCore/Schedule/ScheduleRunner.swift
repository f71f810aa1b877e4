package import Logging
private import Synchronization

/// Says that the tasks in the store have changed. A ring that nobody has taken yet stands for all before it.
package final class ScheduleBell: Sendable {
    private let isRung = Atomic<Bool>(false)

    package init() {}

    func ring() { self.isRung.store(true, ordering: .releasing) }

    func take() -> Bool { self.isRung.exchange(false, ordering: .acquiringAndReleasing) }
}

/// Makes the pushes of scheduled tasks, each instant once.
///
/// The store is the queue: its tasks are ordered by their next fire, and a task goes on to the following one in the
/// transaction that keeps the message. So an instant is either dealt with, message and all, or still due, whenever the
/// node ends. One timer runs towards the earliest fire; between two fires the store is not asked unless a task changed.
package actor ScheduleRunner {
    /// How late a fire may be made up for; later ones are skipped and recorded.
    package static let latenessMaxSeconds = 60
    /// How long after a failure that was no fault of the push it is tried again, retry by retry.
    package static let retrySeconds = [1, 5, 20]

    /// Tasks that are read, and fired at the same time, in one go.
    private static let pageMax = 64
    /// Fires in one write, where many were missed.
    private static let missedMax = 1000
    /// How often the wall clock is compared with the next fire, which it may jump past.
    private static let lookMilliseconds: Int64 = 200
    /// When to ask again after the store has failed.
    private static let storeRetrySeconds = 1

    /// A task that waits for its next try.
    private struct Retry {
        /// Which one: another revision begins anew.
        let revision: Int64
        var failures: Int
        /// On the clock that never jumps.
        var atNanoseconds: UInt64
    }

    private let directory: AppDirectory
    private let pushes: PushService
    private let committer: Committer
    private let store: any Store
    private let bell: ScheduleBell
    private let clocks: Clocks
    private let logger: Logger
    private var retries: [ScheduleID: Retry] = [:]

    package init(
        directory: AppDirectory, pushes: PushService, committer: Committer, store: any Store, bell: ScheduleBell,
        clocks: Clocks, logger: Logger
    ) {
        self.directory = directory
        self.pushes = pushes
        self.committer = committer
        self.store = store
        self.bell = bell
        self.clocks = clocks
        self.logger = logger
    }

    /// Runs until cancelled.
    package func run() async {
        while !Task.isCancelled {
            let wake = await self.fireDue()
            while !Task.isCancelled, !self.bell.take() {
                let left = self.millisecondsLeft(until: wake)
                guard left > 0 else { break }
                try? await Task.sleep(for: .milliseconds(min(left, Self.lookMilliseconds)))
            }
        }
    }

    /// When there is something to do again, unless a task changes before.
    package struct Wake: Sendable, Equatable {
        /// The earliest fire of all tasks.
        package let fire: Timestamp?
        /// The earliest retry, on the clock that never jumps.
        package let retryNanoseconds: UInt64?

        package init(fire: Timestamp?, retryNanoseconds: UInt64?) {
            self.fire = fire
            self.retryNanoseconds = retryNanoseconds
        }
    }

    /// Deals with every fire that is due by now.
    package func fireDue() async -> Wake {
        var next: Timestamp?
        repeat {
            do throws(StoreError) {
                // One look at the clock for both, so that no fire falls between what was due and what comes next.
                let now = self.clocks.now()
                try await self.fireAll(at: now)
                next = try await self.store.nextDue(after: now)
            } catch {
                self.logger.error("the store failed the schedules", metadata: ["error": "\(error)"])
                let again = self.nanoseconds(after: Self.storeRetrySeconds)
                return Wake(fire: next, retryNanoseconds: again)
            }
        } while self.bell.take() && !Task.isCancelled
        return Wake(fire: next, retryNanoseconds: self.retries.values.map(\.atNanoseconds).min())
    }

    private func millisecondsLeft(until wake: Wake) -> Int64 {
        var left = Int64.max
        if let fire = wake.fire { left = fire.milliseconds - self.clocks.now().milliseconds }
        if let retry = wake.retryNanoseconds {
            let now = self.clocks.monotonicNanoseconds()
            left = min(left, retry > now ? Int64((retry - now + 999_999) / 1_000_000) : 0)
        }
        return left
    }

    private func nanoseconds(after seconds: Int) -> UInt64 {
        self.clocks.monotonicNanoseconds() + UInt64(seconds) * 1_000_000_000
    }
}

extension ScheduleRunner {
    /// Goes through all tasks that are due, page by page.
    private func fireAll(at now: Timestamp) async throws(StoreError) {
        var place: SchedulePlace?
        var seen: Set<ScheduleID> = []
        repeat {
            let due = try await self.store.dueSchedules(at: now, after: place, limit: Self.pageMax)
            place = due.last.flatMap { last in last.nextAt.map { SchedulePlace(nextAt: $0, id: last.id) } }
            seen.formUnion(due.map(\.id))
            await withTaskGroup(of: Void.self) { group in
                for schedule in due where self.isReady(schedule) {
                    group.addTask { await self.settle(schedule) }
                }
            }
            if due.count < Self.pageMax { break }
        } while !Task.isCancelled
        // Tasks that were deleted, paused or moved while they waited for a retry.
        self.retries = self.retries.filter { seen.contains($0.key) }
    }

    private func isReady(_ schedule: Schedule) -> Bool {
        guard let retry = self.retries[schedule.id], retry.revision == schedule.revision else { return true }
        return retry.atNanoseconds <= self.clocks.monotonicNanoseconds()
    }

    /// Deals with the fire that a task has come to, and with all missed ones before it.
    private func settle(_ schedule: Schedule) async {
        guard let due = schedule.nextAt else { return }
        let now = self.clocks.now()
        let trigger: Trigger
        do throws(Refusal) {
            trigger = try ScheduleSections.trigger(kept: schedule.trigger)
        } catch {
            // Nobody can say when it fires next, so it never does again.
            self.logger.error("a trigger does not decode", metadata: ["schedule": "\(schedule.id.text)"])
            await self.record([Self.failure(of: due, Refusal(.internalFault), at: now)], next: nil, of: schedule)
            return
        }
        guard due < now.adding(seconds: -Self.latenessMaxSeconds) else {
            return await self.fire(schedule, due: due, next: trigger.fire(from: due.next))
        }
        var missed: [ScheduleFire] = []
        var next: Timestamp? = due
        while let instant = next, instant < now.adding(seconds: -Self.latenessMaxSeconds), missed.count < Self.missedMax
        {
            missed.append(Self.failure(of: instant, Self.missed, at: now))
            next = trigger.fire(from: instant.next)
        }
        await self.record(missed, next: next, of: schedule)
    }

    /// Pushes, or records why not.
    private func fire(_ schedule: Schedule, due: Timestamp, next: Timestamp?) async {
        // An app that was deleted takes its tasks along.
        guard let app = self.directory.app(schedule.app) else {
            return self.postpone(schedule, failures: 0, seconds: Self.storeRetrySeconds)
        }
        do throws(Refusal) {
            guard !app.isBlocked else { throw Refusal(.blacklisted) }
            let request = try ScheduleSections.push(kept: schedule.push)
            let clocks = self.clocks
            _ = try await self.pushes.push(request, of: app) { id in
                Self.step([ScheduleFire(dueAt: due, recordedAt: clocks.now(), outcome: .pushed(id))], next, schedule)
            }
            self.retries[schedule.id] = nil
        } catch {
            await self.failed(schedule, due: due, next: next, error)
        }
    }

    private func failed(_ schedule: Schedule, due: Timestamp, next: Timestamp?, _ refusal: Refusal) async {
        // The task is not what it was: whatever it is now is looked at in the next round, which its change has rung
        // for. Should that ring be lost, a retry comes instead.
        guard refusal.kind != .messageUnknown else {
            return self.postpone(schedule, failures: 0, seconds: Self.storeRetrySeconds)
        }
        let retry = self.retries[schedule.id].flatMap { $0.revision == schedule.revision ? $0 : nil }
        let failures = retry?.failures ?? 0
        let now = self.clocks.now()
        if refusal.row(for: .push).retry == .later, failures < Self.retrySeconds.count {
            let seconds = Self.retrySeconds[failures]
            if now.adding(seconds: seconds) <= due.adding(seconds: Self.latenessMaxSeconds) {
                return self.postpone(schedule, failures: failures + 1, seconds: seconds)
            }
        }
        self.logger.info(
            "a scheduled push was refused",
            metadata: ["schedule": "\(schedule.id.text)", "code": "\(refusal.row(for: .push).code)"])
        await self.record([Self.failure(of: due, refusal, at: now)], next: next, of: schedule)
    }

    /// Takes a task past fires that made no push.
    private func record(_ fires: [ScheduleFire], next: Timestamp?, of schedule: Schedule) async {
        switch await self.committer.commit(.fire(Self.step(fires, next, schedule), nil)) {
        case .done, .changed, .changedAll, .adopted, .refused: self.retries[schedule.id] = nil
        case .failed: self.postpone(schedule, failures: Self.retrySeconds.count, seconds: Self.storeRetrySeconds)
        }
    }

    private func postpone(_ schedule: Schedule, failures: Int, seconds: Int) {
        self.retries[schedule.id] = Retry(
            revision: schedule.revision, failures: failures, atNanoseconds: self.nanoseconds(after: seconds))
    }

    private static func step(_ fires: [ScheduleFire], _ next: Timestamp?, _ schedule: Schedule) -> ScheduleStep {
        ScheduleStep(
            schedule: schedule.id, app: schedule.app, revision: schedule.revision, fires: fires, nextAt: next)
    }

    private static func failure(of due: Timestamp, _ refusal: Refusal, at now: Timestamp) -> ScheduleFire {
        let row = refusal.row(for: .push)
        return ScheduleFire(
            dueAt: due, recordedAt: now,
            outcome: .failed(
                code: row.code, message: refusal.message(for: .push), mayRetry: row.retry == .later))
    }

    private static let missed = Refusal(
        .backendSlow, "The fire was missed: nothing could be pushed within \(latenessMaxSeconds) s of it")
}
