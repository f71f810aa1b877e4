internal import ApusCore
internal import GRDB

/// The one connection that writes, on a thread of its own.
actor Writer {
    private nonisolated let thread = ThreadExecutor(name: "apus-write")
    /// Nil before ``open(_:)`` and once closed.
    private var connection: DatabaseQueue?
    /// The file that was opened, and which one it was.
    private var file: (place: StoreFile, identity: FileIdentity)?
    /// SQLite's count of what other connections have committed, as it was when last asked.
    private var dataVersion: Int64?

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
                self.dataVersion = try connection.unsafeRead(Self.dataVersion)
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
    func commit(_ writes: [Write]) -> [WriteOutcome] {
        guard !writes.isEmpty else { return [] }
        do {
            return try self.apply(writes)
        } catch {
            guard writes.count > 1, !error.endsBatch else { return writes.map { _ in .failed(error) } }
        }
        var outcomes: [WriteOutcome] = []
        for write in writes {
            do {
                outcomes += try self.apply([write])
            } catch {
                outcomes.append(.failed(error))
                // Waiting for a lock once more for each of the others would hold up everyone for minutes.
                guard !error.endsBatch else { break }
            }
        }
        // What was not tried fails as the last one that was.
        return outcomes + writes.dropFirst(outcomes.count).map { _ in outcomes.last ?? .failed(.unavailable) }
    }

    func changedElsewhere() throws(StoreError) -> Bool {
        guard let connection = self.connection else { throw .unavailable }
        do {
            let version = try connection.unsafeRead(Self.dataVersion)
            defer { self.dataVersion = version }
            return version != self.dataVersion
        } catch {
            throw StoreError(error)
        }
    }

    func close() {
        // A connection that will not close is closed by its deinit.
        try? self.connection?.close()
        self.connection = nil
    }

    private func apply(_ writes: [Write]) throws(StoreError) -> [WriteOutcome] {
        try self.transaction { db in
            var last: MessageID?
            let outcomes = try writes.map { write in
                let outcome = try write.apply(in: db)
                if let message = write.message, outcome == .done {
                    last = max(last ?? message.id, message.id)
                }
                return outcome
            }
            if let last {
                try db.run("UPDATE counters SET value = max(value, ?) WHERE name = 'last_message'", last.number)
            }
            return outcomes
        }
    }

    private static func dataVersion(_ db: Database) throws -> Int64? {
        try db.first("PRAGMA data_version") { try Cells($0, of: "pragma").integer(0) }
    }
}

extension Write {
    /// Does one write inside a transaction. What it throws must undo the transaction.
    fileprivate func apply(in db: Database) throws -> WriteOutcome {
        switch self {
        case .message(let message, let request, let cid):
            let outcome = try Messages.keep(message, cid: cid, in: db)
            if outcome == .done { try Self.count(message, request, in: db) }
            return outcome
        case .receipts(let receipts, let now):
            try Receipts.merge(receipts, at: now, in: db)
        case .withdraw(let message, let app, let now):
            try Messages.withdraw(message, of: app, at: now, in: db)
        case .register(let device, let devicesPerAlias):
            return try Devices.register(device, devicesPerAlias: devicesPerAlias, in: db)
        case .change(let change, let ordinal, let app, let devicesPerAlias):
            return try Devices.change(change, of: ordinal, in: app, devicesPerAlias: devicesPerAlias, in: db)
        case .changeAll(let orders, let app):
            return try Devices.changeAll(orders, in: app, in: db)
        case .adopt(let place, let limit):
            return try Devices.adopt(after: place, limit: limit, in: db)
        case .seen(let ordinals, let app, let now):
            try Devices.seen(ordinals, of: app, at: now, in: db)
            try DeviceHours.online.record(ordinals, of: app, at: now, in: db)
        case .active(let ordinals, let app, let now):
            try DeviceHours.active.record(ordinals, of: app, at: now, in: db)
        case .createSchedule(let schedule, let liveMax, let cid):
            return try Schedules.create(schedule, liveMax: liveMax, cid: cid, in: db)
        case .changeSchedule(let schedule):
            return try Schedules.change(schedule, in: db)
        case .deleteSchedule(let id, let app):
            return try Schedules.delete(id, of: app, in: db)
        case .fire(let step, let message, let request):
            let outcome = try Schedules.step(step, message, in: db)
            if outcome == .done, let message { try Self.count(message, request, in: db) }
            return outcome
        }
        return .done
    }

    /// Counts a message under the plan that its push names, if it names one.
    private static func count(_ message: Message, _ request: PushRequest?, in db: Database) throws {
        guard let plan = request?.options.businessOperationCode else { return }
        try Plans.count(plan, of: message.app, at: message.acceptedAt, in: db)
    }

    /// The message that this write keeps, if any.
    fileprivate var message: Message? {
        switch self {
        case .message(let message, _, _): message
        case .fire(_, let message, _): message
        case .receipts, .withdraw, .register, .change, .changeAll, .adopt, .seen, .active, .createSchedule,
            .changeSchedule, .deleteSchedule:
            nil
        }
    }
}
