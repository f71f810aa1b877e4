internal import ApusCore
internal import GRDB

/// The rows of `cids`: the answers that repeats of a push get.
enum CIDs {
    static func isTaken(_ cid: CID, of app: AppID, at now: Timestamp, in db: Database) throws -> Bool {
        try db.has(
            "SELECT 1 FROM cids WHERE app = ? AND cid = ? AND expires_at > ?", app.number, cid.text, now.milliseconds)
    }

    /// Takes the place of an expired one that no sweep has met yet.
    static func keep(_ record: CIDRecord, of app: AppID, in db: Database) throws {
        try db.run(
            """
            INSERT OR REPLACE INTO cids (app, cid, message, sendno, expires_at, schedule, schedule_name)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            app.number, record.cid.text, record.answer.messageID.number, record.answer.sendno,
            record.expiresAt.milliseconds, record.answer.created?.id.text, record.answer.created?.name)
    }

    static func answer(to cid: CID, of app: AppID, at now: Timestamp, in db: Database) throws -> PushAnswer? {
        try db.first(
            """
            SELECT app, cid, message, sendno, schedule, schedule_name FROM cids
            WHERE app = ? AND cid = ? AND expires_at > ?
            """,
            app.number, cid.text, now.milliseconds
        ) { row in
            let cells = Cells(row, of: "cids", keyWidth: 2)
            if let schedule = try cells.optionalText(4) {
                return PushAnswer(
                    CreatedSchedule(id: try cells.value(4, ScheduleID(schedule)), name: try cells.text(5)))
            }
            return PushAnswer(messageID: MessageID(try cells.integer(2)), sendno: try cells.integer(3))
        }
    }

    /// - Returns: how many rows went.
    static func expire(at now: Timestamp, limit: Int, in db: Database) throws -> Int {
        // One by one: over a list of pairs, the planner walks through every cid of an app.
        let expired = try db.all(
            "SELECT app, cid FROM cids WHERE expires_at <= ? LIMIT ?", now.milliseconds, limit
        ) { row in
            let cells = Cells(row, of: "cids", keyWidth: 2)
            return (app: try cells.integer(0), cid: try cells.text(1))
        }
        for (app, cid) in expired { try db.run("DELETE FROM cids WHERE app = ? AND cid = ?", app, cid) }
        return expired.count
    }
}
