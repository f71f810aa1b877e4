import ApusCore
import GRDB
import Testing

@testable import ApusSQLite

@Suite struct `Every statement of a store` {
    private struct Step: Sendable {
        let sql: String
        let detail: String
    }

    @Test func `finds its rows through a key or an index`() async throws {
        let steps = try await self.steps()
        #expect(Set(steps.map(\.sql)).count >= 35)
        // Apps are few, and read as a whole.
        let whole: Set = ["SCAN apps", "SCAN departed_apps", "SCAN CONSTANT ROW"]
        for step in steps where step.detail.hasPrefix("SCAN") && !whole.contains(step.detail) {
            Issue.record("\(step.detail): \(step.sql)")
        }
        // Of a key of several columns the app alone is a walk through all that the app has: only what stops after some
        // rows may do that, and only once.
        for (sql, steps) in Dictionary(grouping: steps, by: \.sql) where !sql.contains("messages_wide") {
            // What an app has a handful of goes as a whole.
            let few = ["FROM group_apps", "FROM certificates", "FROM files", "FROM image_sets"]
            if few.contains(where: sql.contains) { continue }
            // Test devices have an index of their own, in which nothing else stands, and are counted.
            let walks = steps.count { $0.detail.hasSuffix("(app=?)") && !$0.detail.contains("devices_for_tests") }
            #expect(walks <= (sql.contains("LIMIT") ? 1 : 0), "\(sql)")
        }
    }

    @Test func `looks for wide messages where there are no others`() async throws {
        let wide = try await self.steps().filter { $0.sql.contains("waits = 2 AND") }
        #expect(wide.map(\.detail) == ["SEARCH m USING INDEX messages_wide (app=?)"])
    }

