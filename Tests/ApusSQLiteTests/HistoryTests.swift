import ApusCore
import Testing

@testable import ApusSQLite

@Suite struct `The history of a message` {
    private static func at(_ seconds: Int) -> Timestamp { Fixture.now.adding(seconds: seconds) }

    private static func told(_ kind: Receipt.Kind, _ ordinals: Ordinal..., at seconds: Int) -> Write {
        .receipts([Receipt(message: MessageID(1), kind: kind, ordinals: Ordinals(ordinals))], at: Self.at(seconds))
    }

    @Test func `has the exact moment of each receipt while they are few`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        try await fixture.keep(Self.told(.sent, 1, 2, at: 3), Self.told(.received, 2, at: 500))
        let history = try #require(try await fixture.store.history(of: MessageID(1)))
        #expect(history.message == fixture.message(1))
        #expect(history.endedAt == nil && history.endedBy == nil && history.fire == nil)
        #expect(
            history.receipts.sorted { $0.at < $1.at } == [
                DatedReceipt(kind: .sent, ordinals: Ordinals([1, 2]), after: Self.at(3), at: Self.at(3)),
                DatedReceipt(kind: .received, ordinals: Ordinals([2]), after: Self.at(500), at: Self.at(500)),
            ])
        #expect(try await fixture.store.history(of: MessageID(2)) == nil)
    }

    /// One device a receipt, over ten days, each of which must be found in a span that holds its moment.
    @Test(arguments: [1, 2] as [UInt64])
    func `keeps moments to an eighth of the age when receipts were folded`(_ seed: UInt64) async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1, wide: true), cid: nil))
        var generator = SeededGenerator(seed: seed)
        let seconds = (0..<400).map { _ in
            (1 << Int.random(in: 0...19, using: &generator)) + Int.random(in: 0...9, using: &generator)
        }.sorted()
        for (ordinal, second) in seconds.enumerated() {
            try await fixture.keep(Self.told(.received, Ordinal(ordinal), at: second))
        }
        let receipts = try #require(try await fixture.store.history(of: MessageID(1))).receipts
        for (ordinal, second) in seconds.enumerated() {
            let spans = receipts.filter { $0.ordinals.contains(Ordinal(ordinal)) }
            #expect(spans.count == 1)
            let span = try #require(spans.first)
            #expect(span.after <= Self.at(second) && Self.at(second) <= span.at, "second \(second)")
            #expect(span.at.milliseconds - span.after.milliseconds <= max(1, Int64(second) / 8) * 1000)
        }
        // Folded for the most part, and what a report counts has stayed the same.
        #expect(try await fixture.count("receipts WHERE sequence > 0") < Receipts.pileMax)
        let counted = try await fixture.store.receipts(of: [MessageID(1)])
        #expect(counted == [MessageID(1): [.received: Ordinals(0..<UInt32(seconds.count))]])
    }

    @Test func `says not before the push for what an earlier version folded`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1, wide: true), cid: nil), Self.told(.received, 1, at: 90))
        try await fixture.execute("UPDATE receipts SET sequence = 0")
        for ordinal in 2..<Ordinal(Receipts.pileMax + 5) {
            try await fixture.keep(Self.told(.received, ordinal, at: 100))
        }
        let receipts = try #require(try await fixture.store.history(of: MessageID(1))).receipts
        let old = try #require(receipts.first { $0.ordinals.contains(1) })
        #expect(old == DatedReceipt(kind: .received, ordinals: Ordinals([1]), after: Fixture.now, at: Self.at(90)))
        let all = receipts.reduce(into: Ordinals()) { $0.formUnion($1.ordinals) }
        #expect(all == Ordinals(1..<UInt32(Receipts.pileMax + 5)))
    }

    @Test func `says when a message ended and by what, and the first end stays`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil), .message(fixture.message(2), cid: nil))
        try await fixture.keep(
            .message(fixture.message(3, at: Self.at(5), overrides: 1), cid: nil),
            .withdraw(MessageID(2), of: fixture.app, at: Self.at(6)))
        try await fixture.keep(
            .withdraw(MessageID(1), of: fixture.app, at: Self.at(7)),
            .message(fixture.message(4, at: Self.at(8), overrides: 2), cid: nil))
        let overridden = try #require(try await fixture.store.history(of: MessageID(1)))
        #expect(overridden.message.state == .overridden)
        #expect(overridden.endedAt == Self.at(5) && overridden.endedBy == MessageID(3))
        let withdrawn = try #require(try await fixture.store.history(of: MessageID(2)))
        #expect(withdrawn.message.state == .withdrawn)
        #expect(withdrawn.endedAt == Self.at(6) && withdrawn.endedBy == nil)
    }

    @Test func `names the schedule that made it`() async throws {
        let fixture = try await Fixture()
        let id = try #require(ScheduleID("0eac1b80-c2ac-4b69-948b-c65b34b96510"))
        let schedule = Schedule(
            id: id, app: fixture.app, name: "s", isEnabled: true, trigger: [], push: [], createdAt: Fixture.now,
            nextAt: Self.at(60), lastAt: Self.at(60))
        try await fixture.keep(.createSchedule(schedule, liveMax: .max, cid: nil))
        let fire = ScheduleFire(dueAt: Self.at(60), recordedAt: Self.at(61), outcome: .pushed(MessageID(7)))
        let step = ScheduleStep(schedule: id, app: fixture.app, revision: 0, fires: [fire], nextAt: nil)
        try await fixture.keep(.fire(step, fixture.message(7)))
        let history = try #require(try await fixture.store.history(of: MessageID(7)))
        #expect(history.fire == MessageHistory.Fire(schedule: id, dueAt: Self.at(60)))
    }
}
