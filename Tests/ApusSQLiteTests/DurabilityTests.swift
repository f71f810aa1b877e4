import ApusCore
import ApusTesting
import Foundation
import GRDB
import Testing

@testable import ApusSQLite

@Suite struct `What a commit answered` {
    @Test func `is there after closing and opening again`() async throws {
        let fixture = try await Fixture()
        let device = try Sample.device(1, of: fixture.app)
        try await fixture.keep(
            .message(fixture.message(1), cid: nil), .register(device), fixture.receipt(1, .received, 2))
        await fixture.store.close()
        let again = try await SQLiteStore.open(folder: fixture.folder.path)
        #expect(try await again.messages([MessageID(1)]) == [fixture.message(1)])
        #expect(try await again.device(1, of: fixture.app) == device)
        #expect(try await again.receipts(of: [MessageID(1)]) == [MessageID(1): [.received: Ordinals([2])]])
        #expect(try await again.lastMessageID() == MessageID(1))
    }

    @Test func `is there in a copy of the files made while the store runs`() async throws {
        let fixture = try await Fixture()
        var answered: [Int64] = []
        for round in 1...5 {
            let id = Int64(round)
            try await fixture.keep(.message(fixture.message(id), cid: nil), fixture.receipt(id, .received, 1))
            answered.append(id)
            let copy = try TemporaryFolder()
            // Without the shared-memory file, which a crash of the machine takes along.
            for name in ["apus.db", "apus.db-wal"] {
                try FileManager.default.copyItem(atPath: fixture.folder.path(of: name), toPath: copy.path(of: name))
            }
            let revived = try await SQLiteStore.open(folder: copy.path)
            #expect(try await revived.messages(answered.map(MessageID.init)).count == answered.count)
            #expect(try await revived.waiting(of: 2, in: fixture.app, at: Fixture.now).map(\.number) == answered)
            #expect(try await revived.waiting(of: 1, in: fixture.app, at: Fixture.now).isEmpty)
            #expect(try await revived.lastMessageID() == MessageID(id))
        }
    }

    @Test func `is nothing that a torn log only began`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        let log = fixture.folder.path(of: "apus.db-wal")
        let whole = try Data(contentsOf: URL(filePath: log)).count
        try await fixture.keep(.message(fixture.message(2), cid: nil), .message(fixture.message(3), cid: nil))
        let longer = try Data(contentsOf: URL(filePath: log))
        #expect(longer.count > whole)
        for cut in stride(from: whole + 1, to: longer.count, by: 1111) {
            let copy = try TemporaryFolder()
            let database = copy.path(of: "apus.db")
            try FileManager.default.copyItem(atPath: fixture.folder.path(of: "apus.db"), toPath: database)
            try longer.prefix(cut).write(to: URL(filePath: copy.path(of: "apus.db-wal")))
            let revived = try await SQLiteStore.open(folder: copy.path)
            #expect(try await revived.waiting(of: 1, in: fixture.app, at: Fixture.now).map(\.number) == [1])
            #expect(try await revived.lastMessageID() == MessageID(1))
        }
    }
}

