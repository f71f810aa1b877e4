internal import ApusCore
internal import GRDB

/// How connections of the store are set up.
enum Connection {
    /// Pages that a connection keeps in memory, in KiB.
    private static let cacheKibibytes = 16_384
    /// How far the log may stay grown after it was needed, in bytes.
    private static let logMaxBytes = 64 << 20

    /// The connection that writes: brings the tables up to date and makes sure that a commit means fsync.
    static func writing(_ file: StoreFile) throws(SQLiteOpenError) -> DatabaseQueue {
        do {
            let connection = try DatabaseQueue(path: file.path, configuration: Self.configuration(file.options))
            // Not by GRDB's own setting: with that it makes and drops a table in every store it opens, damaged or not,
            // and sets synchronous to NORMAL, which loses the last commits when the power goes.
            try connection.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA journal_mode = WAL")
                try db.execute(sql: "PRAGMA synchronous = FULL")
                try db.execute(sql: "PRAGMA journal_size_limit = \(Self.logMaxBytes)")
                if try Int32.fetchOne(db, sql: "PRAGMA application_id") != Schema.applicationID {
                    try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
                }
            }
            try Schema.migrator.migrate(connection)
            try connection.writeWithoutTransaction { db in try Self.assertDurable(db, file) }
            return connection
        } catch {
            throw file.refusal(error)
        }
    }

    /// A connection that cannot write.
    static func reading(_ file: StoreFile) throws(SQLiteOpenError) -> DatabaseQueue {
        do {
            var configuration = Self.configuration(file.options)
            configuration.readonly = true
            return try DatabaseQueue(path: file.path, configuration: configuration)
        } catch {
            throw file.refusal(error)
        }
    }

    private static func configuration(_ options: SQLiteStore.Options) -> Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(options.busyTimeoutSeconds)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA cache_size = -\(Self.cacheKibibytes)")
            // Functions named in the schema of a file from elsewhere are not run.
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
        }
        return configuration
    }

    private static func assertDurable(_ db: Database, _ file: StoreFile) throws {
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
        let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode")
        guard synchronous == 2, journal == "wal" else {
            throw SQLiteOpenError.notDurable(
                path: file.path,
                reason:
                    "synchronous is \(synchronous ?? -1) instead of 2, journal_mode \(journal ?? "?") instead of wal")
        }
    }
}

/// One connection that reads, on a thread of its own.
actor Reader {
    private nonisolated let thread: ThreadExecutor
    /// Nil once closed.
    private var connection: DatabaseQueue?
    private let file: StoreFile
    private let identity: FileIdentity?

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    init(_ connection: DatabaseQueue, of file: StoreFile, number: Int) {
        self.thread = ThreadExecutor(name: "apus-read-\(number)")
        self.connection = connection
        self.file = file
        self.identity = file.identity
    }

    /// Runs one statement or several. Each sees one state of the store; between two of them the state may move on.
    func read<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) throws(StoreError) -> Value {
        guard let connection = self.connection, self.file.identity == self.identity else { throw .unavailable }
        do {
            // Without a transaction around it, which would cost two more statements per read.
            return try connection.unsafeRead(body)
        } catch {
            throw StoreError(error)
        }
    }

    func close() {
        // A connection that will not close is closed by its deinit.
        try? self.connection?.close()
        self.connection = nil
    }
}
