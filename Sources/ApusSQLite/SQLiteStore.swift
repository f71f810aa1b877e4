package import ApusCore
internal import GRDB
private import Synchronization

/// The store on one SQLite file.
///
/// One connection writes and a few read, each on a thread of its own, so that no call ever blocks its caller's thread.
/// Another process (an operator's command) may write to the same file at the same time.
package final class SQLiteStore: Store, AccountStore, UploadStore {
    /// How a store is opened.
    package struct Options: Sendable {
        /// How long to wait for another process before a write fails with ``StoreError/timeout``, in seconds.
        package var busyTimeoutSeconds = 5.0
        /// How many connections read; at least one.
        package var readers = 3
        /// How many messages are kept before those that wait by device are listed, see ``Inbox``: they take some 100
        /// bytes each, and a start looks through them.
        package var freshMax = 4096
        /// Whether this store lists them. Only one of those on the same file may: the one that hears of every receipt.
        package var lists = true

        package init() {}
    }

    private let writer: Writer
    private let readers: [Reader]
    private let fresh: FreshInbox
    private let turn = Atomic<Int>(0)

    private init(writer: Writer, readers: [Reader], fresh: FreshInbox) {
        self.writer = writer
        self.readers = readers
        self.fresh = fresh
    }

    /// Opens the store of a folder (`apus.db` inside it), and makes either when it is missing: the folder for its owner
    /// alone (0700), the file too (0600). Brings the tables of an earlier version up to date, which may take a while.
    ///
    /// - Throws: ``SQLiteOpenError``, with a sentence for the operator. A file that is refused keeps its bytes.
    package static func open(
        folder: String, options: Options = Options()
    ) async throws(SQLiteOpenError) -> SQLiteStore {
        let fresh = FreshInbox()
        let writer = Writer(fresh, options)
        let readers = try await writer.open(StoreFile(folder: folder, options: options))
        return SQLiteStore(writer: writer, readers: readers, fresh: fresh)
    }

    /// Whether a folder has a store, readable or not.
    package static func exists(folder: String) -> Bool { StoreFile(folder: folder, options: Options()).exists }

    package func close() async {
        // The one that writes goes last: it alone can clear the log away.
        for reader in self.readers { await reader.close() }
        await self.writer.close()
    }

    package func commit(_ take: @Sendable () -> [Write]) async -> [WriteOutcome] { await self.writer.commit(take) }

    package func changedElsewhere() async throws(StoreError) -> Bool { try await self.writer.changedElsewhere() }

    /// Changes something in a transaction of its own.
    func write<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        try await self.writer.transaction(body)
    }

    /// Reads on one of the reading connections, in turn.
    func read<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let turn = self.turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return try await self.readers[Int(turn.magnitude % UInt(self.readers.count))].read(body)
    }
}

// MARK: - Apps

extension SQLiteStore {
    /// How many messages or rows one step of ``sweep(at:retentionSeconds:)`` or ``deleteApp(_:)`` takes on; commits get
    /// their turn between two steps.
    static let stepMax = 500

    package func createApp(_ app: App) async throws(StoreError) -> App {
        try await self.write { db in try Apps.create(app, in: db) }
    }

    package func updateApp(
        _ id: AppID, _ change: @Sendable (inout App) -> Void
    ) async throws(StoreError) -> App? {
        try await self.write { db in
            guard var app = try Apps.all(in: db).first(where: { $0.id == id }) else { return nil }
            change(&app)
            return try Apps.update(app, in: db) ? app : nil
        }
    }

    /// The app is unknown as soon as this begins; what a crash leaves of its rows goes with the next sweep.
    package func deleteApp(_ id: AppID) async throws(StoreError) -> Bool {
        guard try await self.write({ db in try Apps.depart(id, in: db) }) else { return false }
        _ = try await self.removeRemains()
        return true
    }

    package func apps() async throws(StoreError) -> [App] {
        try await self.read { db in try Apps.all(in: db) }
    }

