internal import ApusCore
internal import GRDB

extension Messages {
    /// Read in one go, so that it is all of one moment.
    static func history(of id: MessageID, in db: Database) throws -> MessageHistory? {
        guard let message = try Self.message(id, in: db) else { return nil }
        let end = try db.first("SELECT id, ended_at, ended_by FROM messages WHERE id = ?", id.number) { row in
            let cells = Cells(row, of: "messages")
            return (
                at: try cells.optionalInteger(1).map(Timestamp.init(milliseconds:)),
                by: try cells.optionalInteger(2).map(MessageID.init)
            )
        }
        // No index for the message: an app has few fires, and only an operator who asks pays for looking through them.
        let fire = try db.first(
            "SELECT app, schedule, due_at FROM schedule_fires WHERE app = ? AND message = ?", message.app.number,
            id.number
        ) { row in
            let cells = Cells(row, of: "schedule_fires", keyWidth: 3)
            return MessageHistory.Fire(
                schedule: try cells.value(1, ScheduleID(cells.text(1))), dueAt: try cells.timestamp(2))
        }
        return MessageHistory(
            message: message, endedAt: end?.at, endedBy: end?.by,
            receipts: try Receipts.dated(of: id, since: message.acceptedAt, in: db), fire: fire)
    }
}
