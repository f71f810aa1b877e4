import ApusCore
import ApusSQLite
import Testing

@Suite struct `An inbox` {
    @Test func `holds direct messages in order, after a number, up to a limit`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            .message(fixture.message(30, to: [1]), cid: nil), .message(fixture.message(10, to: [1, 2]), cid: nil),
            .message(fixture.message(20, to: [2]), cid: nil), .message(fixture.message(40, to: [1]), cid: nil))
        #expect(try await fixture.inbox(1) == [10, 30, 40])
        #expect(try await fixture.inbox(2) == [10, 20])
        #expect(try await fixture.inbox(1, after: 10) == [30, 40])
        #expect(try await fixture.inbox(1, after: 9, limit: 1) == [10])
        #expect(try await fixture.inbox(3).isEmpty)
        #expect(
            try await fixture.store.waiting(of: 1, in: fixture.app, at: Fixture.now).map(\.number) == [10, 30, 40])
        let whole = try await fixture.store.inbox(
            of: 2, in: fixture.app, after: MessageID(10), at: Fixture.now, limit: 1)
        #expect(whole == [fixture.message(20, to: [2])])
    }

    @Test func `is an app's own`() async throws {
        let fixture = try await Fixture()
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        try await fixture.keep(.message(fixture.message(1, to: [1]), cid: nil))
        let foreign = try await fixture.store.inbox(of: 1, in: other, after: MessageID(0), at: Fixture.now, limit: 9)
        #expect(foreign.isEmpty)
    }

    @Test(arguments: [Receipt.Kind.received, .dropped])
    func `loses what was received or dropped, for that device alone`(_ kind: Receipt.Kind) async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil), .message(fixture.message(2), cid: nil))
        try await fixture.keep(fixture.receipt(1, kind, 2, 99))
        #expect(try await fixture.inbox(2) == [2])
        #expect(try await fixture.inbox(1) == [1, 2])
    }

    @Test(arguments: [Receipt.Kind.sent, .displayed, .clickedNotification, .clickedMessage])
    func `keeps what was only sent, shown or clicked`(_ kind: Receipt.Kind) async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1), cid: nil), fixture.receipt(1, kind, 2))
        #expect(try await fixture.inbox(2) == [1])
    }

    @Test func `holds nothing from the moment of its expiry on`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(1, lives: 60), cid: nil))
        let expiry = Fixture.now.adding(seconds: 60)
        #expect(try await fixture.inbox(1, at: Timestamp(milliseconds: expiry.milliseconds - 1)) == [1])
        #expect(try await fixture.inbox(1, at: expiry).isEmpty)
        #expect(try await fixture.store.waiting(of: 1, in: fixture.app, at: expiry).isEmpty)
    }

    @Test func `holds neither wide nor spread messages, nor those for online devices only`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        try await fixture.keep(
            .message(fixture.message(1, wide: true), cid: nil), .message(fixture.message(2, spread: 5), cid: nil),
            .message(fixture.message(3, lives: 0), cid: nil))
        try await fixture.settle()
        #expect(try await fixture.inbox(1).isEmpty)
        #expect(try await fixture.count("inbox") == 0)
    }

    @Test func `loses a withdrawn message, also when that is repeated`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        try await fixture.keep(.message(fixture.message(1), cid: nil), .message(fixture.message(2), cid: nil))
        try await fixture.keep(
            .withdraw(MessageID(1), of: fixture.app, at: Fixture.now),
            .withdraw(MessageID(1), of: fixture.app, at: Fixture.now),
            .withdraw(MessageID(77), of: fixture.app, at: Fixture.now))
        #expect(try await fixture.inbox(1) == [2])
        #expect(try await fixture.stored(1)?.state == .withdrawn)
        #expect(try await fixture.count("inbox") == 3)
    }

    @Test func `loses an overridden message and gets the new one`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            .message(fixture.message(1), cid: nil), .message(fixture.message(2, to: [3, 4], overrides: 1), cid: nil))
        #expect(try await fixture.inbox(3) == [2])
        #expect(try await fixture.inbox(1).isEmpty)
        #expect(try await fixture.stored(1)?.state == .overridden)
        #expect(try await fixture.stored(2)?.state == .live)
    }

    @Test func `is not touched by an override from another app, and the first end of a message stays`() async throws {
        let fixture = try await Fixture()
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        try await fixture.keep(.message(fixture.message(1), cid: nil), .message(fixture.message(2), cid: nil))
        let foreign = Message(
            id: MessageID(3), app: other, acceptedAt: Fixture.now, timeToLiveSeconds: 9, spreadMinutes: 0, payload: [],
            target: Ordinals(), targeted: PlatformCounts(), online: PlatformCounts(), isBroadcast: false,
            overrides: MessageID(1))
        try await fixture.keep(.message(foreign, cid: nil))
        #expect(try await fixture.inbox(1) == [1, 2])
        try await fixture.keep(
            .withdraw(MessageID(2), of: fixture.app, at: Fixture.now),
            .message(fixture.message(4, overrides: 2), cid: nil))
        #expect(try await fixture.stored(2)?.state == .withdrawn)
    }
}

@Suite struct `Messages that wait by their own bitmap` {
    @Test func `are the wide and the spread ones, oldest first`() async throws {
        let fixture = try await Fixture()
        let messages = [
            fixture.message(5, wide: true), fixture.message(4), fixture.message(3, spread: 1),
            fixture.message(2, lives: 0, spread: 1), fixture.message(1, lives: 0, wide: true),
        ]
        try await fixture.keep(messages[0...2].map { .message($0, cid: nil) })
        try await fixture.keep(messages[3...].map { .message($0, cid: nil) })
        #expect(
            try await fixture.store.waitingMessages(of: fixture.app, at: Fixture.now)
                == [messages[3], messages[2], messages[0]].map(\.withoutPayload))
    }

    @Test func `end by expiry after the spread, by withdrawal and by override`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            .message(fixture.message(1, lives: 10, spread: 1), cid: nil),
            .message(fixture.message(2, wide: true), cid: nil),
            .message(fixture.message(3, wide: true), cid: nil))
        func waiting(_ seconds: Int) async throws -> [Int64] {
            let now = Fixture.now.adding(seconds: seconds)
            return try await fixture.store.waitingMessages(of: fixture.app, at: now).map(\.id.number)
        }
        #expect(try await waiting(0) == [1, 2, 3])
        #expect(try await waiting(69) == [1])
        #expect(try await waiting(70).isEmpty)
        try await fixture.keep(
            .withdraw(MessageID(2), of: fixture.app, at: Fixture.now),
            .message(fixture.message(4, to: [], overrides: 3), cid: nil))
        #expect(try await waiting(0) == [1])
    }
}
