internal import ApusCore
internal import GRDB

/// The rows of `schedules` and of `schedule_fires`.
enum Schedules {
    private static let columns = """
        id, app, revision, name, is_enabled, trigger_text, push_text, created_at, next_at, last_at, settled_at
        """
}

// MARK: - Writing

extension Schedules {
    static func create(_ schedule: Schedule, liveMax: Int, cid: CIDRecord?, in db: Database) throws -> WriteOutcome {
        if let cid, try CIDs.isTaken(cid.cid, of: schedule.app, at: schedule.createdAt, in: db) {
            return .failed(.conflict)
        }
        guard try Apps.exists(schedule.app, in: db) else { return .refused(Refusal(.unknownKey)) }
        if liveMax < .max, try Self.liveCount(of: schedule.app, at: schedule.createdAt, in: db) >= liveMax {
            return .refused(
                Refusal(
                    .kindLimitExceeded, "The schedule-task is invalid, task count exceeds the limit of \(liveMax)"))
        }
        let inserted = try db.run(
            """
            INSERT INTO schedules (\(Self.columns), live_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """,
            schedule.id.text, schedule.app.number, schedule.revision, schedule.name, schedule.isEnabled,
            String(decoding: schedule.trigger, as: UTF8.self), String(decoding: schedule.push, as: UTF8.self),
            schedule.createdAt.milliseconds, schedule.nextAt?.milliseconds, schedule.lastAt.milliseconds,
            schedule.settledAt?.milliseconds, schedule.liveUntil.milliseconds)
        guard inserted == 1 else { return .failed(.conflict) }
        if let cid { try CIDs.keep(cid, of: schedule.app, in: db) }
        return .done
    }

    static func change(_ schedule: Schedule, in db: Database) throws -> WriteOutcome {
        let changed = try db.run(
            """
            UPDATE schedules SET revision = revision + 1, name = ?, is_enabled = ?, trigger_text = ?, push_text = ?,
                next_at = ?, last_at = ?, live_until = ?
            WHERE id = ? AND app = ? AND revision = ?
            """,
            schedule.name, schedule.isEnabled, String(decoding: schedule.trigger, as: UTF8.self),
            String(decoding: schedule.push, as: UTF8.self), schedule.nextAt?.milliseconds,
            schedule.lastAt.milliseconds, schedule.liveUntil.milliseconds, schedule.id.text, schedule.app.number,
            schedule.revision)
        if changed == 1 { return .done }
        return try Self.schedule(schedule.id, of: schedule.app, in: db) == nil
            ? .refused(Refusal(.messageUnknown)) : .failed(.conflict)
    }

    static func delete(_ id: ScheduleID, of app: AppID, in db: Database) throws -> WriteOutcome {
        guard try db.run("DELETE FROM schedules WHERE id = ? AND app = ?", id.text, app.number) == 1 else {
            return .refused(Refusal(.messageUnknown))
        }
        try db.run("DELETE FROM schedule_fires WHERE app = ? AND schedule = ?", app.number, id.text)
        return .done
    }

    /// Takes a task past some fires, and keeps the message of the last: nothing is written unless all of it is.
    static func step(_ step: ScheduleStep, _ message: Message?, in batch: inout Batch) throws -> WriteOutcome {
        let db = batch.db
        guard let before = try Self.schedule(step.schedule, of: step.app, in: db), before.revision == step.revision
        else { return .refused(Refusal(.messageUnknown)) }
        if let message {
            let outcome = try Messages.keep(message, cid: nil, in: &batch)
            guard outcome == .done else { return outcome }
        }
        let after = step.applied(to: before)
        try db.run(
            "UPDATE schedules SET revision = ?, next_at = ?, settled_at = ?, live_until = ? WHERE id = ?",
            after.revision, after.nextAt?.milliseconds, after.settledAt?.milliseconds, after.liveUntil.milliseconds,
            after.id.text)
        for fire in step.fires { try Self.keep(fire, of: after, in: db) }
        return .done
    }

    private static func keep(_ fire: ScheduleFire, of schedule: Schedule, in db: Database) throws {
        let row: (message: Int64?, code: Int, reason: String, mayRetry: Bool) =
            switch fire.outcome {
            case .pushed(let id): (id.number, 0, "", false)
            case .failed(let code, let message, let mayRetry): (nil, code, message, mayRetry)
            }
        try db.run(
            "INSERT INTO schedule_fires VALUES (?, ?, ?, ?, ?, ?, ?, ?)", schedule.app.number, schedule.id.text,
            fire.dueAt.milliseconds, fire.recordedAt.milliseconds, row.message, row.code, row.reason, row.mayRetry)
    }
}

