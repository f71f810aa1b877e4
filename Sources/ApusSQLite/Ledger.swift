package import ApusCore
internal import GRDB

/// What the ledger is worked out from: every record that bears on where a message's devices stand.
enum LedgerRows {
    /// Messages of an app behind a number, in order, as of one moment.
    static func records(
        of app: AppID, after: MessageID, limit: Int, in db: Database
    ) throws -> [LedgerRecord] {
        var records: [LedgerRecord] = []
        // One view of the store: what a commit moves from one table to another is seen on one side of it.
        try db.inTransaction(.deferred) {
            let marks = try Inbox.marks(in: db)
            records = try Messages.waits(of: app, after: after, limit: limit, in: db).map { message, waits in
                let receipts = try Receipts.receipts(of: message.id, in: db)
                return LedgerRecord(
                    message: message, waiting: waits, receipts: receipts,
                    indexed: try Inbox.devices(message, waits, receipts, marks, in: db))
            }
            return .commit
        }
        return records
    }
}

extension SQLiteStore {
    package func ledger(
        of app: AppID, after: MessageID, limit: Int
    ) async throws(StoreError) -> [LedgerRecord] {
        try await self.read { db in try LedgerRows.records(of: app, after: after, limit: limit, in: db) }
    }
}
