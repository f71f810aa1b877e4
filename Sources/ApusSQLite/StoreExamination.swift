package import ApusCore
internal import GRDB
private import Glibc

/// What there is to know about a store without changing it: for an operator who asks whether it is sound.
package struct StoreExamination: Equatable, Sendable {
    /// What SQLite's check of every page found, at most ``faultsMax`` sentences; empty where the file is sound.
    package var faults: [String]
    /// Migrations that the next start runs; empty where the tables are today's.
    package var pendingMigrations: [String]
    /// As in `PRAGMA journal_mode`; `wal` where a server has opened the file last.
    package var journalMode: String
    /// The size of the file without its log.
    package var sizeBytes: Int64
    /// The size of the write-ahead log; 0 where there is none.
    package var logBytes: Int64
    /// The latest moment that a message or a device was written with; nil where there is neither.
    package var newest: Timestamp?

    /// Sentences that are kept of a damaged file: the first ones say enough.
    package static let faultsMax = 5

    package init(
        faults: [String] = [], pendingMigrations: [String] = [], journalMode: String = "wal", sizeBytes: Int64 = 0,
        logBytes: Int64 = 0, newest: Timestamp? = nil
    ) {
        self.faults = faults
        self.pendingMigrations = pendingMigrations
        self.journalMode = journalMode
        self.sizeBytes = sizeBytes
        self.logBytes = logBytes
        self.newest = newest
    }

    /// Reads the whole store of a folder; a server may run on it. Blocks for as long as that takes.
    ///
    /// - Returns: nil where there is no store.
    /// - Throws: what a start would be refused with.
    package static func of(folder: String) throws(SQLiteOpenError) -> StoreExamination? {
        let file = StoreFile(folder: folder, options: SQLiteStore.Options())
        guard file.exists else { return nil }
        try file.inspect()
        do {
            let connection = try Connection.reading(file)
            var answer = try connection.unsafeRead { db in try StoreExamination(reading: db) }
            try connection.close()
            answer.sizeBytes = Self.size(of: file.path)
            answer.logBytes = Self.size(of: file.path + "-wal")
            return answer
        } catch {
            throw file.refusal(error)
        }
    }

    private init(reading db: Database) throws {
        let migrator = Schema.migrator
        let applied =
            try db.tableExists("grdb_migrations") ? try migrator.appliedIdentifiers(db) : Set<String>()
        self.init(
            faults: try Self.faults(in: db), pendingMigrations: migrator.migrations.filter { !applied.contains($0) },
            journalMode: try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "")
        guard applied.contains("v1") else { return }
        // Numbers of messages grow with time: the last one is the latest.
        let moments = [
            "SELECT accepted_at FROM messages ORDER BY id DESC LIMIT 1",
            "SELECT max(max(registered_at), coalesce(max(seen_at), 0)) FROM devices",
        ]
        self.newest = try moments.compactMap { try Int64.fetchOne(db, sql: $0) }.max().map(
            Timestamp.init(milliseconds:))
    }

    /// What SQLite finds wrong with the pages of a database, at most ``faultsMax`` sentences.
    static func faults(in db: Database) throws -> [String] {
        do {
            let lines = try String.fetchAll(db, sql: "PRAGMA quick_check(\(Self.faultsMax))")
            return lines == ["ok"] ? [] : lines
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
            // So damaged that the check itself cannot go on.
            return [error.message ?? "a page is malformed"]
        }
    }

    private static func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}
