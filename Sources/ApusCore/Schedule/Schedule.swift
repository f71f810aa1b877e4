/// A scheduled task: a push that is made at moments of the future.
///
/// Source: contract, schedule.
package struct Schedule: Sendable, Equatable {
    /// Its public name.
    package let id: ScheduleID
    /// Whose it is.
    package let app: AppID
    /// Grows with every change, fires included: whoever writes says which one he has read.
    package var revision: Int64 = 0
    /// For people; not unique.
    package var name: String
    /// Whether it fires; false while it is paused.
    package var isEnabled: Bool
    /// `trigger` as compact JSON, as it was sent.
    package var trigger: [UInt8]
    /// `push` as compact JSON, as it was sent, without its `cid`.
    package var push: [UInt8]
    /// When it was created.
    package let createdAt: Timestamp
    /// The next fire that is to be dealt with, in the past where that is late; nil while paused and after the last.
    package var nextAt: Timestamp?
    /// The last fire of its trigger.
    package var lastAt: Timestamp
    /// The latest fire that was dealt with: none up to it is ever made again, whatever the clock does.
    package var settledAt: Timestamp?

    package init(
        id: ScheduleID, app: AppID, name: String, isEnabled: Bool, trigger: [UInt8], push: [UInt8],
        createdAt: Timestamp, nextAt: Timestamp?, lastAt: Timestamp
    ) {
        self.id = id
        self.app = app
        self.name = name
        self.isEnabled = isEnabled
        self.trigger = trigger
        self.push = push
        self.createdAt = createdAt
        self.nextAt = nextAt
        self.lastAt = lastAt
    }

    /// Whether a fire may still come: it counts among the app's live tasks, is listed and can be changed.
    package func isLive(at now: Timestamp) -> Bool { self.liveUntil > now }

    /// The moment from which on it is over: never while a fire is to be dealt with; the last fire while it is paused.
    package var liveUntil: Timestamp {
        if self.nextAt != nil { return Timestamp(milliseconds: .max) }
        return self.isEnabled ? Timestamp(milliseconds: 0) : self.lastAt
    }
}

/// What became of one fire of a task.
package struct ScheduleFire: Sendable, Equatable {
    /// The instant that the trigger named.
    package let dueAt: Timestamp
    /// When it was dealt with.
    package let recordedAt: Timestamp
    /// What happened.
    package let outcome: Outcome

    /// What a fire came to.
    package enum Outcome: Sendable, Equatable {
        /// A push was accepted.
        case pushed(MessageID)
        /// None was: the business code of the push family, its sentence, and whether the same push may well be
        /// accepted later.
        case failed(code: Int, message: String, mayRetry: Bool)
    }

    package init(dueAt: Timestamp, recordedAt: Timestamp, outcome: Outcome) {
        self.dueAt = dueAt
        self.recordedAt = recordedAt
        self.outcome = outcome
    }
}

/// A task goes on past some of its fires: what they came to, and which is next.
package struct ScheduleStep: Sendable, Equatable {
    /// Whose step it is.
    package let schedule: ScheduleID
    /// The app of the task.
    package let app: AppID
    /// What the task was when the step was decided; a step from any other is refused.
    package let revision: Int64
    /// At least one, in order of the instants.
    package let fires: [ScheduleFire]
    /// Nil after the last fire.
    package let nextAt: Timestamp?

    package init(
        schedule: ScheduleID, app: AppID, revision: Int64, fires: [ScheduleFire], nextAt: Timestamp?
    ) {
        self.schedule = schedule
        self.app = app
        self.revision = revision
        self.fires = fires
        self.nextAt = nextAt
    }

    /// The task after this step.
    package func applied(to schedule: Schedule) -> Schedule {
        var schedule = schedule
        schedule.revision += 1
        schedule.nextAt = self.nextAt
        schedule.settledAt = self.fires.last?.dueAt ?? schedule.settledAt
        return schedule
    }
}

/// A place in the order in which tasks fall due.
package struct SchedulePlace: Sendable {
    /// The fire that is due.
    package let nextAt: Timestamp
    /// Tells tasks apart that are due together.
    package let id: ScheduleID

    package init(nextAt: Timestamp, id: ScheduleID) {
        self.nextAt = nextAt
        self.id = id
    }
}

extension Trigger {
    /// The earliest fire that is not before a moment; nil when none is left.
    package func fire(from moment: Timestamp) -> Timestamp? {
        self.fire(from: moment.milliseconds).map { Timestamp(milliseconds: $0.epochMilliseconds) }
    }
}

extension Timestamp {
    /// The least moment that comes after this one.
    var next: Timestamp { Timestamp(milliseconds: self.milliseconds + 1) }
}
