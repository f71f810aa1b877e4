internal import ApusCore
internal import GRDB

/// The rows of `messages` and of their index by device, `inbox`.
enum Messages {
    private static let columnsBeforePayload = """
        m.id, m.app, m.state, m.accepted_at, m.time_to_live_seconds, m.spread_minutes, m.is_broadcast, m.overrides, \
        m.targeted, m.online, m.target
        """
    private static let columns = "\(Self.columnsBeforePayload), m.payload"
}

// MARK: - Writing

extension Messages {
    static func keep(_ message: Message, cid: CIDRecord?, in batch: inout Batch) throws -> WriteOutcome {
        let db = batch.db
        // Asked beforehand, so that the usual conflict does not cost the batch its transaction.
        if let cid, try CIDs.isTaken(cid.cid, of: message.app, at: message.acceptedAt, in: db) {
            return .failed(.conflict)
        }
        guard try Self.insert(message, with: batch.statements.keepMessage) else {
            return try Apps.exists(message.app, in: db) ? .failed(.conflict) : .refused(Refusal(.unknownKey))
        }
        batch.noteKept(message)
        if let cid { try CIDs.keep(cid, of: message.app, in: db) }
        if let older = message.overrides {
            try Self.end(older, of: message.app, as: .overridden, by: message.id, at: message.acceptedAt, in: batch)
        }
        try Inbox.wait(message, in: &batch)
        return .done
    }

    /// Keeps nothing when the number is taken or the app is unknown.
    static let insertion = """
        INSERT INTO messages (id, app, waits, state, accepted_at, expires_at, time_to_live_seconds, spread_minutes,
            is_broadcast, overrides, targeted, online, target, payload)
        SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM apps WHERE id = ?2)
        ON CONFLICT DO NOTHING
        """

    /// - Returns: whether it was kept.
    private static func insert(_ message: Message, with insertion: HotStatement) throws -> Bool {
        insertion.bind(message.id.number, at: 1)
        insertion.bind(message.app.number, at: 2)
        insertion.bind((message.state == .live ? message.waiting : .nowhere).rawValue, at: 3)
        insertion.bind(Int64(message.state.rawValue), at: 4)
        insertion.bind(message.acceptedAt.milliseconds, at: 5)
        insertion.bind(message.expiresAt.milliseconds, at: 6)
        insertion.bind(Int64(message.timeToLiveSeconds), at: 7)
        insertion.bind(Int64(message.spreadMinutes), at: 8)
        insertion.bind(message.isBroadcast ? 1 : 0, at: 9)
        insertion.bind(message.overrides?.number, at: 10)
        insertion.bind(text: Self.text(message.targeted), at: 11)
        insertion.bind(text: Self.text(message.online), at: 12)
        insertion.bind(blob: message.target.portableBytes, at: 13)
        insertion.bind(blob: message.payload, at: 14)
        return try insertion.run() == 1
    }

    static func withdraw(_ id: MessageID, of app: AppID, at now: Timestamp, in batch: Batch) throws {
        try Self.end(id, of: app, as: .withdrawn, by: nil, at: now, in: batch)
    }

    /// Ends the waiting of a live message. The first end stays; an unknown or foreign message is left alone.
    private static func end(
        _ id: MessageID, of app: AppID, as state: Message.State, by other: MessageID?, at now: Timestamp,
        in batch: Batch
    ) throws {
        try Inbox.end(id, of: app, batch.marks, in: batch.db)
        try batch.db.run(
            """
            UPDATE messages SET state = ?, waits = 0, ended_at = ?, ended_by = ? WHERE id = ? AND state = 0 AND app = ?
            """,
            state.rawValue, now.milliseconds, other?.number, id.number, app.number)
    }

    /// What matters to the receipts of a message.
    struct Owner {
        let app: AppID
        let isInInboxes: Bool
        let acceptedAt: Timestamp
    }

    /// - Returns: nil when there is no such message.
    static func owner(of id: MessageID, in db: Database) throws -> Owner? {
        try db.first("SELECT id, app, waits, accepted_at FROM messages WHERE id = ?", id.number) { row in
            let cells = Cells(row, of: "messages")
            return Owner(
                app: AppID(try cells.integer(1)),
                isInInboxes: try cells.integer(2) == Message.Waiting.inbox.rawValue,
                acceptedAt: try cells.timestamp(3))
        }
    }

    /// Removes a message with its receipts.
    ///
    /// - Returns: how many rows went.
    static func remove(_ id: MessageID, in db: Database) throws -> Int {
        let receipts = try db.run("DELETE FROM receipts WHERE message = ?", id.number)
        return receipts + (try db.run("DELETE FROM messages WHERE id = ?", id.number))
    }
}

// MARK: - Reading

extension Messages {
    static func message(_ id: MessageID, in db: Database) throws -> Message? {
        try db.first("SELECT \(Self.columns) FROM messages m WHERE m.id = ?", id.number) { try Self.message($0) }
    }

    static func wide(of app: AppID, at now: Timestamp, in db: Database) throws -> [Message] {
        try db.all(
            """
            SELECT \(Self.columnsBeforePayload) FROM messages m INDEXED BY messages_wide
            WHERE m.app = ? AND m.waits = 2 AND m.expires_at > ? ORDER BY m.id
            """,
            app.number, now.milliseconds
        ) { try Self.message($0, hasPayload: false) }
    }

