import ApusCore
import Testing

@testable import ApusSQLite

@Suite struct `Receipts in a store` {
    private struct Key: Hashable {
        let message: MessageID
        let kind: Receipt.Kind
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `are a set: repeats and order do not matter`(_ seed: UInt64) async throws {
        let fixture = try await Fixture()
        var generator = SeededGenerator(seed: seed)
        let ids = (1...4).map { MessageID($0) }
        for id in ids { try await fixture.keep(.message(fixture.message(id.number, wide: true), cid: nil)) }
        var oracle: [Key: Set<Ordinal>] = [:]
        var told: [Receipt] = []
        for _ in 0..<150 {
            if let old = told.randomElement(using: &generator), Bool.random(using: &generator) {
                told.append(old)
            } else {
                let ordinals = (0...Int.random(in: 0...40, using: &generator)).map { _ in
                    Ordinal.random(in: 0...100_000, using: &generator)
                }
                told.append(
                    Receipt(
                        message: ids.randomElement(using: &generator) ?? ids[0],
                        kind: Receipt.Kind.allCases.randomElement(using: &generator) ?? .sent,
                        ordinals: Ordinals(ordinals)))
            }
        }
        told.shuffle(using: &generator)
        for receipt in told {
            oracle[Key(message: receipt.message, kind: receipt.kind), default: []].formUnion(receipt.ordinals.members)
        }
        while !told.isEmpty {
            let batch = Array(told.prefix(Int.random(in: 1...9, using: &generator)))
            told.removeFirst(batch.count)
            try await fixture.keep(.receipts(batch, at: Fixture.now))
        }
        var found: [Key: Set<Ordinal>] = [:]
        for (message, kinds) in try await fixture.store.receipts(of: ids) {
            for (kind, ordinals) in kinds { found[Key(message: message, kind: kind)] = Set(ordinals.members) }
        }
        #expect(found == oracle)
    }

    @Test func `are folded when many have piled up, and keep their members`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1, wide: true), cid: nil))
        let many = Receipts.pileMax * 3 + 5
        for number in 0..<many {
            try await fixture.keep(
                fixture.receipt(1, .received, Ordinal(number)), fixture.receipt(1, .sent, 7))
            #expect(try await fixture.count("receipts WHERE kind = 1") <= Receipts.pileMax)
        }
        #expect(try await fixture.count("receipts WHERE kind = 1 AND sequence < 0") == 1)
        let receipts = try await fixture.store.receipts(of: [MessageID(1)])
        #expect(receipts == [MessageID(1): [.received: Ordinals(0..<UInt32(many)), .sent: Ordinals([7])]])
    }

    @Test func `of an unknown message, and empty ones, leave nothing behind`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        try await fixture.keep(fixture.receipt(2, .received, 1), fixture.receipt(1, .received))
        #expect(try await fixture.count("receipts") == 0)
        #expect(try await fixture.store.receipts(of: [MessageID(1), MessageID(2)]).isEmpty)
    }
}

@Suite struct `A cid` {
    private func record(_ message: Int64, lives seconds: Int = 100) throws -> CIDRecord {
        CIDRecord(
            cid: try Sample.cid("a-b_c"), answer: PushAnswer(messageID: MessageID(message), sendno: -7),
            expiresAt: Fixture.now.adding(seconds: seconds))
    }

    @Test func `keeps its answer until it expires, within its app`() async throws {
        let fixture = try await Fixture()
        let record = try self.record(1)
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        try await fixture.keep(.message(fixture.message(1), cid: record))
        let almost = Fixture.now.adding(seconds: 99)
        #expect(try await fixture.store.answer(to: record.cid, in: fixture.app, at: almost) == record.answer)
        #expect(try await fixture.store.answer(to: record.cid, in: fixture.app, at: record.expiresAt) == nil)
        #expect(try await fixture.store.answer(to: record.cid, in: other, at: almost) == nil)
    }

    @Test func `that is kept refuses a second message, which leaves nothing`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: try self.record(1)))
        let second = Write.message(fixture.message(2, overrides: 1), cid: try self.record(2))
        #expect(await fixture.store.commit([second]) == [.failed(.conflict)])
        #expect(try await fixture.stored(2) == nil)
        #expect(try await fixture.inbox(1) == [1])
    }

    @Test func `that has expired may be used again`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: try self.record(1, lives: 5)))
        let later = Fixture.now.adding(seconds: 5)
        try await fixture.keep(.message(fixture.message(2, at: later), cid: try self.record(2)))
        let answer = try await fixture.store.answer(to: try Sample.cid("a-b_c"), in: fixture.app, at: later)
        #expect(answer?.messageID == MessageID(2))
    }

    @Test func `is kept only with its message`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        let twin = Write.message(fixture.message(1), cid: try self.record(1))
        #expect(await fixture.store.commit([twin]) == [.failed(.conflict)])
        #expect(try await fixture.store.answer(to: try Sample.cid("a-b_c"), in: fixture.app, at: Fixture.now) == nil)
    }
}
