import ApusCore
import ApusTesting
import Foundation
import Testing

@testable import ApusSQLite

@Suite struct `The listing of inboxes` {
    @Test func `begins once enough was kept, and leaves out what was received by then`() async throws {
        let fixture = try await Fixture(freshMax: 3)
        try await fixture.keep(
            .message(fixture.message(1), cid: nil), .message(fixture.message(2, wide: true), cid: nil),
            fixture.receipt(1, .received, 2))
        try await fixture.settle()
        #expect(try await fixture.count("inbox") == 0)
        try await fixture.keep(.message(fixture.message(3, to: [2, 9]), cid: nil))
        for _ in 1...4 { try await fixture.settle() }
        #expect(try await fixture.count("inbox") == 4)
        #expect(try await fixture.inbox(1) == [1])
        #expect(try await fixture.inbox(2) == [3])
        try await fixture.keep(.message(fixture.message(4, to: [2]), cid: nil))
        try await fixture.settle()
        #expect(try await fixture.count("inbox") == 4)
        #expect(try await fixture.inbox(2) == [3, 4])
        #expect(try await fixture.inbox(2, limit: 1) == [3])
    }

    @Test func `does not list what ended meanwhile`() async throws {
        let fixture = try await Fixture(freshMax: 2)
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        try await fixture.keep(
            .withdraw(MessageID(1), of: fixture.app, at: Fixture.now),
            .message(fixture.message(2, to: [5]), cid: nil))
        for _ in 1...4 { try await fixture.settle() }
        #expect(try await fixture.count("inbox") == 1)
        #expect(try await fixture.inbox(5) == [2])
    }

    @Test func `has a number that comes late between apps in its rows at once`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        try await fixture.keep(.message(fixture.message(9), cid: nil))
        try await fixture.settle()
        try await fixture.keep(.message(fixture.message(5, to: [1]), cid: nil))
        #expect(try await fixture.inbox(1) == [5, 9])
        #expect(try await fixture.count("inbox") == 4)
        try await fixture.folder.afterCrash { store in
            let inbox = try await fixture.inbox(1, in: store)
            #expect(inbox == [5, 9])
        }
        try await fixture.keep(fixture.receipt(5, .received, 1))
        #expect(try await fixture.inbox(1) == [9])
    }

    @Test func `takes along what another store on the file has kept`() async throws {
        let fixture = try await Fixture(freshMax: 4)
        var options = SQLiteStore.Options()
        options.freshMax = 1000
        let other = try await SQLiteStore.open(folder: fixture.folder.path, options: options)
        #expect(await other.commit([.message(fixture.message(1), cid: nil)]) == [.done])
        for number in 2...6 as ClosedRange<Int64> {
            try await fixture.keep(.message(fixture.message(number, to: [Ordinal(number)]), cid: nil))
        }
        for _ in 1...8 { try await fixture.settle() }
        #expect(try await fixture.inbox(1) == [1])
        try await fixture.folder.afterCrash { store in
            let inbox = try await fixture.inbox(1, in: store)
            #expect(inbox == [1])
        }
        #expect(await other.commit([.message(fixture.message(7, to: [1]), cid: nil)]) == [.done])
        #expect(try await fixture.inbox(1, in: other) == [1, 7])
    }

    @Test func `is left to the one store that hears of every receipt`() async throws {
        let fixture = try await Fixture()
        for number in 1...3 as ClosedRange<Int64> {
            try await fixture.keep(.message(fixture.message(number), cid: nil))
        }
        var options = SQLiteStore.Options()
        (options.freshMax, options.lists) = (1, false)
        let other = try await SQLiteStore.open(folder: fixture.folder.path, options: options)
        try await fixture.keep(fixture.receipt(2, .received, 1))
        for _ in 1...4 {
            #expect(await other.commit([.seen(Ordinals([1]), of: fixture.app, at: Fixture.now)]) == [.done])
        }
        #expect(try await fixture.count("inbox") == 0)
        #expect(try await fixture.inbox(1) == [1, 3])
        await other.close()
    }

    @Test func `is no reason for a write to fail`() async throws {
        let fixture = try await Fixture(freshMax: 1)
        try await fixture.keep(.message(fixture.message(1), cid: nil))
        try await fixture.execute(
            """
            CREATE TRIGGER refuse BEFORE INSERT ON inbox WHEN NEW.ordinal = 2
            BEGIN SELECT RAISE(FAIL, 'refused by the test'); END
            """)
        try await fixture.keep(
            .message(fixture.message(2, to: [1]), cid: nil), .message(fixture.message(3, to: [1]), cid: nil))
        #expect(try await fixture.inbox(1) == [1, 2, 3])
        #expect(try await fixture.inbox(2) == [1])
        try await fixture.execute("DROP TRIGGER refuse")
        for _ in 1...9 { try await fixture.settle() }
        #expect(try await fixture.count("inbox") == 5)
    }

    /// What waits for whom, kept beside the store through random pushes, receipts, ends, sweeps, crashes and starts.
    @Test(arguments: [1, 5, 40, 1000], [1, 2] as [UInt64])
    func `changes nothing about what waits`(_ freshMax: Int, _ seed: UInt64) async throws {
        var world = try await WaitingWorld(freshMax: freshMax, seed: seed)
        for round in 1...40 {
            try await world.step()
            try await world.check(world.store, "round \(round)")
            if round % 6 == 0 {
                let folder = world.folder
                try await folder.afterCrash { store in try await world.check(store, "a crash in round \(round)") }
            }
            if round % 20 == 0 { try await world.restart() }
        }
    }
}

