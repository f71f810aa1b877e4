import ApusCore
import ApusTesting
import Foundation
import Testing

@testable import ApusSQLite

@Suite struct `The ledger of a store that does not agree with itself` {
    /// What is broken of a message for the devices 1, 2 and 3, of which 3 has acked; and what is said about it.
    @Test(arguments: [
        ("DELETE FROM inbox WHERE ordinal = 1", "1 devices that it waits for would not find it at their login"),
        ("INSERT INTO inbox VALUES (1, 3, 5, 0)", "1 devices would find it that it does not wait for"),
        ("UPDATE messages SET waits = 0", "it waits in 'nowhere' instead of 'inbox'"),
        ("UPDATE messages SET state = 1", "it waits in 'inbox' instead of 'nowhere'"),
        ("UPDATE messages SET targeted = '{\"ios\":4}'", "3 devices were addressed, reports say 4"),
    ])
    func `names the push and what is wrong with it`(_ sql: String, _ fault: String) async throws {
        let fixture = try await Fixture(freshMax: 1)
        try await fixture.keep(.message(fixture.message(5), cid: nil), fixture.receipt(5, .received, 3))
        try await fixture.settle()
        #expect(try await fixture.lines()[0].faults.isEmpty)
        try await fixture.execute(sql)
        let line = try await fixture.lines()[0]
        #expect(line.id == MessageID(5))
        #expect(line.faults.contains(fault), "\(line.faults)")
    }

    @Test func `finds receipts of devices that were never addressed`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(5), cid: nil), fixture.receipt(5, .received, 3, 9))
        let line = try await fixture.lines()[0]
        #expect(line.faults.contains("1 devices that were not addressed are noted as received"))
        #expect(line.faults.contains("3 devices were addressed, 4 are accounted for"))
    }

    @Test func `comes in pages, in order, of one app alone`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep((1...5).map { .message(fixture.message($0), cid: nil) })
        let first = try await fixture.store.ledger(of: fixture.app, after: MessageID(0), limit: 3)
        #expect(first.map(\.message.id.number) == [1, 2, 3])
        let rest = try await fixture.store.ledger(of: fixture.app, after: MessageID(3), limit: 3)
        #expect(rest.map(\.message.id.number) == [4, 5])
        #expect(try await fixture.store.ledger(of: AppID(99), after: MessageID(0), limit: 3).isEmpty)
    }

    @Test func `does not mind what expired, swept or not`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(5), cid: nil), fixture.receipt(5, .dropped, 2))
        let later = Fixture.now.adding(seconds: 60)
        let before = try await fixture.lines(at: later)[0]
        #expect(before.faults.isEmpty && before.counts.expired == 2 && before.counts.dropped == 1)
        _ = try await fixture.store.sweep(at: later, retentionSeconds: 86_400)
        let after = try await fixture.lines(at: later)[0]
        #expect(after.faults.isEmpty && after.counts == before.counts)
    }
}

@Suite struct `A store whose file is gone` {
    @Test func `refuses to write and to read, and goes on when the file is back`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        let away = fixture.folder.path + ".away"
        try FileManager.default.moveItem(atPath: fixture.folder.path, toPath: away)
        #expect(await fixture.store.commit([.message(fixture.message(2), cid: nil)]) == [.failed(.unavailable)])
        await #expect(throws: StoreError.unavailable) { try await fixture.store.apps() }
        try FileManager.default.moveItem(atPath: away, toPath: fixture.folder.path)
        try await fixture.keep(.message(fixture.message(3), cid: nil))
        #expect(try await fixture.inbox(1) == [1, 3])
    }

    @Test func `does not take another file in its place for its own`() async throws {
        let fixture = try await Fixture()
        let path = fixture.folder.path(of: "apus.db")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        try FileManager.default.copyItem(atPath: path + ".away", toPath: path)
        #expect(await fixture.store.commit([.message(fixture.message(2), cid: nil)]) == [.failed(.unavailable)])
    }
}

extension Fixture {
    fileprivate func lines(at now: Timestamp = Self.now) async throws -> [LedgerLine] {
        try await self.store.ledger(of: self.app, after: MessageID(0), limit: 100).map { LedgerLine($0, at: now) }
    }
}
