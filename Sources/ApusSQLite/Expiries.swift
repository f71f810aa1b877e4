internal import ApusCore
internal import GRDB

/// When each message expires, and later when it may be removed: in lists, one for each second of each transaction.
///
/// A push writes hardly anything for its own end: an index over the messages would take an entry of each, and another
/// one when it has expired. A list waits for the moment of its last message, so nothing in it comes to an end early.
enum Expiries {
    /// What a list waits for.
    enum Stage: Int64 {
        /// Its messages may wait for devices until they expire.
        case expiry
        /// They wait for nobody, and stay for the retention.
        case removal
    }

    /// Messages that are due together.
    struct List {
        private(set) var dueAt: Int64
        private(set) var messages: [MessageID]

        fileprivate init(_ messages: [MessageID] = [], dueAt: Int64 = .min) {
            self.dueAt = dueAt
            self.messages = messages
        }

        fileprivate mutating func append(_ message: MessageID, dueAt: Timestamp) {
            self.dueAt = max(self.dueAt, dueAt.milliseconds)
            self.messages.append(message)
        }
    }

    /// Lists that are yet to be written, by the second.
    struct Lists {
        private var bySecond: [Int64: List] = [:]

        mutating func append(_ message: MessageID, dueAt: Timestamp) {
            self.bySecond[dueAt.milliseconds / 1000, default: List()].append(message, dueAt: dueAt)
        }

        func write(_ stage: Stage, in db: Database) throws {
            for list in self.bySecond.values { try Expiries.write(list, stage, in: db) }
        }
    }

    /// Takes out what is due at a moment, the oldest first.
    ///
    /// - Parameter limit: how many messages at most.
    static func take(_ stage: Stage, at now: Timestamp, limit: Int, in db: Database) throws -> [List] {
        var (taken, room): ([List], Int) = ([], limit)
        // One at a time: how many messages a list has is known when it is read.
        while room > 0, let (list, first) = try Self.next(stage, at: now, in: db) {
            try db.run(
                "DELETE FROM expiries WHERE stage = ? AND due_at = ? AND first = ?", stage.rawValue, list.dueAt, first)
            let rest = Array(list.messages.dropFirst(room))
            if !rest.isEmpty { try Self.write(List(rest, dueAt: list.dueAt), stage, in: db) }
            taken.append(List(Array(list.messages.prefix(room)), dueAt: list.dueAt))
            room -= min(room, list.messages.count)
        }
        return taken
    }

    private static func next(
        _ stage: Stage, at now: Timestamp, in db: Database
    ) throws -> (list: List, first: Int64)? {
        try db.first(
            """
            SELECT due_at, first, messages FROM expiries
            WHERE stage = ? AND due_at <= ? ORDER BY due_at, first LIMIT 1
            """,
            stage.rawValue, now.milliseconds
        ) { row in
            let cells = Cells(row, of: "expiries", keyWidth: 2)
            let numbers = try cells.value(2, CellJSON.numbers(cells.text(2)))
            return (List(numbers.map { MessageID($0) }, dueAt: try cells.integer(0)), try cells.integer(1))
        }
    }

    /// Nothing for an empty list.
    static func write(_ list: List, _ stage: Stage, in db: Database) throws {
        guard let first = list.messages.first else { return }
        try db.run(
            "INSERT INTO expiries (stage, due_at, first, messages) VALUES (?, ?, ?, ?)", stage.rawValue, list.dueAt,
            first.number, CellJSON.text(numbers: list.messages.lazy.map(\.number)))
    }
}
