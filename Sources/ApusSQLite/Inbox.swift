internal import ApusCore
internal import GRDB

/// Where direct messages wait for their devices.
///
/// A message is not listed by device when it is kept. Its devices are anywhere, so nearly every row would lie on a page
/// of its own, and each of these pages is written twice, to the log and to the file. The latest messages wait in their
/// own rows instead: for their targets, without those that have received or dropped them. ``FreshInbox`` finds them.
/// Once they are many they are listed in `inbox`, device by device, so that the rows of one page are written together;
/// what was received until then, as most is, is never listed.
///
/// A start finds what was not listed in `messages` and `receipts` again, so nothing of this can be lost.
enum Inbox {
    /// Up to which message `inbox` goes, as the counters say.
    struct Marks: Equatable {
        /// Messages up to this one that wait by device are listed.
        var listed: MessageID
        /// Messages behind this one are not listed. Those in between are being listed: some may be, in part.
        var listing: MessageID
    }

    /// A listing that is under way.
    struct Listing {
        let through: MessageID
        let devices: [DeviceKey]
        /// How many messages had been kept when it began, see ``FreshInbox/messages``.
        let messages: Int
        /// How many of the devices are done.
        var done = 0

        var isDone: Bool { self.done == self.devices.count }
    }

    /// One device for one message, unless it waits no more.
    static let insertion = """
        INSERT OR IGNORE INTO inbox (app, ordinal, message, expires_at)
        SELECT ?1, ?2, id, expires_at FROM messages WHERE id = ?3 AND waits = 1
        """

    /// The marks, one in each row. A range, because for a list of names SQLite builds a table each time.
    static let marksQuery = """
        SELECT value FROM counters WHERE name BETWEEN 'inbox_listed' AND 'inbox_listing' ORDER BY name
        """

    static func marks(in db: Database) throws -> Marks {
        try Self.marks(read: db.all(Self.marksQuery) { try Cells($0, of: "counters").integer(0) })
    }

    /// - Parameter values: what ``marksQuery`` gave.
    static func marks(read values: [Int64]) throws -> Marks {
        guard let listed = values.first, let listing = values.last, values.count == 2 else {
            throw StoreError.corrupt("counters inbox_listed or inbox_listing: the row is missing")
        }
        return Marks(listed: MessageID(listed), listing: MessageID(listing))
    }
}

// MARK: - Writing

extension Inbox {
    /// Lets a message that was just kept wait for its devices.
    static func wait(_ message: Message, in batch: inout Batch) throws {
        // Between apps numbers come in any order: a late one would be passed over by the listing.
        let isLate = message.id <= batch.marks.listing
        if !isLate { batch.changes.messages += 1 }
        guard message.waiting == .inbox, message.state == .live else { return }
        for ordinal in message.target.members {
            let device = DeviceKey(app: message.app, ordinal: ordinal)
            if isLate {
                try Self.list(message.id, for: device, in: batch)
            } else {
                batch.changes.added.append((device, .init(message: message.id, expiresAt: message.expiresAt)))
            }
        }
    }

    /// Ends the waiting of some devices for a message.
    static func end(_ message: MessageID, for ordinals: Ordinals, of app: AppID, in batch: inout Batch) throws {
        for ordinal in ordinals.members {
            if message > batch.marks.listed {
                batch.changes.removed.append((DeviceKey(app: app, ordinal: ordinal), message))
            }
            if message <= batch.marks.listing { try Self.unlist(message, ordinal, of: app, in: batch.db) }
        }
    }

    /// Ends the waiting of every device for a message, before it is noted in the message itself.
    ///
    /// - Returns: how many rows went.
    @discardableResult
    static func end(_ message: MessageID, of app: AppID? = nil, _ marks: Marks, in db: Database) throws -> Int {
        guard message <= marks.listing else { return 0 }
        let found = try db.first(
            "SELECT id, app, target FROM messages WHERE id = ? AND waits = 1 AND app = coalesce(?, app)",
            message.number, app?.number
        ) { row in
            let cells = Cells(row, of: "messages")
            // Whoever asks for a message with a malformed target is told; that it cannot end may not hold up the rest.
            return (app: AppID(try cells.integer(1)), target: try? cells.ordinals(2))
        }
        guard let found, let target = found.target else { return 0 }
        return try target.members.reduce(0) { gone, ordinal in
            gone + (try Self.unlist(message, ordinal, of: found.app, in: db))
        }
    }

    /// Begins a listing of all that is not listed.
    static func begin(_ fresh: FreshInbox, in batch: inout Batch) throws -> Listing {
        let last = try batch.db.first("SELECT name, value FROM counters WHERE name = 'last_message'") {
            MessageID(try Cells($0, of: "counters").integer(1))
        }
        batch.marks.listing = max(batch.marks.listing, last ?? batch.marks.listing)
        try Self.mark("inbox_listing", batch.marks.listing, in: batch.db)
        return Listing(through: batch.marks.listing, devices: fresh.devices, messages: fresh.messages)
    }

    /// Lists what waits for the next devices: some `count` rows.
    static func go(on listing: inout Listing, with fresh: FreshInbox, count: Int, in batch: inout Batch) throws {
        var rows = 0
        while !listing.isDone, rows < count {
            let device = listing.devices[listing.done]
            for message in fresh.messages(for: device) where message <= listing.through {
                try Self.list(message, for: device, in: batch)
                rows += 1
            }
            listing.done += 1
        }
        guard listing.isDone else { return }
        batch.marks.listed = listing.through
        try Self.mark("inbox_listed", listing.through, in: batch.db)
    }

