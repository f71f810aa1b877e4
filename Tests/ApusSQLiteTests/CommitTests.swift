import ApusCore
import ApusTesting
import Synchronization
import Testing

@testable import ApusSQLite

@Suite struct `A batch` {
    @Test func `asks once for its writes`() async throws {
        let fixture = try await Fixture()
        let writes: [Write] = (1...3).map { .message(fixture.message($0), cid: nil) }
        let asked = Mutex(0)
        let outcomes = await fixture.store.commit {
            asked.withLock { $0 += 1 }
            return writes
        }
        #expect(outcomes == [.done, .done, .done])
        #expect(asked.withLock { $0 } == 1)
    }

    @Test func `keeps everything but the write that conflicts`() async throws {
        let fixture = try await Fixture()
        let device = try Sample.device(1, of: fixture.app)
        var twin = try Sample.device(1, of: fixture.app)
        twin.isTest = true
        let outcomes = await fixture.store.commit([
            .message(fixture.message(5), cid: nil), .register(device), .register(twin),
            .message(fixture.message(5, payload: [1]), cid: nil), .message(fixture.message(6), cid: nil),
        ])
        #expect(outcomes == [.done, .done, .failed(.conflict), .failed(.conflict), .done])
        #expect(try await fixture.store.device(1, of: fixture.app) == device)
        #expect(try await fixture.stored(5) == fixture.message(5))
        #expect(try await fixture.inbox(1) == [5, 6])
    }

    @Test func `refuses a registration id that another app has`() async throws {
        let fixture = try await Fixture()
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        let device = try Sample.device(1, of: fixture.app)
        let twin = Device(
            app: other, ordinal: 1, registrationID: device.registrationID, secret: nil, platform: .ios,
            registeredAt: Fixture.now)
        #expect(await fixture.store.commit([.register(device), .register(twin)]) == [.done, .failed(.conflict)])
    }

    @Test func `refuses what is for an unknown app`() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.store.deleteApp(fixture.app))
        let outcomes = await fixture.store.commit([
            .message(fixture.message(1), cid: nil), .register(try Sample.device(1, of: fixture.app)),
        ])
        #expect(outcomes == [.refused(Refusal(.unknownKey)), .refused(Refusal(.unknownKey))])
        #expect(try await fixture.stored(1) == nil)
        #expect(try await fixture.store.lastMessageID() == MessageID(0))
    }

    @Test(arguments: 0..<6)
    func `keeps all but the n-th write when that one fails inside SQLite`(_ failing: Int) async throws {
        let fixture = try await Fixture()
        let others = 6
        // Fails after the row has been written, which must not stay.
        try await fixture.execute(
            """
            CREATE TRIGGER refuse AFTER INSERT ON messages WHEN NEW.id = \(failing + 1)
            BEGIN SELECT RAISE(FAIL, 'refused by the test'); END
            """)
        let record = CIDRecord(
            cid: try Sample.cid("c"), answer: PushAnswer(messageID: MessageID(Int64(failing + 1)), sendno: 0),
            expiresAt: Fixture.now.adding(seconds: 60))
        let writes = (0..<others).map { index in
            Write.message(fixture.message(Int64(index + 1)), cid: index == failing ? record : nil)
        }
        let outcomes = await fixture.store.commit(writes)
        #expect(outcomes == (0..<others).map { $0 == failing ? .failed(.conflict) : .done })
        let expected = (0..<others).filter { $0 != failing }.map { Int64($0 + 1) }
        for ordinal in [1, 2, 3] as [Ordinal] { #expect(try await fixture.inbox(ordinal) == expected) }
        #expect(try await fixture.stored(Int64(failing + 1)) == nil)
        #expect(try await fixture.store.answer(to: record.cid, in: fixture.app, at: Fixture.now) == nil)
        #expect(try await fixture.store.lastMessageID() == MessageID(expected.max() ?? 0))
    }

    @Test func `goes on after a write that meets a broken row`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.register(try Sample.device(1, of: fixture.app)))
        try await fixture.execute("UPDATE devices SET tags = '[1]'")
        let outcomes = await fixture.store.commit([
            .message(fixture.message(1), cid: nil), .change(DeviceChange(), of: 1, in: fixture.app),
            .message(fixture.message(2), cid: nil),
        ])
        #expect(outcomes == [.done, .failed(.corrupt("devices 1/1: column tags is malformed")), .done])
    }

    @Test func `may be empty`() async throws {
        let fixture = try await Fixture()
        #expect(await fixture.store.commit([]).isEmpty)
    }

    @Test func `times out as a whole while another process holds the file`() async throws {
        let fixture = try await Fixture()
        var options = SQLiteStore.Options()
        options.busyTimeoutSeconds = 0.05
        let hurried = try await SQLiteStore.open(folder: fixture.folder.path, options: options)
        let writes: [Write] = [.message(fixture.message(1), cid: nil), .message(fixture.message(2), cid: nil)]
        let outcomes = try await Lock(fixture.folder).holding { await hurried.commit(writes) }
        #expect(outcomes == [.failed(.timeout), .failed(.timeout)])
        #expect(await hurried.commit(writes) == [.done, .done])
    }

    @Test func `moves the last message number, which never goes back`() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.store.lastMessageID() == MessageID(0))
        try await fixture.keep(.message(fixture.message(9), cid: nil), .message(fixture.message(7), cid: nil))
        #expect(try await fixture.store.lastMessageID() == MessageID(9))
        try await fixture.keep(.message(fixture.message(8), cid: nil))
        #expect(try await fixture.store.lastMessageID() == MessageID(9))
        #expect(try await fixture.store.deleteApp(fixture.app))
        #expect(try await fixture.store.lastMessageID() == MessageID(9))
    }
}

