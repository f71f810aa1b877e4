internal import ApusCore
internal import GRDB
private import Glibc

/// The one connection that writes, on a thread of its own.
actor Writer {
    private nonisolated let thread = ThreadExecutor(name: "apus-write")
    /// Statements of the connection; they go before it.
    private var statements: HotStatements?
    /// Nil before ``open(_:)`` and once closed.
    private var connection: DatabaseQueue?
    /// The file that was opened, and which one it was.
    private var file: (place: StoreFile, identity: FileIdentity)?
    /// SQLite's count of what other connections have committed, as it was when last asked.
    private var dataVersion: Int64?
    private var lister: InboxLister
    /// How many writes the last commit was for.
    private var lastCount = 0

    /// - Parameter fresh: kept up to date with what is committed here.
    init(_ fresh: FreshInbox, _ options: SQLiteStore.Options) { self.lister = InboxLister(fresh, options) }

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    /// Opens the file, and as many connections that read as wanted.
    func open(_ file: StoreFile) throws(SQLiteOpenError) -> [Reader] {
        try file.prepared { () throws(SQLiteOpenError) -> [Reader] in
            let connection = try Connection.writing(file)
            var readers: [Reader] = []
            for number in 1...max(1, file.options.readers) {
                readers.append(Reader(try Connection.reading(file), of: file, number: number))
            }
            do {
                self.statements = try connection.writeWithoutTransaction { db in
                    try self.lister.load(from: db)
                    return try HotStatements(in: db)
                }
                self.dataVersion = try connection.unsafeRead { db in try db.dataVersion() }
            } catch {
                throw file.refusal(error)
            }
            guard let identity = file.identity else {
                throw .unreachable(path: file.path, reason: "it is gone again")
            }
            self.file = (file, identity)
            self.connection = connection
            return readers
        }
    }

    /// Runs a change in a transaction of its own.
    ///
    /// - Returns: what the body returns, once it is durable.
    func transaction<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) throws(StoreError) -> Value {
        try self.within(body)
    }

    private func within<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        guard let connection = self.connection, let file = self.file, file.place.identity == file.identity else {
            throw .unavailable
        }
        do {
            return try connection.writeWithoutTransaction { db in
                var answer: Value?
                // IMMEDIATE: waits for other processes now, not in the middle.
                try db.inTransaction(.immediate) {
                    answer = try body(db)
                    return .commit
                }
                // There is one: the body ran to its end, or threw past this.
                guard let answer else { throw StoreError.unavailable }
                return answer
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// All writes in one transaction; when that fails, each in its own, so that only those fail that must.
    func commit(_ take: @Sendable () -> [Write]) -> [WriteOutcome] {
        // Whoever is about to add a write and only waits for the processor shares this commit instead of asking for one
        // of its own. A lone caller waits for nobody.
        if self.lastCount > 1 { sched_yield() }
        let writes = take()
        self.lastCount = writes.count
        guard !writes.isEmpty else { return [] }
        do {
            return try self.apply(writes, advances: true)
        } catch {
            guard !error.endsBatch else { return writes.map { _ in .failed(error) } }
        }
        var outcomes: [WriteOutcome] = []
        for write in writes {
            do {
                // What the batch does besides may be what failed.
                outcomes += try self.apply([write], advances: false)
            } catch {
                // No room for two in a row: it was not for the size of the one.
                let isStuck = error == .full && outcomes.last == .failed(.full)
                outcomes.append(.failed(error))
                // Waiting for a lock, or for a disk, once more for each of the others would hold up everyone.
                guard !error.endsBatch, !isStuck else { break }
            }
        }
        // What was not tried fails as the last one that was.
        return outcomes + writes.dropFirst(outcomes.count).map { _ in outcomes.last ?? .failed(.unavailable) }
    }

    func changedElsewhere() throws(StoreError) -> Bool {
        guard let connection = self.connection else { throw .unavailable }
        do {
            let version = try connection.unsafeRead { db in try db.dataVersion() }
            defer { self.dataVersion = version }
            return version != self.dataVersion
        } catch {
            throw StoreError(error)
        }
    }

    func close() {
        // SQLite does not let go of the file while a statement is left.
        self.statements = nil
        // A connection that will not close is closed by its deinit.
        try? self.connection?.close()
        self.connection = nil
    }

    /// - Parameter advances: whether the listing of the inboxes goes on with it.
    private func apply(_ writes: [Write], advances: Bool) throws(StoreError) -> [WriteOutcome] {
        guard let statements = self.statements else { throw .unavailable }
        let (outcomes, batch) = try self.within { db in
            var batch = try Batch(db, statements)
            if advances { try self.lister.advance(&batch) }
            let outcomes = try writes.map { write in try write.apply(in: &batch) }
            try batch.finish()
            return (outcomes, batch)
        }
        self.lister.settle(batch)
        return outcomes
    }
}