/// A store, and what ought to wait in it.
private struct WaitingWorld {
    private static let devices: Range<Ordinal> = 0..<12

    private struct Expected {
        let message: Message
        var waiting: Set<Ordinal>
    }

    let folder: TemporaryFolder
    private(set) var store: SQLiteStore
    private let options: SQLiteStore.Options
    private let apps: [AppID]
    private var random: SeededGenerator
    private var now = Fixture.now
    private var last: Int64 = 0
    private var expected: [Expected] = []
    /// Numbered, and to be kept after others with greater numbers.
    private var late: [Message] = []

    init(freshMax: Int, seed: UInt64) async throws {
        self.folder = try TemporaryFolder()
        var options = SQLiteStore.Options()
        options.freshMax = freshMax
        self.options = options
        self.store = try await SQLiteStore.open(folder: self.folder.path, options: options)
        self.apps = [
            try await self.store.createApp(try Sample.app("a")).id,
            try await self.store.createApp(try Sample.app("b")).id,
        ]
        self.random = SeededGenerator(seed: seed)
    }

    mutating func step() async throws {
        var writes: [Write] = []
        for _ in 0..<Int.random(in: 1...6, using: &self.random) { writes.append(self.write()) }
        let outcomes = await self.store.commit(writes)
        #expect(outcomes.allSatisfy { $0 == .done }, "\(outcomes)")
        self.now = self.now.adding(seconds: Int.random(in: 0...5, using: &self.random))
        if Int.random(in: 0..<8, using: &self.random) == 0 {
            _ = try await self.store.sweep(at: self.now, retentionSeconds: 1_000_000)
        }
    }

    func check(_ store: SQLiteStore, _ place: String) async throws {
        for app in self.apps {
            for device in Self.devices {
                let waiting = self.expected.filter {
                    $0.message.app == app && $0.waiting.contains(device) && $0.message.expiresAt > self.now
                }.map(\.message.id).sorted()
                let inbox = try await store.inbox(
                    of: device, in: app, after: MessageID(0), at: self.now, limit: 1000)
                #expect(inbox.map(\.id) == waiting, "device \(device) of \(app), \(place)")
                #expect(try await store.waiting(of: device, in: app, at: self.now) == waiting, "\(place)")
                let second = try await store.inbox(
                    of: device, in: app, after: waiting.first ?? MessageID(0), at: self.now, limit: 1)
                #expect(second.map(\.id) == Array(waiting.dropFirst().prefix(1)), "\(place)")
            }
            let faults = try await store.ledger(of: app, after: MessageID(0), limit: 10_000).flatMap {
                LedgerLine($0, at: self.now).faults
            }
            #expect(faults.isEmpty, "\(faults), \(place)")
        }
    }

