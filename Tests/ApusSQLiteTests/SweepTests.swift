import ApusCore
import GRDB
import Testing

@testable import ApusSQLite

@Suite struct `A sweep` {
    @Test func `removes waiting entries and cids once they have expired`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        let record = CIDRecord(
            cid: try Sample.cid("c"), answer: PushAnswer(messageID: MessageID(1), sendno: 0),
            expiresAt: Fixture.now.adding(seconds: 60))
        try await fixture.keep(
            .message(fixture.message(1, lives: 60), cid: record), .message(fixture.message(2, lives: 61), cid: nil))
        try await fixture.settle()
        #expect(try await fixture.store.sweep(at: Fixture.now.adding(seconds: 59), retentionSeconds: 1000) == 0)
        let now = Fixture.now.adding(seconds: 60)
        #expect(try await fixture.store.sweep(at: now, retentionSeconds: 1000) == 4)
        #expect(try await fixture.count("inbox") == 3)
        #expect(try await fixture.count("cids") == 0)
        #expect(try await fixture.stored(1) == fixture.message(1, lives: 60))
        #expect(try await fixture.store.sweep(at: now, retentionSeconds: 1000) == 0)
    }

    @Test func `keeps a message for the retention after its expiry or its last receipt`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            .message(fixture.message(1, lives: 10), cid: nil),
            .message(fixture.message(2, lives: 10, wide: true), cid: nil))
        let late = Receipt(message: MessageID(2), kind: .clickedMessage, ordinals: Ordinals([1]))
        try await fixture.keep(.receipts([late], at: Fixture.now.adding(seconds: 500)), fixture.receipt(1, .sent, 1))
        func sweep(_ seconds: Int) async throws -> [Int64] {
            _ = try await fixture.store.sweep(at: Fixture.now.adding(seconds: seconds), retentionSeconds: 100)
            return try await fixture.store.messages([MessageID(1), MessageID(2)]).map(\.id.number)
        }
        #expect(try await sweep(109) == [1, 2])
        #expect(try await sweep(110) == [2])
        #expect(try await sweep(599) == [2])
        #expect(try await sweep(600).isEmpty)
        #expect(try await fixture.count("receipts") == 0)
        #expect(try await fixture.store.lastMessageID() == MessageID(2))
    }

    @Test func `slides with receipts that were folded`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1, lives: 0, wide: true), cid: nil))
        for second in 0..<40 {
            let receipt = Receipt(message: MessageID(1), kind: .received, ordinals: Ordinals([UInt32(second)]))
            try await fixture.keep(.receipts([receipt], at: Fixture.now.adding(seconds: second == 0 ? 900 : second)))
        }
        let retention = 100
        _ = try await fixture.store.sweep(at: Fixture.now.adding(seconds: 999), retentionSeconds: retention)
        #expect(try await fixture.stored(1) != nil)
        _ = try await fixture.store.sweep(at: Fixture.now.adding(seconds: 1000), retentionSeconds: retention)
        #expect(try await fixture.stored(1) == nil)
    }

    @Test func `goes through more than one step, past messages that stay`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        let many = 1300
        let kept = Set((1...many).filter { $0 % 3 == 0 || $0 <= 600 })
        try await fixture.keep((1...many).map { .message(fixture.message(Int64($0), to: [1], lives: 10), cid: nil) })
        try await fixture.keep(
            kept.map { number in
                let receipt = Receipt(message: MessageID(Int64(number)), kind: .displayed, ordinals: Ordinals([1]))
                return .receipts([receipt], at: Fixture.now.adding(seconds: 5000))
            })
        let rows = try await fixture.store.sweep(at: Fixture.now.adding(seconds: 1010), retentionSeconds: 1000)
        #expect(rows == many + (many - kept.count))
        #expect(try await fixture.count("messages") == kept.count)
        #expect(try await fixture.count("receipts") == kept.count)
        #expect(try await fixture.count("inbox") == 0)
    }

    @Test func `ends nothing early that shares its second with what has expired`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        let later = Timestamp(milliseconds: Fixture.now.milliseconds + 800)
        try await fixture.keep(
            .message(fixture.message(1, lives: 60), cid: nil),
            .message(fixture.message(2, at: later, lives: 60), cid: nil))
        try await fixture.settle()
        func sweep(_ milliseconds: Int64) async throws -> Int {
            let now = Timestamp(milliseconds: Fixture.now.milliseconds + 60_000 + milliseconds)
            return try await fixture.store.sweep(at: now, retentionSeconds: 1000)
        }
        #expect(try await sweep(799) == 0)
        #expect(try await fixture.count("inbox") == 6)
        #expect(try await sweep(800) == 6)
        #expect(try await fixture.count("inbox") == 0)
    }

    @Test func `finds each message in one list until it is removed`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            (1...1300).map { .message(fixture.message($0, to: [1], lives: Int($0 % 7)), cid: nil) })
        try await fixture.keep(.message(fixture.message(1301, lives: 3, wide: true), cid: nil))
        try await fixture.keep(.withdraw(MessageID(9), of: fixture.app, at: Fixture.now))
        func listed() async throws -> [Int] {
            try await fixture.store.write { db in
                try Int.fetchAll(db, sql: "SELECT value FROM expiries, json_each(expiries.messages) ORDER BY value")
            }
        }
        #expect(try await fixture.count("expiries") == 8)
        for seconds in [0, 3, 3, 7] {
            _ = try await fixture.store.sweep(at: Fixture.now.adding(seconds: seconds), retentionSeconds: 100)
            #expect(try await listed() == Array(1...1301))
        }
        #expect(try await fixture.count("messages WHERE waits <> 0") == 0)
        _ = try await fixture.store.sweep(at: Fixture.now.adding(seconds: 107), retentionSeconds: 100)
        #expect(try await listed().isEmpty)
        #expect(try await fixture.count("messages") == 0)
    }

    @Test func `removes hours of activity that statistics cannot reach any more`() async throws {
        let fixture = try await Fixture()
        let day = 86_400
        try await fixture.keep(
            .active(Ordinals([1]), of: fixture.app, at: Fixture.now.adding(seconds: -93 * day)),
            .active(Ordinals([2]), of: fixture.app, at: Fixture.now.adding(seconds: -91 * day)))
        #expect(try await fixture.store.sweep(at: Fixture.now, retentionSeconds: day) == 1)
        let from = Fixture.now.adding(seconds: -100 * day)
        #expect(try await fixture.store.active(of: fixture.app, from: from, until: Fixture.now).members == [2])
    }
}