    /// Runs everything that the store can do, and asks SQLite how it did each statement.
    private func steps() async throws -> [Step] {
        let fixture = try await Fixture()
        let (app, now) = (fixture.app, Fixture.now)
        try await fixture.keep(.register(try Sample.device(1, of: app)))
        let messages = (1...3).map { fixture.message($0, lives: 1, overrides: $0 - 1) }
        let device = try Sample.device(2, of: app)
        let record = CIDRecord(
            cid: try Sample.cid("c"), answer: PushAnswer(messageID: MessageID(1), sendno: 0), expiresAt: now)
        return try await fixture.store.write { db in
            var statements: [String] = []
            db.trace { event in
                if case .statement(let statement) = event { statements.append(statement.expandedSQL) }
            }
            var batch = try Batch(db, HotStatements(in: db))
            try Self.write(messages, device, record, in: &batch)
            try Self.list(messages, in: &batch)
            try Self.read(app, record.cid, in: db)
            try Self.schedule(app, record, in: &batch)
            try Self.upload(app, in: db)
            try Self.remove(app, in: db)
            db.trace(options: [])
            return try Set(statements).flatMap { sql in
                try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)").map { row in
                    Step(sql: sql, detail: try row.decode(String.self, forColumn: "detail"))
                }
            }
        }
    }

    private static func write(
        _ messages: [Message], _ device: Device, _ record: CIDRecord, in batch: inout Batch
    ) throws {
        let (app, now, db) = (device.app, Fixture.now, batch.db)
        for message in messages { _ = try Messages.keep(message, cid: record, in: &batch) }
        _ = try Messages.keep(messages[0], cid: nil, in: &batch)
        try Messages.withdraw(messages[1].id, of: messages[1].app, at: Fixture.now, in: batch)
        let receipts = (0..<Receipts.pileMax).map { number in
            Receipt(message: messages[2].id, kind: .received, ordinals: Ordinals([UInt32(number)]))
        }
        try Receipts.merge(receipts, at: now, in: &batch)
        try batch.finish()
        _ = try Devices.register(device, in: db)
        var change = DeviceChange()
        change.mobile = "1"
        change.alias = Alias("alice")
        change.tags = .change(add: [Tag("a"), Tag("b")].compactMap(\.self), remove: [])
        change.importedAt = now
        _ = try Devices.changeAll([DeviceChangeOrder(ordinal: device.ordinal, change: change)], in: app, in: db)
        change.tags = .set([])
        _ = try Devices.register(device, in: db)
        _ = try Devices.adopt(after: ImportPlace(0), limit: 9, in: db)
        _ = try Devices.change(change, of: device.ordinal, in: app, in: db)
        try Devices.seen(Ordinals([1]), of: app, at: now, in: db)
        for hours in [DeviceHours.active, .online] { try hours.record(Ordinals([1]), of: app, at: now, in: db) }
        let text = Array(#"{"audience":{"tag":["t"]}}"#.utf8)
        _ = try Definitions.create(
            Definition(app: app, kind: .segment, name: "s", text: text, createdAt: now), in: db)
        _ = try Plans.create(PushPlan(name: "p", description: "", createdAt: now), of: app, in: db)
        _ = try Plans.describe("p", "d", of: app, in: db)
        try Plans.count("p", of: app, at: now, in: db)
    }

    /// Lists messages in the inboxes, and ends their waiting there.
    private static func list(_ messages: [Message], in batch: inout Batch) throws {
        let fresh = FreshInbox()
        fresh.apply(batch.changes)
        _ = try Inbox.unlisted(batch.marks, in: batch.db)
        var listing = try Inbox.begin(fresh, in: &batch)
        try Inbox.go(on: &listing, with: fresh, count: 100, in: &batch)
        #expect(listing.isDone && batch.marks.listed == batch.lastMessage)
        let (message, now, db) = (messages[2], Fixture.now, batch.db)
        let device = DeviceKey(app: message.app, ordinal: 1)
        _ = try Inbox.messages(for: device, fresh: [message.id], after: MessageID(0), at: now, limit: 9, in: db)
        _ = try Inbox.numbers(for: device, fresh: [message.id], at: now, in: db)
        _ = try Inbox.devices(message, .inbox, [:], batch.marks, in: db)
        try Inbox.end(message.id, for: Ordinals([1]), of: message.app, in: &batch)
        try Inbox.end(message.id, batch.marks, in: db)
    }

    private static func schedule(_ app: AppID, _ cid: CIDRecord, in batch: inout Batch) throws {
        let (now, db) = (Fixture.now, batch.db)
        let id = try #require(ScheduleID("0eac1b80-c2ac-4b69-948b-c65b34b96512"))
        let schedule = Schedule(
            id: id, app: app, name: "n", isEnabled: true, trigger: [], push: [], createdAt: now, nextAt: now,
            lastAt: now)
        _ = try Schedules.create(schedule, liveMax: 9, cid: cid, in: db)
        _ = try Schedules.change(schedule, in: db)
        let fire = ScheduleFire(dueAt: now, recordedAt: now, outcome: .pushed(MessageID(1)))
        let step = ScheduleStep(schedule: id, app: app, revision: 1, fires: [fire], nextAt: nil)
        _ = try Schedules.step(step, nil, in: &batch)
        _ = try Schedules.live(of: app, at: now, skip: 0, limit: 9, in: db)
        _ = try Schedules.liveCount(of: app, at: now, in: db)
        _ = try Schedules.due(at: now, after: nil, limit: 9, in: db)
        _ = try Schedules.nextDue(after: now, in: db)
        _ = try Schedules.fires(of: id, of: app, in: db)
        _ = try Schedules.retire(cutoff: now, limit: 1, in: db)
        _ = try Schedules.delete(id, of: app, in: db)
    }

    private static func upload(_ app: AppID, in db: Database) throws {
        let now = Fixture.now
        let ids = (0..<4).map { _ in UploadID() }
        for id in ids { try Uploads.keepChunk([1], 0, of: id, at: now, in: db) }
        for (id, lives) in zip(ids, [1, 9]) {
            let file = UploadedFile(
                id: id, owner: .app(app), kind: .alias, name: "n", count: 1, createdAt: now,
                expiresAt: now.adding(seconds: lives))
            #expect(try Uploads.keep(file, pieces: 1, validMax: 9, at: now, in: db) == .kept)
        }
        let set = UploadID()
        for id in ids[2...] {
            let images = ImageSet(
                id: set, app: app, kind: 1, urls: ["oppo_image_url": id.text], createdAt: now,
                expiresAt: now.adding(seconds: 1))
            #expect(try Uploads.keep(images, pictures: [(id, 1)], keptMax: 1, in: db) == .kept)
        }
        #expect(try Uploads.isPicture(ids[3], at: now, in: db))
        #expect(try !Uploads.isPicture(ids[2], at: now, in: db))
        try Uploads.keepChunk([1], 0, of: UploadID(), at: now, in: db)
        _ = try Uploads.files(of: .app(app), at: now, in: db)
        _ = try Uploads.content(of: ids[1], in: db)
        #expect(try Uploads.expire(at: now.adding(seconds: 4000), limit: 9, in: db) == 4)
        #expect(try Uploads.content(of: ids[3], in: db) == nil)
    }

    private static func read(_ app: AppID, _ cid: CID, in db: Database) throws {
        let now = Fixture.now
        _ = try Devices.lastOrdinal(of: app, in: db)
        _ = try Devices.audience(of: app, in: 0...9, in: db)
        _ = try Devices.devices([1], of: app, in: db)
        let device = try #require(try Devices.device(2, of: app, in: db))
        _ = try Devices.devices(named: [device.registrationID], in: db)
        let alias = try #require(Alias("alice"))
        _ = try Devices.devices(named: alias, of: app, on: .all, limit: 9, in: db)
        _ = try Tags.newest(of: app, limit: 9, in: db)
        for name in [nil, "n"] {
            let query = try TestDeviceQuery(page: "1", pageSize: "9", name: name, registrationID: nil)
            _ = try Devices.testDevices(of: app, query, in: db)
        }
        for hours in [DeviceHours.active, .online] {
            _ = try hours.ordinals(of: app, from: now, until: now, in: db)
        }
        _ = try Devices.registered(of: app, from: now, until: now, in: db)
        _ = try Definitions.definition(.segment, "s", of: app, in: db)
        _ = try Definitions.definitions(.segment, of: app, in: db)
        _ = try Plans.plan("p", of: app, in: db)
        _ = try Plans.plans(of: app, in: db)
        _ = try Messages.message(MessageID(1), in: db)
        _ = try Messages.wide(of: app, at: now, in: db)
        for broadcastsOnly in [true, false] {
            _ = try Messages.accepted(of: app, since: now, broadcastsOnly: broadcastsOnly, in: db)
        }
        _ = try Receipts.receipts(of: MessageID(3), in: db)
        _ = try CIDs.answer(to: cid, of: app, at: now, in: db)
        _ = try CIDs.isTaken(cid, of: app, at: now, in: db)
    }

    private static func remove(_ app: AppID, in db: Database) throws {
        let later = Fixture.now.adding(seconds: 1_000_000_000)
        _ = try Messages.expire(at: later, limit: 1, in: db)
        _ = try Messages.retire(cutoff: later, limit: 1, in: db)
        _ = try CIDs.expire(at: later, limit: 1, in: db)
        for hours in [DeviceHours.active, .online] { _ = try hours.expire(at: later, limit: 1, in: db) }
        _ = try Definitions.delete(.segment, "s", of: app, in: db)
        _ = try Apps.update(try #require(try Apps.all(in: db).first), in: db)
        _ = try Apps.depart(app, in: db)
        while let (app, place) = try Apps.departed(in: db) {
            let messages = try Messages.owners(after: place, limit: 9, in: db).filter { $0.app == app }.map(\.id)
            _ = try Apps.remove(messages, of: app, in: db)
            while try Apps.removeRemains(of: app, limit: 9, in: db).more {}
        }
    }
}