    package func sweep(at now: Timestamp, retentionSeconds: Int) async throws(StoreError) -> Int {
        var rows = try await self.inSteps { db in
            let step = try Messages.expire(at: now, limit: Self.stepMax, in: db)
            return (step.rows, step.messages == Self.stepMax)
        }
        rows += try await self.inSteps { db in
            let cids = try CIDs.expire(at: now, limit: Self.stepMax, in: db)
            let active = try DeviceHours.active.expire(at: now, limit: Self.stepMax, in: db)
            let online = try DeviceHours.online.expire(at: now, limit: Self.stepMax, in: db)
            return (cids + active + online, max(cids, active, online) == Self.stepMax)
        }
        let cutoff = now.adding(seconds: -retentionSeconds)
        rows += try await self.inSteps { db in
            let tasks = try Schedules.retire(cutoff: cutoff, limit: Self.stepMax, in: db)
            return (tasks, tasks > 0)
        }
        rows += try await self.inSteps { db in
            let step = try Messages.retire(cutoff: cutoff, limit: Self.stepMax, in: db)
            return (step.rows, step.messages == Self.stepMax)
        }
        rows += try await self.sweepAccounts(at: now)
        return rows + (try await self.removeRemains())
    }

    /// Removes what departed apps have left.
    private func removeRemains() async throws(StoreError) -> Int {
        var rows = 0
        while let (app, place) = try await self.read({ db in try Apps.departed(in: db) }) {
            rows += try await self.removeMessages(of: app, after: place)
            rows += try await self.inSteps { db in try Apps.removeRemains(of: app, limit: Self.stepMax, in: db) }
        }
        return rows
    }

    /// Looks for them among all messages, for there is no index by app that each push would have to enter; on a reader,
    /// so that whoever writes is held up by no more than what goes.
    private func removeMessages(of app: AppID, after start: MessageID) async throws(StoreError) -> Int {
        var (rows, place) = (0, start)
        while true {
            let page = try await self.read { [place] db in
                try Messages.owners(after: place, limit: 8 * Self.stepMax, in: db)
            }
            guard let last = page.last else { return rows }
            var own = page.filter { $0.app == app }.map(\.id)[...]
            while !own.isEmpty {
                let some = own.prefix(Self.stepMax)
                rows += try await self.write { db in try Apps.remove(some, of: app, in: db) }
                own = own.dropFirst(some.count)
            }
            place = last.id
        }
    }

    /// Runs steps, each in a transaction of its own, while there is more to do.
    ///
    /// - Returns: how many rows went in all.
    func inSteps(
        _ step: @Sendable (Database) throws -> (rows: Int, more: Bool)
    ) async throws(StoreError) -> Int {
        var (rows, more) = (0, true)
        while more {
            let done = try await self.write(step)
            rows += done.rows
            more = done.more
        }
        return rows
    }
}

// MARK: - Pages out

extension SQLiteStore {
    package func lastOrdinal(of app: AppID) async throws(StoreError) -> Ordinal? {
        try await self.read { db in try Devices.lastOrdinal(of: app, in: db) }
    }

    package func audience(
        of app: AppID, in ordinals: ClosedRange<Ordinal>
    ) async throws(StoreError) -> AudiencePage {
        try await self.read { db in try Devices.audience(of: app, in: ordinals, in: db) }
    }

    package func device(_ ordinal: Ordinal, of app: AppID) async throws(StoreError) -> Device? {
        try await self.read { db in try Devices.device(ordinal, of: app, in: db) }
    }

    package func devices(_ ordinals: [Ordinal], of app: AppID) async throws(StoreError) -> [Device] {
        try await self.read { db in try Devices.devices(ordinals, of: app, in: db) }
    }

    package func devices(named names: [RegistrationID]) async throws(StoreError) -> [Device] {
        try await self.read { db in try db.atOnce { try Devices.devices(named: names, in: db) } }
    }

    package func devices(
        named alias: Alias, of app: AppID, on platforms: PlatformSet, limit: Int
    ) async throws(StoreError) -> [Device] {
        try await self.read { db in
            try Devices.devices(named: alias, of: app, on: platforms, limit: limit, in: db)
        }
    }

    package func newestTags(of app: AppID, limit: Int) async throws(StoreError) -> [Tag] {
        try await self.read { db in try Tags.newest(of: app, limit: limit, in: db) }
    }

    package func testDevices(of app: AppID, _ query: TestDeviceQuery) async throws(StoreError) -> TestDevicePage {
        try await self.read { db in try Devices.testDevices(of: app, query, in: db) }
    }

    package func lastImport() async throws(StoreError) -> ImportPlace {
        ImportPlace(try await self.read { db in try Counters.last(.importing, in: db) })
    }

    package func active(of app: AppID, from: Timestamp, until: Timestamp) async throws(StoreError) -> Ordinals {
        try await self.read { db in try DeviceHours.active.ordinals(of: app, from: from, until: until, in: db) }
    }

