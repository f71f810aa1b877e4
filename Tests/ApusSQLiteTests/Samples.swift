import ApusCore
import ApusTesting
import GRDB

@testable import ApusSQLite

/// A store in a folder of its own, with one app in it.
struct Fixture {
    static let now = Timestamp(milliseconds: 1_700_000_000_000)

    let folder: TemporaryFolder
    let store: SQLiteStore
    let app: AppID

    /// - Parameter freshMax: 1 for a store that lists what it keeps with its next commit, see ``settle()``.
    init(freshMax: Int = SQLiteStore.Options().freshMax) async throws {
        self.folder = try TemporaryFolder()
        var options = SQLiteStore.Options()
        options.freshMax = freshMax
        self.store = try await SQLiteStore.open(folder: self.folder.path, options: options)
        self.app = try await self.store.createApp(try Sample.app("a")).id
    }

    /// Commits and expects that everything was done.
    func keep(_ writes: Write...) async throws { try await self.keep(writes) }

    func keep(_ writes: [Write]) async throws {
        let outcomes = await self.store.commit(writes)
        for outcome in outcomes where outcome != .done { throw Unexpected(what: "\(outcome)") }
    }

    /// A commit that changes nothing, and goes on with the listing.
    func settle() async throws {
        try await self.keep(.withdraw(MessageID(-1), of: self.app, at: Self.now))
    }

    func message(
        _ id: Int64, to target: [Ordinal] = [1, 2, 3], at acceptedAt: Timestamp = Self.now, lives seconds: Int = 60,
        spread minutes: Int = 0, wide: Bool = false, isBroadcast: Bool = false, overrides: Int64? = nil,
        payload: [UInt8] = Array("{}".utf8)
    ) -> Message {
        var targeted = PlatformCounts()
        targeted[.android] = wide ? Message.directMax + 1 : target.count
        return Message(
            id: MessageID(id), app: self.app, acceptedAt: acceptedAt, timeToLiveSeconds: seconds,
            spreadMinutes: minutes,
            payload: payload, target: Ordinals(target), targeted: targeted, online: PlatformCounts(),
            isBroadcast: isBroadcast,
            overrides: overrides.map(MessageID.init))
    }

    func receipt(_ message: Int64, _ kind: Receipt.Kind, _ ordinals: Ordinal...) -> Write {
        .receipts([Receipt(message: MessageID(message), kind: kind, ordinals: Ordinals(ordinals))], at: Self.now)
    }

    func inbox(
        _ ordinal: Ordinal, after: Int64 = 0, at now: Timestamp = Self.now, limit: Int = 100
    ) async throws -> [Int64] {
        try await self.store.inbox(of: ordinal, in: self.app, after: MessageID(after), at: now, limit: limit)
            .map(\.id.number)
    }

    func stored(_ id: Int64) async throws -> Message? { try await self.store.messages([MessageID(id)]).first }

    /// What another program could do to the file.
    func execute(_ sql: String) async throws {
        try await self.store.write { db in try db.execute(sql: sql) }
    }

    func count(_ table: String, in store: SQLiteStore? = nil) async throws -> Int {
        try await (store ?? self.store).write { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? -1 }
    }
}

extension Message {
    /// The same of another app.
    func moved(to app: AppID) -> Message {
        Message(
            id: self.id, app: app, acceptedAt: self.acceptedAt, timeToLiveSeconds: self.timeToLiveSeconds,
            spreadMinutes: self.spreadMinutes, payload: self.payload, target: self.target, targeted: self.targeted,
            online: self.online, isBroadcast: self.isBroadcast, overrides: self.overrides)
    }
}

extension SQLiteStore {
    /// The numbers of what waits for one device.
    func waiting(of ordinal: Ordinal, in app: AppID, at now: Timestamp) async throws -> [MessageID] {
        try await self.waiting(of: [ordinal], in: app, at: now)[ordinal] ?? []
    }
}

struct Unexpected: Error {
    let what: String
}

enum Sample {
    static func app(_ letter: Character) throws -> App {
        guard let key = AppKey(String(repeating: letter, count: AppKey.length)) else { throw Unexpected(what: "key") }
        return App(key: key, name: "app \(letter)", secret: SecretHash(hashing: "s3cret"), createdAt: Fixture.now)
    }

    static func device(_ ordinal: Ordinal, of app: AppID) throws -> Device {
        guard let id = RegistrationID("1a-\(app.number)-\(ordinal)") else { throw Unexpected(what: "registration id") }
        return Device(
            app: app, ordinal: ordinal, registrationID: id, secret: nil, platform: .ios, registeredAt: Fixture.now)
    }

    static func cid(_ text: String) throws -> CID {
        guard let cid = CID(text) else { throw Unexpected(what: "cid") }
        return cid
    }
}

/// A generator whose seed replays a failure.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    // SplitMix64.
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A second process that holds the file's write lock.
struct Lock {
    private let connection: DatabaseQueue

    init(_ folder: TemporaryFolder) throws {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        self.connection = try DatabaseQueue(path: folder.path(of: "apus.db"), configuration: configuration)
    }

    func holding<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await self.connection.writeWithoutTransaction { db in try db.beginTransaction(.immediate) }
        let value = try await body()
        try await self.connection.writeWithoutTransaction { db in try db.rollback() }
        return value
    }
}
