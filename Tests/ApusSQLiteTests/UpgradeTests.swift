import ApusCore
import ApusTesting
import Foundation
import GRDB
import Testing

@testable import ApusSQLite

@Suite struct `A store of an earlier version` {
    private static let moment: Int64 = 1_700_000_000_000
    private static let now = Timestamp(milliseconds: Self.moment + 20)
    private let app = AppID(1)
    private let folder: TemporaryFolder

    init() throws { self.folder = try TemporaryFolder() }

    private func opened(_ schema: LandedSchema) async throws -> SQLiteStore {
        try schema.make(in: self.folder.path)
        return try await SQLiteStore.open(folder: self.folder.path)
    }

    @Test(arguments: LandedSchema.all)
    func `has the tables that its migrations make to this day`(_ schema: LandedSchema) throws {
        if ProcessInfo.processInfo.environment["APUS_WRITE_DOCS"] == "1" { try schema.writeIfMissing() }
        let text = try schema.text()
        let (landed, today) = (try DatabaseQueue(), try DatabaseQueue())
        try landed.writeWithoutTransaction { db in try db.execute(sql: text) }
        try Schema.migrator.migrate(today, upTo: schema.migration)
        #expect(try landed.read { db in try db.shape() } == today.read { db in try db.shape() })
    }

    @Test(arguments: LandedSchema.all)
    func `keeps every row when it is opened, also a second time`(_ schema: LandedSchema) async throws {
        try schema.make(in: self.folder.path)
        let path = self.folder.path(of: "apus.db")
        let before = try DatabaseQueue(path: path)
        let columns = try await before.read { db in try db.tableColumns() }
        let rows = try await before.read { db in try db.rows(of: columns) }
        try before.close()
        #expect(rows.values.allSatisfy { !$0.isEmpty }, "every table of a landed schema has rows")
        for _ in 1...2 { await (try await SQLiteStore.open(folder: self.folder.path)).close() }
        let after = try DatabaseQueue(path: path)
        let kept = try await after.read { db in try db.rows(of: columns) }
        for (table, rows) in rows { #expect(rows.subtracting(kept[table] ?? []) == [], "\(table)") }
        #expect(try StoreExamination.of(folder: self.folder.path)?.pendingMigrations == [])
    }

    @Test(arguments: LandedSchema.all)
    func `has the same apps and devices`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let apps = try await store.apps()
        #expect(apps.map(\.name) == ["first app", "second app"])
        #expect(apps[0].secret.matches("master") && !apps[0].secret.matches("other"))
        #expect(apps.map(\.isVIP) == [true, false] && apps.map(\.isBlocked) == [false, true])
        #expect(apps[0].limits.given == [.pushPerMinute: 7] && apps[0].allowedSources.map(\.text) == ["10.0.0.0/8"])

        let devices = try await store.devices([0, 1, 2], of: self.app).sorted { $0.ordinal < $1.ordinal }
        #expect(devices.map(\.registrationID.text) == ["1a-1-0", "1a-1-1", "1a-1-2"])
        let first = try #require(devices.first)
        #expect(first.tags.map(\.text) == ["news", "sport"] && first.alias?.text == "alice")
        #expect(first.mobile == "13800000000" && first.tokens == ["fcm": "token"] && first.details == ["model": "m"])
        #expect(first.secret?.matches("device") == true)
        #expect(first.seenAt == Timestamp(milliseconds: Self.moment + 5))
        #expect(devices[1].platform == .ios && devices[1].isTest && devices[1].secret == nil)
        let alice = try #require(Alias("alice"))
        let carriers = try await store.devices(
            named: alice, of: self.app, on: .all, limit: 10)
        #expect(Set(carriers.map(\.ordinal)) == [0, 2])
        #expect(Set(try await store.newestTags(of: self.app, limit: 10).map(\.text)) == ["news", "sport"])
        let hour = Timestamp(milliseconds: Self.moment - Self.moment % 3_600_000)
        let active = try await store.active(of: self.app, from: hour, until: hour.adding(seconds: 3600))
        #expect(active == Ordinals([0, 2]))
    }