    private static func list(_ message: MessageID, for device: DeviceKey, in batch: Batch) throws {
        let statement = batch.statements.listWaiting
        statement.bind(device.app.number, at: 1)
        statement.bind(Int64(device.ordinal), at: 2)
        statement.bind(message.number, at: 3)
        try statement.run()
    }

    @discardableResult
    private static func unlist(_ message: MessageID, _ ordinal: Ordinal, of app: AppID, in db: Database) throws -> Int {
        try db.run(
            "DELETE FROM inbox WHERE app = ? AND ordinal = ? AND message = ?", app.number, Int64(ordinal),
            message.number)
    }

    private static func mark(_ name: String, _ message: MessageID, in db: Database) throws {
        try db.run("UPDATE counters SET value = ? WHERE name = ?", message.number, name)
    }
}

// MARK: - Reading

extension Inbox {
    /// Whole messages, oldest first.
    ///
    /// - Parameter fresh: what ``FreshInbox/messages(for:at:)`` said before.
    static func messages(
        for device: DeviceKey, fresh: [MessageID], after: MessageID, at now: Timestamp, limit: Int, in db: Database
    ) throws -> [Message] {
        let listed = try Messages.listed(for: device, after: after, at: now, limit: limit, in: db)
        let known = Set(listed.map(\.id))
        var unlisted: [Message] = []
        for id in fresh where id > after && !known.contains(id) && unlisted.count < limit {
            if let message = try Messages.waiting(id, at: now, in: db) { unlisted.append(message) }
        }
        guard !unlisted.isEmpty else { return listed }
        return Array((listed + unlisted).sorted { $0.id < $1.id }.prefix(limit))
    }

    /// The numbers alone, all of them.
    static func numbers(
        for device: DeviceKey, fresh: [MessageID], at now: Timestamp, in db: Database
    ) throws -> [MessageID] {
        let listed = try db.all(
            """
            SELECT m.id FROM inbox i CROSS JOIN messages m ON m.id = i.message
            WHERE i.app = ?1 AND i.ordinal = ?2 AND i.expires_at > ?3 AND m.waits = 1 AND m.expires_at > ?3
            ORDER BY i.message
            """,
            device.app.number, Int64(device.ordinal), now.milliseconds
        ) { MessageID(try Cells($0, of: "messages").integer(0)) }
        let known = Set(listed)
        let unlisted = try fresh.filter { id in
            try !known.contains(id)
                && db.has(
                    "SELECT 1 FROM messages WHERE id = ? AND waits = 1 AND expires_at > ?", id.number,
                    now.milliseconds)
        }
        return unlisted.isEmpty ? listed : (listed + unlisted).sorted()
    }

    /// The devices for which a message would be found, whichever way.
    static func devices(
        _ message: Message, _ waits: Message.Waiting, _ receipts: [Receipt.Kind: Ordinals], _ marks: Marks,
        in db: Database
    ) throws -> Ordinals {
        guard message.id <= marks.listed else {
            return waits == .inbox ? message.target.without(receipts) : Ordinals()
        }
        // Only a narrow one can be listed.
        guard message.target.count <= Message.directMax else { return Ordinals() }
        return Ordinals(
            try message.target.members.filter { ordinal in
                try db.has(
                    "SELECT 1 FROM inbox WHERE app = ? AND ordinal = ? AND message = ?", message.app.number,
                    Int64(ordinal), message.id.number)
            })
    }

    /// What the rows alone say of the messages that are not listed, and how many these are.
    ///
    /// A message whose target is malformed is passed over: it says of no device that it waits. Whoever asks for the
    /// message itself is told.
    static func unlisted(_ marks: Marks, in db: Database) throws -> (lists: FreshInbox.Lists, messages: Int) {
        var (lists, messages): (FreshInbox.Lists, Int) = ([:], 0)
        try db.each(
            "SELECT id, app, waits, target, expires_at FROM messages WHERE id > ? ORDER BY id", marks.listed.number
        ) { row in
            messages += 1
            let cells = Cells(row, of: "messages")
            guard try cells.integer(2) == Message.Waiting.inbox.rawValue else { return }
            let (id, app) = (MessageID(try cells.integer(0)), AppID(try cells.integer(1)))
            guard let target = try? cells.ordinals(3) else { return }
            let entry = FreshInbox.Entry(message: id, expiresAt: try cells.timestamp(4))
            for ordinal in target.without(try Self.receipts(of: id, in: db)).members {
                lists[DeviceKey(app: app, ordinal: ordinal), default: []].append(entry)
            }
        }
        return (lists, messages)
    }

    /// None where they are malformed: rather to be delivered twice than not at all.
    private static func receipts(of message: MessageID, in db: Database) throws -> [Receipt.Kind: Ordinals] {
        do {
            return try Receipts.receipts(of: message, in: db)
        } catch StoreError.corrupt {
            return [:]
        }
    }
}

extension Ordinals {
    /// Those that wait on, given the receipts.
    fileprivate func without(_ receipts: [Receipt.Kind: Ordinals]) -> Ordinals {
        receipts.reduce(self) { $1.key.endsWaiting ? $0.subtracting($1.value) : $0 }
    }
}
