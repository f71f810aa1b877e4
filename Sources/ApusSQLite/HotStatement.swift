internal import ApusCore
internal import GRDB
private import GRDBSQLite

/// A statement that runs once per push or commit: prepared once and kept, instead of found by its text each time, and
/// bound without a box around each value, which would cost more than the row.
///
/// Belongs to one connection and its thread, and must be let go before that is closed.
final class HotStatement {
    private let statement: Statement
    private let connection: SQLiteConnection
    /// What the bindings of this run came to, `SQLITE_OK` so far.
    private var bound = SQLITE_OK

    init(_ sql: String, in db: Database) throws {
        guard let connection = db.sqliteConnection else { throw StoreError.unavailable }
        self.statement = try db.makeStatement(sql: sql)
        self.connection = connection
    }

    /// SQLite copies what is bound: the bytes need not outlive the call.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    /// Binds a number, or null, to the parameter of this number, from 1.
    func bind(_ integer: Int64?, at index: CInt) {
        if let integer {
            self.note(sqlite3_bind_int64(self.statement.sqliteStatement, index, integer))
        } else {
            self.note(sqlite3_bind_null(self.statement.sqliteStatement, index))
        }
    }

    /// Binds bytes of UTF-8.
    func bind(text: [UInt8], at index: CInt) {
        text.withUnsafeBytes { bytes in
            // Without an address it would be null.
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let code =
                text.isEmpty
                ? sqlite3_bind_text(self.statement.sqliteStatement, index, "", 0, Self.copied)
                : sqlite3_bind_text(self.statement.sqliteStatement, index, start, CInt(bytes.count), Self.copied)
            self.note(code)
        }
    }

    func bind(blob: [UInt8], at index: CInt) {
        blob.withUnsafeBytes { bytes in
            // Without an address it would be null.
            let code =
                blob.isEmpty
                ? sqlite3_bind_zeroblob(self.statement.sqliteStatement, index, 0)
                : sqlite3_bind_blob(
                    self.statement.sqliteStatement, index, bytes.baseAddress, CInt(bytes.count), Self.copied)
            self.note(code)
        }
    }

    /// Runs to the end with what is bound. What is bound stays for the next run.
    ///
    /// - Returns: how many rows it inserted, updated or deleted.
    @discardableResult
    func run() throws -> Int {
        defer { self.bound = SQLITE_OK }
        guard self.bound == SQLITE_OK else { throw self.fault() }
        let code = sqlite3_step(self.statement.sqliteStatement)
        guard code == SQLITE_DONE else {
            // Before the reset: a later call may leave another message behind.
            let fault = self.fault()
            sqlite3_reset(self.statement.sqliteStatement)
            throw fault
        }
        let changes = sqlite3_changes(self.connection)
        sqlite3_reset(self.statement.sqliteStatement)
        return Int(changes)
    }

    /// Reads a column of numbers: the first one of every row.
    func integers() throws -> [Int64] {
        defer { sqlite3_reset(self.statement.sqliteStatement) }
        var integers: [Int64] = []
        var code = sqlite3_step(self.statement.sqliteStatement)
        while code == SQLITE_ROW {
            integers.append(sqlite3_column_int64(self.statement.sqliteStatement, 0))
            code = sqlite3_step(self.statement.sqliteStatement)
        }
        guard code == SQLITE_DONE else { throw self.fault() }
        return integers
    }

    private func note(_ code: CInt) { if self.bound == SQLITE_OK { self.bound = code } }

    private func fault() -> DatabaseError {
        let code = self.bound == SQLITE_OK ? sqlite3_extended_errcode(self.connection) : self.bound
        return DatabaseError(
            resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(self.connection)),
            sql: self.statement.sql)
    }
}

/// What the writer's connection keeps ready.
struct HotStatements {
    /// Keeps a message: see ``Messages/keep(_:cid:in:)``.
    let keepMessage: HotStatement
    /// Lists a message in the inbox of one device, while it waits: see ``Inbox``.
    let listWaiting: HotStatement

    /// Reads ``Inbox/Marks``.
    let readMarks: HotStatement

    init(in db: Database) throws {
        self.readMarks = try HotStatement(Inbox.marksQuery, in: db)
        self.keepMessage = try HotStatement(Messages.insertion, in: db)
        self.listWaiting = try HotStatement(Inbox.insertion, in: db)
    }
}