    /// Those that are listed for a device, oldest first.
    static func listed(
        for device: DeviceKey, after: MessageID, at now: Timestamp, limit: Int, in db: Database
    ) throws -> [Message] {
        // CROSS JOIN: the planner must begin with the device's few rows, whatever statistics it may find.
        try db.all(
            """
            SELECT \(Self.columns) FROM inbox i CROSS JOIN messages m ON m.id = i.message
            WHERE i.app = ? AND i.ordinal = ? AND i.message > ? AND i.expires_at > ? AND m.waits = 1
            ORDER BY i.message LIMIT ?
            """,
            device.app.number, Int64(device.ordinal), after.number, now.milliseconds, max(0, limit)
        ) { try Self.message($0) }
    }

    /// A message while it waits by device.
    static func waiting(_ id: MessageID, at now: Timestamp, in db: Database) throws -> Message? {
        try db.first(
            "SELECT \(Self.columns) FROM messages m WHERE m.id = ? AND m.waits = 1 AND m.expires_at > ?", id.number,
            now.milliseconds
        ) { try Self.message($0) }
    }

    /// With empty payloads.
    static func accepted(of app: AppID, since: Timestamp, in db: Database) throws -> [Message] {
        try db.all(
            """
            SELECT \(Self.columnsBeforePayload) FROM messages m WHERE m.app = ? AND m.accepted_at >= ? ORDER BY m.id
            """,
            app.number, since.milliseconds
        ) { try Self.message($0, hasPayload: false) }
    }

    /// With empty payloads, and with where they wait at present.
    static func waits(
        of app: AppID, after: MessageID, limit: Int, in db: Database
    ) throws -> [(Message, Message.Waiting)] {
        try db.all(
            """
            SELECT \(Self.columnsBeforePayload), m.waits FROM messages m NOT INDEXED
            WHERE m.app = ? AND m.id > ? ORDER BY m.id LIMIT ?
            """,
            app.number, after.number, limit
        ) { row in
            let cells = Cells(row, of: "messages")
            let waits = try cells.value(11, Message.Waiting(rawValue: cells.integer(11)))
            return (try Self.message(row, hasPayload: false), waits)
        }
    }

    private static func message(_ row: Row, hasPayload: Bool = true) throws -> Message {
        let cells = Cells(row, of: "messages")
        var message = Message(
            id: MessageID(try cells.integer(0)), app: AppID(try cells.integer(1)), acceptedAt: try cells.timestamp(3),
            timeToLiveSeconds: try cells.number(4), spreadMinutes: try cells.number(5),
            payload: hasPayload ? try cells.bytes(11) : [], target: try cells.ordinals(10),
            targeted: try cells.value(8, Self.counts(cells.text(8))),
            online: try cells.value(9, Self.counts(cells.text(9))), isBroadcast: try cells.flag(6),
            overrides: try cells.optionalInteger(7).map(MessageID.init))
        message.state = try cells.value(2, Message.State(rawValue: cells.number(2)))
        return message
    }

    private static func text(_ counts: PlatformCounts) -> [UInt8] {
        CellJSON.bytes(counts: Platform.allCases.lazy.filter { counts[$0] != 0 }.map { ($0.name, counts[$0]) })
    }

    private static func counts(_ text: String) -> PlatformCounts? {
        guard let members = CellJSON.counts(text) else { return nil }
        var counts = PlatformCounts()
        for (name, count) in members {
            guard let platform = Platform(name: name) else { return nil }
            counts[platform] = count
        }
        return counts
    }
}

// MARK: - Sweeping

extension Messages {
    /// Ends the waiting of some messages that have expired.
    ///
    /// - Returns: how many messages were done, and how many rows went.
    static func expire(at now: Timestamp, limit: Int, in db: Database) throws -> (messages: Int, rows: Int) {
        var rows = 0
        let expired = try db.all(
            "SELECT id FROM messages WHERE waits IN (1, 2) AND expires_at <= ? LIMIT ?", now.milliseconds, limit
        ) { MessageID(try Cells($0, of: "messages").integer(0)) }
        let marks = expired.isEmpty ? nil : try Inbox.marks(in: db)
        for id in expired {
            if let marks { rows += try Inbox.end(id, marks, in: db) }
            try db.run("UPDATE messages SET waits = 0 WHERE id = ?", id.number)
        }
        return (expired.count, rows)
    }

    /// A place in the order of expiry, where the next step of a sweep goes on.
    struct Place: Sendable {
        static let start = Place(expiresAt: .min, id: .min)

        let expiresAt: Int64
        let id: Int64
    }

    /// Looks at some messages past their expiry, and removes those whose last record is not younger than `cutoff`.
    ///
    /// - Returns: where to go on, nil at the end; and how many rows went.
    static func retire(
        from place: Place, cutoff: Timestamp, limit: Int, in db: Database
    ) throws -> (next: Place?, rows: Int) {
        let candidates = try db.all(
            """
            SELECT id, expires_at, EXISTS (SELECT 1 FROM receipts r WHERE r.message = m.id AND r.recorded_at > ?1)
            FROM messages m WHERE waits = 0 AND expires_at <= ?1 AND (expires_at, id) > (?2, ?3)
            ORDER BY expires_at, id LIMIT ?4
            """,
            cutoff.milliseconds, place.expiresAt, place.id, limit
        ) { row in
            let cells = Cells(row, of: "messages")
            return (place: Place(expiresAt: try cells.integer(1), id: try cells.integer(0)), stays: try cells.flag(2))
        }
        var rows = 0
        for candidate in candidates where !candidate.stays {
            rows += try Self.remove(MessageID(candidate.place.id), in: db)
        }
        return (candidates.count == limit ? candidates.last?.place : nil, rows)
    }
}