    mutating func restart() async throws {
        await self.store.close()
        self.store = try await SQLiteStore.open(folder: self.folder.path, options: self.options)
    }

    private mutating func write() -> Write {
        switch Int.random(in: 0..<10, using: &self.random) {
        case 0..<4: return self.keep(self.message(of: self.apps[0]))
        case 4:
            self.late.append(self.message(of: self.apps[1]))
            return self.keep(self.message(of: self.apps[0]))
        case 5 where !self.late.isEmpty: return self.keep(self.late.removeFirst())
        case 6:
            guard let index = self.expected.indices.randomElement(using: &self.random) else { break }
            let message = self.expected[index].message
            self.expected[index].waiting = []
            return .withdraw(message.id, of: message.app, at: self.now)
        default: break
        }
        guard let index = self.expected.indices.randomElement(using: &self.random) else {
            return self.keep(self.message(of: self.apps[0]))
        }
        let message = self.expected[index].message
        let kind = [Receipt.Kind.received, .dropped, .sent].randomElement(using: &self.random) ?? .sent
        let some = message.target.members.filter { _ in Bool.random(using: &self.random) }
        if kind != .sent { self.expected[index].waiting.subtract(some) }
        return .receipts([Receipt(message: message.id, kind: kind, ordinals: Ordinals(some))], at: self.now)
    }

    private mutating func keep(_ message: Message) -> Write {
        if let older = message.overrides, let index = self.expected.firstIndex(where: { $0.message.id == older }) {
            self.expected[index].waiting = []
        }
        let waits = message.waiting == .inbox
        self.expected.append(Expected(message: message, waiting: waits ? Set(message.target.members) : []))
        return .message(message, cid: nil)
    }

    private mutating func message(of app: AppID) -> Message {
        self.last += 1
        let older = self.expected.filter { $0.message.app == app }.map(\.message.id)
        let size = Int.random(in: 1...4, using: &self.random)
        let target = Ordinals(Self.devices.shuffled(using: &self.random).prefix(size))
        let replaces = Int.random(in: 0..<6, using: &self.random) == 0
        let isSpread = Int.random(in: 0..<8, using: &self.random) == 0
        var targeted = PlatformCounts()
        targeted[.android] = size
        return Message(
            id: MessageID(self.last), app: app, acceptedAt: self.now,
            timeToLiveSeconds: [0, 20, 1000, 1000].randomElement(using: &self.random) ?? 0,
            spreadMinutes: isSpread ? 5 : 0, payload: [], target: target, targeted: targeted, online: PlatformCounts(),
            isBroadcast: false,
            overrides: replaces ? older.randomElement(using: &self.random) : nil)
    }
}

extension Fixture {
    fileprivate func inbox(_ ordinal: Ordinal, in store: SQLiteStore) async throws -> [Int64] {
        try await store.inbox(of: ordinal, in: self.app, after: MessageID(0), at: Self.now, limit: 100)
            .map(\.id.number)
    }
}

extension TemporaryFolder {
    /// Opens a copy of the store's files as they are, without the shared memory, which a crash of the machine takes
    /// along.
    fileprivate func afterCrash(_ body: (SQLiteStore) async throws -> Void) async throws {
        let copy = try TemporaryFolder()
        defer { withExtendedLifetime(copy) {} }
        for name in ["apus.db", "apus.db-wal"] where FileManager.default.fileExists(atPath: self.path(of: name)) {
            try FileManager.default.copyItem(atPath: self.path(of: name), toPath: copy.path(of: name))
        }
        let store = try await SQLiteStore.open(folder: copy.path)
        try await body(store)
        await store.close()
    }
}