    @Test(arguments: LandedSchema.all)
    func `has the same messages, waiting entries and receipts`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let messages = try await store.messages([100, 101, 102, 103, 104].map { MessageID($0) })
        #expect(messages.map(\.state) == [.live, .live, .withdrawn, .overridden, .live])
        #expect(messages.map { String(decoding: $0.payload, as: UTF8.self) } == (100...104).map { #"{"n":\#($0)}"# })
        #expect(messages[0].target == Ordinals([0, 1, 2]) && messages[0].targeted[.android] == 2)
        #expect(messages[1].isBroadcast && messages[1].spreadMinutes == 30 && messages[1].target.count == 65)
        #expect(messages[4].overrides == MessageID(103))
        for (ordinal, waiting) in [(Ordinal(0), [104]), (1, [100]), (2, [100]), (3, [])] as [(Ordinal, [Int64])] {
            let inbox = try await store.inbox(
                of: ordinal, in: self.app, after: MessageID(0), at: Self.now, limit: 10)
            #expect(inbox.map(\.id.number) == waiting, "device \(ordinal)")
        }
        #expect(try await store.waitingMessages(of: self.app, at: Self.now).map(\.id.number) == [101])
        let receipts = try await store.receipts(of: [MessageID(100)])[MessageID(100)]
        #expect(
            receipts == [
                .sent: Ordinals([0, 1]), .received: Ordinals([0]), .clickedNotification: Ordinals([0]),
            ])
        let history = try #require(try await store.history(of: MessageID(100)))
        let sent = try #require(history.receipts.first { $0.kind == .sent })
        // Folded without regard to time: all that is known is that it came after the push.
        #expect(sent.after == messages[0].acceptedAt && sent.at == Timestamp(milliseconds: Self.moment + 10))
        #expect(try await store.lastMessageID() == MessageID(104))
    }

    @Test(arguments: LandedSchema.all)
    func `is swept as if it had always been of this version`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let numbers: [MessageID] = [100, 101, 102, 103, 104].map { MessageID($0) }
        func left(afterDays days: Int) async throws -> [MessageID] {
            _ = try await store.sweep(at: Self.now.adding(seconds: days * 86_400), retentionSeconds: 86_400)
            return try await store.messages(numbers).map(\.id)
        }
        #expect(try await left(afterDays: 0) == numbers)
        #expect(try await left(afterDays: 1) == numbers)
        #expect(try await store.waitingMessages(of: self.app, at: Timestamp(milliseconds: 0)).isEmpty)
        #expect(try await left(afterDays: 4).isEmpty)
        #expect(try await store.receipts(of: numbers).isEmpty)
    }

    @Test(arguments: LandedSchema.all)
    func `goes on where it stopped`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let answer = try await store.answer(to: Sample.cid("once"), in: self.app, at: Self.now)
        #expect(answer?.messageID == MessageID(100) && answer?.sendno == 5)
        let receipt = Receipt(message: MessageID(100), kind: .received, ordinals: Ordinals([2]))
        #expect(await store.commit([.receipts([receipt], at: Self.now)]) == [.done])
        let inbox = try await store.inbox(of: 2, in: self.app, after: MessageID(0), at: Self.now, limit: 10)
        #expect(inbox.isEmpty)
        let received = try await store.receipts(of: [MessageID(100)])[MessageID(100)]?[.received]
        #expect(received == Ordinals([0, 2]))
        let device = try Sample.device(9, of: self.app)
        #expect(await store.commit([.register(device, devicesPerAlias: nil)]) == [.done])
        #expect(try await store.device(9, of: self.app) == device)
        #expect(try await store.createApp(try Sample.app("c")).id == AppID(3), "numbers are not used again")
    }

    @Test(arguments: LandedSchema.all.dropFirst(1))
    func `has the same schedules`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let id = try #require(ScheduleID("0123abcd-0123-11ee-8000-0123456789ab"))
        let task = try #require(try await store.schedule(id, of: self.app))
        #expect(task.name == "daily" && task.revision == 3 && task.isEnabled)
        #expect(task.nextAt == Timestamp(milliseconds: Self.moment + 3_600_000))
        #expect(task.settledAt == Timestamp(milliseconds: Self.moment - 3_600_000))
        let fires = try await store.fires(of: id, in: self.app)
        #expect(
            fires.map(\.outcome) == [.failed(code: 1011, message: "nobody", mayRetry: true), .pushed(MessageID(100))])
        let answer = try await store.answer(to: Sample.cid("task"), in: self.app, at: Self.now)
        #expect(answer?.created?.id == id && answer?.created?.name == "daily")
    }

    @Test(arguments: LandedSchema.all.dropFirst(2))
    func `has the same test devices and imports`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let device = try #require(try await store.device(3, of: self.app))
        #expect(device.testName?.text == "bench" && device.importedAt == Timestamp(milliseconds: Self.moment + 5))
        #expect(try await store.lastImport() == ImportPlace(1))
    }

    @Test(arguments: LandedSchema.all.dropFirst(3))
    func `has the same templates, plans and hours`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        #expect(try await store.definition(.template, "greeting", of: self.app)?.text == Array(#"{"t":1}"#.utf8))
        let plan = try #require(try await store.plan("spring", of: self.app))
        #expect(plan.description == "sale" && plan.pushCount == 4)
        let hour = Timestamp(milliseconds: Self.moment - Self.moment % 3_600_000)
        let online = try await store.online(of: self.app, from: hour, until: hour.adding(seconds: 3600))
        #expect(online == Ordinals([1, 2]))
    }

    @Test(arguments: LandedSchema.all.dropFirst(4))
    func `has the same accounts and uploads`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let developer = try #require(try await store.developers().first)
        #expect(developer.name == "dev" && developer.secret.matches("dev") && developer.mayUploadFiles)
        #expect(try await store.owner(of: self.app) == developer.id)
        let group = try #require(try await store.groups().first)
        #expect(group.secret.matches("group") && group.members == [AppID(1), AppID(2)])
        let push = try await store.groupPush(
            cid: Sample.cid("group-once"), of: group.id, since: Timestamp(milliseconds: 0))
        #expect(push?.messages == [MessageID(100)] && push?.answer == Array(#"{"g":1}"#.utf8))
        let certificates = try await store.certificates(of: self.app)
        #expect(certificates.map(\.environment) == [.production] && certificates.map(\.sealed) == [[3, 4, 5]])
        let list = try #require(UploadID("file-1"))
        #expect(try await store.file(list, at: Self.now)?.name == "list.txt")
        #expect(try await store.content(of: list) == Array("alice\nbob".utf8))
        let images = try await store.images(try #require(UploadID("set-1")), of: self.app, at: Self.now)
        #expect(images?.urls == ["oppo": "http://127.0.0.1/p"])
        let picture = try await store.picture(try #require(UploadID("picture-1")), at: Self.now)
        #expect(picture == [0x89, 0x50, 0x4E, 0x47])
    }

    @Test(arguments: LandedSchema.all)
    func `knows when a push ended from the version on that kept it`(_ schema: LandedSchema) async throws {
        let store = try await self.opened(schema)
        let history = try #require(try await store.history(of: MessageID(103)))
        let isKept = schema.number >= 6
        #expect(history.endedAt == (isKept ? Timestamp(milliseconds: Self.moment + 4) : nil))
        #expect(history.endedBy == (isKept ? MessageID(104) : nil))
    }
}