@Suite struct `A full store` {
    @Test func `says so, keeps what it has, and works again when there is room`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        try await self.limitPages(of: fixture, growth: 4)
        let large = [UInt8](repeating: 7, count: 100_000)
        let outcomes = await fixture.store.commit([
            .message(fixture.message(2), cid: nil), .message(fixture.message(3, payload: large), cid: nil),
            .message(fixture.message(4), cid: nil),
        ])
        #expect(outcomes == [.done, .failed(.full), .done])
        #expect(try await fixture.inbox(1) == [1, 2, 4])
        #expect(try await fixture.stored(3) == nil)
        try await self.limitPages(of: fixture, growth: 1000)
        try await fixture.keep(.message(fixture.message(3, payload: large), cid: nil))
        #expect(try await fixture.stored(3)?.payload == large)
    }

    @Test func `is not asked again for each of many writes`() async throws {
        let fixture = try await Fixture()
        try await self.limitPages(of: fixture, growth: 4)
        let large = [UInt8](repeating: 7, count: 100_000)
        var writes = [Write.message(fixture.message(1), cid: nil)]
        writes += (2...4).map { Write.message(fixture.message($0, payload: large), cid: nil) }
        writes.append(.message(fixture.message(5), cid: nil))
        let full = WriteOutcome.failed(.full)
        #expect(await fixture.store.commit(writes) == [.done, full, full, full, full])
        #expect(try await fixture.inbox(1) == [1])
    }

    @Test func `finds room in what a sweep removed`() async throws {
        let fixture = try await Fixture()
        let large = [UInt8](repeating: 7, count: 100_000)
        try await fixture.keep(.message(fixture.message(1, lives: 0, payload: large), cid: nil))
        try await self.limitPages(of: fixture, growth: 4)
        let next = Write.message(fixture.message(2, payload: large), cid: nil)
        #expect(await fixture.store.commit([next]) == [.failed(.full)])
        #expect(try await fixture.store.sweep(at: Fixture.now.adding(seconds: 1), retentionSeconds: 0) == 1)
        #expect(await fixture.store.commit([next]) == [.done])
    }

    private func limitPages(of fixture: Fixture, growth: Int) async throws {
        try await fixture.store.write { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            try db.execute(sql: "PRAGMA max_page_count = \(pages + growth)")
        }
    }
}

@Suite struct `A closed store` {
    @Test func `is unavailable for everything, and may be closed again`() async throws {
        let fixture = try await Fixture()
        await fixture.store.close()
        await fixture.store.close()
        let (store, app) = (fixture.store, fixture.app)
        #expect(
            await store.commit([
                .withdraw(MessageID(1), of: app, at: Fixture.now), .withdraw(MessageID(2), of: app, at: Fixture.now),
            ])
                == [.failed(.unavailable), .failed(.unavailable)])
        await #expect(throws: StoreError.unavailable) { try await store.apps() }
        await #expect(throws: StoreError.unavailable) { try await store.createApp(try Sample.app("b")) }
        await #expect(throws: StoreError.unavailable) { try await store.deleteApp(app) }
        await #expect(throws: StoreError.unavailable) { try await store.changedElsewhere() }
        await #expect(throws: StoreError.unavailable) { try await store.sweep(at: Fixture.now, retentionSeconds: 1) }
        await #expect(throws: StoreError.unavailable) { try await store.lastMessageID() }
    }

    @Test func `has finished what was begun, and left one file`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        let answered = await withTaskGroup { group in
            for number in 1...200 {
                let message = fixture.message(Int64(number))
                group.addTask { await store.commit([.message(message, cid: nil)]) == [.done] ? message.id : nil }
            }
            group.addTask {
                await store.close()
                return nil
            }
            return await group.reduce(into: [MessageID]()) { if let id = $1 { $0.append(id) } }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) == ["apus.db"])
        let again = try await SQLiteStore.open(folder: fixture.folder.path)
        #expect(Set(try await again.messages(answered).map(\.id)) == Set(answered))
    }
}

@Suite struct `Two stores on one file` {
    @Test func `see each other's writes, and whether there were any`() async throws {
        let fixture = try await Fixture()
        let other = try await SQLiteStore.open(folder: fixture.folder.path)
        #expect(try await !fixture.store.changedElsewhere())
        #expect(try await !other.changedElsewhere())
        let app = try await other.createApp(try Sample.app("b"))
        #expect(try await !other.changedElsewhere())
        #expect(try await fixture.store.changedElsewhere())
        #expect(try await !fixture.store.changedElsewhere())
        #expect(try await fixture.store.apps().last == app)
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        #expect(try await other.changedElsewhere())
        #expect(try await !fixture.store.changedElsewhere())
    }

    @Test func `both write at once without losing anything`() async throws {
        let fixture = try await Fixture()
        let stores = [fixture.store, try await SQLiteStore.open(folder: fixture.folder.path)]
        let each = 100
        let done = await withTaskGroup { group in
            for number in 1...(each * 2) {
                let message = fixture.message(Int64(number))
                group.addTask { await stores[number % 2].commit([.message(message, cid: nil)]) == [.done] }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == each * 2)
        #expect(try await fixture.count("messages") == each * 2)
    }
}
