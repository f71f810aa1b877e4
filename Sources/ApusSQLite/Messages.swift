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
        guard try batch.has(message.app) else { return .refused(Refusal(.unknownKey)) }
        guard try Self.insert(message, with: batch.statements.keepMessage) else { return .failed(.conflict) }
        batch.noteKept(message)
        if let cid { try CIDs.keep(cid, of: message.app, in: db) }
        if let older = message.overrides {
            try Self.end(older, of: message.app, as: .overridden, by: message.id, at: message.acceptedAt, in: batch)
        }
        try Inbox.wait(message, in: &batch)
        return .done
    }

    /// Keeps nothing when the number is taken.
    static let insertion = """
        INSERT INTO messages (id, app, waits, state, accepted_at, expires_at, time_to_live_seconds, spread_minutes,
            is_broadcast, overrides, targeted, online, target, payload)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
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

    /// Whose the messages behind a number are, in order.
    static func owners(
        after: MessageID, limit: Int, in db: Database
    ) throws -> [(id: MessageID, app: AppID)] {
        try db.all("SELECT id, app FROM messages WHERE id > ? ORDER BY id LIMIT ?", after.number, limit) { row in
            let cells = Cells(row, of: "messages")
            return (MessageID(try cells.integer(0)), AppID(try cells.integer(1)))
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
            WHERE i.app = ?1 AND i.ordinal = ?2 AND i.message > ?3 AND i.expires_at > ?4
            AND m.waits = 1 AND m.expires_at > ?4 ORDER BY i.message LIMIT ?5
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
    ///
    /// The broadcasts of an app, which are few, have an index. Its other messages stand among those of all apps.
    static func accepted(
        of app: AppID, since: Timestamp, broadcastsOnly: Bool, in db: Database
    ) throws -> [Message] {
        if broadcastsOnly {
            return try db.all(
                """
                SELECT \(Self.columnsBeforePayload) FROM messages m INDEXED BY messages_broadcast
                WHERE m.app = ? AND m.is_broadcast = 1 AND m.accepted_at >= ? ORDER BY m.id
                """,
                app.number, since.milliseconds
            ) { try Self.message($0, hasPayload: false) }
        }
        return try db.all(
            """
            SELECT \(Self.columnsBeforePayload) FROM messages m
            WHERE m.id >= ? AND m.app = ? AND m.accepted_at >= ? ORDER BY m.id
            """,
            try Self.first(since: since.adding(seconds: -Self.disorderSeconds), in: db), app.number,
            since.milliseconds
        ) { try Self.message($0, hasPayload: false) }
    }

    /// By how much numbers may be out of the order of acceptance: a push may wait before it is given one, and the clock
    /// may be set back.
    private static let disorderSeconds = 3600

    /// A number before all those of messages that were accepted since a moment: found by halving, for numbers grow in
    /// the order of acceptance.
    private static func first(since: Timestamp, in db: Database) throws -> Int64 {
        let last = try db.first("SELECT max(id) FROM messages") { try Cells($0, of: "messages").optionalInteger(0) }
        guard let last = last ?? nil else { return 0 }
        var (low, high) = (Int64(0), last)
        while low < high {
            let middle = low + (high - low) / 2
            let earlier = try db.first(
                "SELECT id, accepted_at FROM messages WHERE id >= ? ORDER BY id LIMIT 1", middle
            ) { row -> Int64? in
                let cells = Cells(row, of: "messages")
                return try cells.timestamp(1) < since ? try cells.integer(0) : nil
            }
            if let id = earlier ?? nil { low = id + 1 } else { high = middle }
        }
        return low
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
        // As most are of those online.
        if counts.sum == 0 { return Self.noCounts }
        return CellJSON.bytes(counts: Platform.allCases.lazy.filter { counts[$0] != 0 }.map { ($0.name, counts[$0]) })
    }

    private static let noCounts = Array("{}".utf8)

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
        let expired = try Expiries.take(.expiry, at: now, limit: limit, in: db)
        guard !expired.isEmpty else { return (0, 0) }
        let marks = try Inbox.marks(in: db)
        var (messages, rows) = (0, 0)
        for list in expired {
            for id in list.messages {
                rows += try Inbox.end(id, marks, in: db)
                try db.run("UPDATE messages SET waits = 0 WHERE id = ? AND waits <> 0", id.number)
            }
            try Expiries.write(list, .removal, in: db)
            messages += list.messages.count
        }
        return (messages, rows)
    }

    /// Looks at some messages past their expiry, and removes those whose last record is not younger than `cutoff`; the
    /// others are looked at again when that one is as old.
    ///
    /// - Returns: how many messages were done, and how many rows went.
    static func retire(cutoff: Timestamp, limit: Int, in db: Database) throws -> (messages: Int, rows: Int) {
        var (messages, rows) = (0, 0)
        var later = Expiries.Lists()
        for id in try Expiries.take(.removal, at: cutoff, limit: limit, in: db).flatMap(\.messages) {
            messages += 1
            if let last = try Receipts.lastRecord(of: id, in: db), last > cutoff {
                later.append(id, dueAt: last)
            } else {
                rows += try Self.remove(id, in: db)
            }
        }
        try later.write(.removal, in: db)
        return (messages, rows)
    }
}
