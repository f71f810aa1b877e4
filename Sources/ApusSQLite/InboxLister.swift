internal import ApusCore
internal import GRDB

/// Lists the direct messages of a store in `inbox`, some with each batch: see ``Inbox``.
///
/// Belongs to the writer. What it would change is told in the ``Batch`` and settled when that is durable.
struct InboxLister {
    let fresh: FreshInbox
    /// How many messages are kept before a listing begins.
    private let freshMax: Int
    private let lists: Bool
    /// Rows that a batch writes at least while a listing is under way: 256 of 4096, a millisecond to its callers.
    private var rowsMin: Int { max(1, self.freshMax / 16) }
    /// As this store knows them.
    private var marks: Inbox.Marks?
    private var listing: Inbox.Listing?
    /// SQLite's count of what other connections have committed, as it was when ``fresh`` was derived.
    private var dataVersion: Int64?
    /// How many entries the last batch brought: a listing has to be faster than that.
    private var addedLast = 0

    init(_ fresh: FreshInbox, _ options: SQLiteStore.Options) {
        self.fresh = fresh
        self.freshMax = options.freshMax
        self.lists = options.lists
    }

    /// Derives what is not listed, at the start.
    mutating func load(from db: Database) throws {
        // All of one moment, should another process be at work.
        try db.inTransaction(.deferred) {
            let marks = try Inbox.marks(in: db)
            let (lists, messages) = try Inbox.unlisted(marks, in: db)
            self.fresh.replace(lists, messages: messages)
            self.marks = marks
            self.dataVersion = try db.dataVersion()
            return .commit
        }
    }

    /// Goes on with a listing, or begins one where it is time.
    ///
    /// Before the writes of the batch: what they end must find the rows that are made here.
    func advance(_ batch: inout Batch) throws {
        guard self.lists else { return }
        guard batch.marks == self.marks else { return try self.derive(in: &batch) }
        if let listing = self.listing {
            batch.listing = listing
        } else if self.isDue {
            // Messages of another store are not in this one's memory.
            guard try batch.db.dataVersion() == self.dataVersion else { return try self.derive(in: &batch) }
            batch.listing = try Inbox.begin(self.fresh, in: &batch)
        }
        guard var listing = batch.listing else { return }
        try Inbox.go(on: &listing, with: self.fresh, count: self.rowsMin + 2 * self.addedLast, in: &batch)
        batch.listing = listing
    }

    /// Follows a batch that is durable.
    mutating func settle(_ batch: Batch) {
        if let derived = batch.derived {
            self.fresh.replace(derived.lists, messages: derived.messages)
            self.dataVersion = derived.dataVersion
            self.marks = batch.marks
            self.listing = nil
        }
        self.fresh.apply(batch.changes)
        self.addedLast = batch.changes.added.count
        guard let listing = batch.listing else { return }
        self.marks = batch.marks
        self.listing = listing.isDone ? nil : listing
        if listing.isDone { self.fresh.drop(listing) }
    }

    private var isDue: Bool {
        self.fresh.messages >= self.freshMax || self.fresh.entries >= 4 * self.freshMax
    }

    private func derive(in batch: inout Batch) throws {
        let (lists, messages) = try Inbox.unlisted(batch.marks, in: batch.db)
        batch.derived = Derived(lists: lists, messages: messages, dataVersion: try batch.db.dataVersion())
    }

    /// What the rows say of the messages that are not listed.
    struct Derived {
        let lists: FreshInbox.Lists
        let messages: Int
        let dataVersion: Int64?
    }
}

extension Database {
    /// SQLite's count of what other connections have committed.
    func dataVersion() throws -> Int64? {
        try self.first("PRAGMA data_version") { try Cells($0, of: "pragma").integer(0) }
    }
}