@Suite struct `An app in a store` {
    @Test func `has a key of its own`() async throws {
        let fixture = try await Fixture()
        await #expect(throws: StoreError.conflict) { try await fixture.store.createApp(try Sample.app("a")) }
    }

    @Test func `goes with everything that is its own, and nothing else`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        let tables = ["apps", "devices", "messages", "inbox", "receipts", "cids", "active_hours", "departed_apps"]
        try await fixture.keep(
            .register(try Sample.device(1, of: other)), .active(Ordinals([1]), of: other, at: Fixture.now))
        var before: [Int] = []
        for table in tables { before.append(try await fixture.count(table)) }
        // More than one step's worth.
        let writes = try (1...1200).flatMap { number -> [Write] in
            let record = CIDRecord(
                cid: try Sample.cid("c\(number)"), answer: PushAnswer(messageID: MessageID(Int64(number)), sendno: 0),
                expiresAt: Fixture.now.adding(seconds: 9))
            return [
                .register(try Sample.device(Ordinal(number), of: fixture.app)),
                .message(fixture.message(Int64(number)), cid: record), fixture.receipt(Int64(number), .sent, 1),
            ]
        }
        #expect(await fixture.store.commit(writes).allSatisfy { $0 == .done })
        try await fixture.keep(.active(Ordinals([1]), of: fixture.app, at: Fixture.now))
        #expect(try await fixture.store.deleteApp(fixture.app))
        before[0] -= 1
        for (table, count) in zip(tables, before) { #expect(try await fixture.count(table) == count, "\(table)") }
        #expect(try await !fixture.store.deleteApp(fixture.app))
    }

    @Test func `goes also where its messages stand among many of another`() async throws {
        let fixture = try await Fixture()
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        let count = 9000
        try await fixture.keep(
            (1...Int64(count)).map { number in
                let message = fixture.message(number, to: [1], payload: [])
                return .message(number % 3000 == 1 ? message : message.moved(to: other), cid: nil)
            })
        #expect(try await fixture.store.deleteApp(fixture.app))
        #expect(try await fixture.count("messages") == count - 3)
        #expect(try await fixture.count("messages WHERE app = \(other.number)") == count - 3)
        #expect(try await fixture.count("departed_apps") == 0)
    }

    @Test func `whose deletion was cut short goes with the next sweep`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        try await fixture.keep(.register(try Sample.device(1, of: fixture.app)), .message(fixture.message(1), cid: nil))
        try await fixture.settle()
        let app = fixture.app
        #expect(try await fixture.store.write { db in try Apps.depart(app, in: db) })
        #expect(try await fixture.count("devices") == 1)
        #expect(try await fixture.store.sweep(at: Fixture.now, retentionSeconds: 60) == 5)
        for table in ["devices", "messages", "inbox", "departed_apps"] { #expect(try await fixture.count(table) == 0) }
    }

    @Test func `never gets the number of one that is gone`() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.store.deleteApp(fixture.app))
        #expect(try await fixture.store.createApp(try Sample.app("a")).id > fixture.app)
    }
}