// MARK: - Reading

extension Schedules {
    static func schedule(_ id: ScheduleID, of app: AppID, in db: Database) throws -> Schedule? {
        try db.first(
            "SELECT \(Self.columns) FROM schedules WHERE id = ? AND app = ?", id.text, app.number, read: Self.schedule)
    }

    static func live(
        of app: AppID, at now: Timestamp, skip: Int, limit: Int, in db: Database
    ) throws -> [Schedule] {
        // Only numbers are sorted, not the tasks.
        try db.all(
            """
            SELECT \(Self.columns) FROM schedules WHERE number IN (
                SELECT number FROM schedules WHERE app = ? AND live_until > ? ORDER BY number LIMIT ? OFFSET ?)
            ORDER BY number
            """,
            app.number, now.milliseconds, max(0, limit), max(0, skip), read: Self.schedule)
    }

    static func liveCount(of app: AppID, at now: Timestamp, in db: Database) throws -> Int {
        try db.first(
            "SELECT 'live', count(*) FROM schedules WHERE app = ? AND live_until > ?", app.number, now.milliseconds
        ) { try Cells($0, of: "schedules").number(1) } ?? 0
    }

    static func due(at now: Timestamp, after place: SchedulePlace?, limit: Int, in db: Database) throws -> [Schedule] {
        try db.all(
            """
            SELECT \(Self.columns) FROM schedules s
            WHERE next_at <= ? AND (next_at, id) > (?, ?) AND EXISTS (SELECT 1 FROM apps a WHERE a.id = s.app)
            ORDER BY next_at, id LIMIT ?
            """,
            now.milliseconds, place?.nextAt.milliseconds ?? .min, place?.id.text ?? "", max(0, limit),
            read: Self.schedule)
    }

    static func nextDue(after now: Timestamp, in db: Database) throws -> Timestamp? {
        try db.first("SELECT id, next_at FROM schedules WHERE next_at > ? ORDER BY next_at LIMIT 1", now.milliseconds) {
            try Cells($0, of: "schedules").timestamp(1)
        }
    }

    static func fires(of schedule: ScheduleID, of app: AppID, in db: Database) throws -> [ScheduleFire] {
        try db.all(
            """
            SELECT app, schedule, due_at, recorded_at, message, code, reason, may_retry FROM schedule_fires
            WHERE app = ? AND schedule = ? ORDER BY due_at
            """,
            app.number, schedule.text
        ) { row in
            let cells = Cells(row, of: "schedule_fires", keyWidth: 3)
            let outcome: ScheduleFire.Outcome =
                if let message = try cells.optionalInteger(4) {
                    .pushed(MessageID(message))
                } else {
                    .failed(code: try cells.number(5), message: try cells.text(6), mayRetry: try cells.flag(7))
                }
            return ScheduleFire(
                dueAt: try cells.timestamp(2), recordedAt: try cells.timestamp(3), outcome: outcome)
        }
    }

    private static func schedule(_ row: Row) throws -> Schedule {
        let cells = Cells(row, of: "schedules")
        var schedule = Schedule(
            id: try cells.value(0, ScheduleID(cells.text(0))), app: AppID(try cells.integer(1)),
            name: try cells.text(3), isEnabled: try cells.flag(4), trigger: Array(try cells.text(5).utf8),
            push: Array(try cells.text(6).utf8), createdAt: try cells.timestamp(7),
            nextAt: try cells.optionalInteger(8).map(Timestamp.init(milliseconds:)), lastAt: try cells.timestamp(9))
        schedule.revision = try cells.integer(2)
        schedule.settledAt = try cells.optionalInteger(10).map(Timestamp.init(milliseconds:))
        return schedule
    }
}

// MARK: - Sweeping

extension Schedules {
    /// Removes some tasks that are over, and whose last fire is not younger than `cutoff`, with their fires.
    ///
    /// - Returns: how many rows went; 0 when there is no such task.
    static func retire(cutoff: Timestamp, limit: Int, in db: Database) throws -> Int {
        let over = try db.all(
            """
            SELECT id, app FROM schedules INDEXED BY schedules_over
            WHERE next_at IS NULL AND last_at <= ? ORDER BY last_at LIMIT ?
            """,
            cutoff.milliseconds, limit
        ) { row in
            let cells = Cells(row, of: "schedules")
            return (id: try cells.text(0), app: try cells.integer(1))
        }
        var rows = 0
        for task in over where rows < limit {
            rows += try db.run("DELETE FROM schedule_fires WHERE app = ? AND schedule = ?", task.app, task.id)
            rows += try db.run("DELETE FROM schedules WHERE id = ?", task.id)
        }
        return rows
    }
}