    package func lastMessageID() async throws(StoreError) -> MessageID {
        let number = try await self.read { db in
            try db.first("SELECT name, value FROM counters WHERE name = 'last_message'") {
                try Cells($0, of: "counters").integer(1)
            }
        }
        guard let number else { throw .corrupt("counters last_message: the row is missing") }
        return MessageID(number)
    }

    package func messages(_ ids: [MessageID]) async throws(StoreError) -> [Message] {
        try await self.read { db in try ids.compactMap { try Messages.message($0, in: db) } }
    }

    package func waitingMessages(of app: AppID, at now: Timestamp) async throws(StoreError) -> [Message] {
        try await self.read { db in try Messages.wide(of: app, at: now, in: db) }
    }

    package func inbox(
        of ordinal: Ordinal, in app: AppID, after: MessageID, at now: Timestamp, limit: Int
    ) async throws(StoreError) -> [Message] {
        let device = DeviceKey(app: app, ordinal: ordinal)
        // First: what is listed meanwhile is in the rows.
        let fresh = self.fresh.messages(for: device, at: now)
        return try await self.read { db in
            try Inbox.messages(for: device, fresh: fresh, after: after, at: now, limit: limit, in: db)
        }
    }

    package func waiting(
        of ordinals: [Ordinal], in app: AppID, at now: Timestamp
    ) async throws(StoreError) -> [Ordinal: [MessageID]] {
        let devices = ordinals.map { DeviceKey(app: app, ordinal: $0) }
        let fresh = devices.map { self.fresh.messages(for: $0, at: now) }
        return try await self.read { db in
            try db.atOnce {
                try zip(devices, fresh).reduce(into: [:]) { answer, device in
                    let waiting = try Inbox.numbers(for: device.0, fresh: device.1, at: now, in: db)
                    if !waiting.isEmpty { answer[device.0.ordinal] = waiting }
                }
            }
        }
    }

    package func acceptedMessages(
        of app: AppID, since: Timestamp, broadcastsOnly: Bool
    ) async throws(StoreError) -> [Message] {
        try await self.read { db in
            try Messages.accepted(of: app, since: since, broadcastsOnly: broadcastsOnly, in: db)
        }
    }

    package func receipts(
        of messages: [MessageID]
    ) async throws(StoreError) -> [MessageID: [Receipt.Kind: Ordinals]] {
        try await self.read { db in
            try messages.reduce(into: [:]) { answer, message in
                let receipts = try Receipts.receipts(of: message, in: db)
                if !receipts.isEmpty { answer[message] = receipts }
            }
        }
    }

    package func history(of message: MessageID) async throws(StoreError) -> MessageHistory? {
        try await self.read { db in try Messages.history(of: message, in: db) }
    }

    package func answer(to cid: CID, in app: AppID, at now: Timestamp) async throws(StoreError) -> PushAnswer? {
        try await self.read { db in try CIDs.answer(to: cid, of: app, at: now, in: db) }
    }
}

// MARK: - Schedules

extension SQLiteStore {
    package func schedule(_ id: ScheduleID, of app: AppID) async throws(StoreError) -> Schedule? {
        try await self.read { db in try Schedules.schedule(id, of: app, in: db) }
    }

    package func liveSchedules(
        of app: AppID, at now: Timestamp, skip: Int, limit: Int
    ) async throws(StoreError) -> [Schedule] {
        try await self.read { db in try Schedules.live(of: app, at: now, skip: skip, limit: limit, in: db) }
    }

    package func liveScheduleCount(of app: AppID, at now: Timestamp) async throws(StoreError) -> Int {
        try await self.read { db in try Schedules.liveCount(of: app, at: now, in: db) }
    }

    package func fires(of schedule: ScheduleID, in app: AppID) async throws(StoreError) -> [ScheduleFire] {
        try await self.read { db in try Schedules.fires(of: schedule, of: app, in: db) }
    }

    package func dueSchedules(
        at now: Timestamp, after: SchedulePlace?, limit: Int
    ) async throws(StoreError) -> [Schedule] {
        try await self.read { db in try Schedules.due(at: now, after: after, limit: limit, in: db) }
    }

    package func nextDue(after now: Timestamp) async throws(StoreError) -> Timestamp? {
        try await self.read { db in try Schedules.nextDue(after: now, in: db) }
    }
}
