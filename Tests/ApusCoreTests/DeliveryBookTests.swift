import ApusCore
import ApusTesting
import Testing

@Suite struct `The delivery book` {
    /// Narrow and wide pushes, acks, withdrawals, overrides and expiry at random, against a list.
    @Test(arguments: [31, 32, 33] as [UInt64])
    func `gives each device what it has not received, in order, page by page`(_ seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(Message.directMax + 6, of: app)
        var oracle = WaitingOracle()
        for _ in 0..<60 {
            try await oracle.step(in: node, app, devices, &random)
        }
        for restart in [false, true] {
            let node = restart ? try await node.restarted() : node
            for device in devices.prefix(12) {
                let expected = oracle.waiting(for: device.ordinal, at: node.clock.now)
                #expect(try await node.inbox(of: device) == expected, "seed \(seed), device \(device.ordinal)")
                let pageMax = Int.random(in: 1...5, using: &random)
                #expect(try await Self.paged(device, by: pageMax, in: node) == expected, "seed \(seed)")
            }
        }
    }

    /// Reads as a session does: after the last one of the page before, until a page is short.
    private static func paged(_ device: Device, by limit: Int, in node: TestCore) async throws -> [MessageID] {
        var read: [MessageID] = []
        while true {
            let page = try await node.inbox(of: device, after: read.last ?? MessageID(0), limit: limit)
            #expect(page.count <= limit)
            read += page
            guard page.count == limit else { return read }
        }
    }

    @Test func `drops the oldest beyond what may wait, durably and counted`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(Message.directMax + 1, of: app)
        var ids: [MessageID] = []
        for number in 0..<9 {
            let push = number.isMultiple(of: 2) ? try Sample.to(devices[0]) : try Sample.broadcast()
            ids.append(try await node.push(push, of: app))
        }
        #expect(try await Self.open(devices[0], waitingMax: 9, in: node) == 9)
        #expect(try await node.inbox(of: devices[0]) == ids)
        #expect(try await Self.open(devices[0], waitingMax: 4, in: node) == 4)
        #expect(try await node.inbox(of: devices[0]) == Array(ids.suffix(4)))
        // Only this device lost them, and a restart does not bring them back.
        #expect(try await node.inbox(of: devices[1]) == [ids[1], ids[3], ids[5], ids[7]])
        let again = try await node.restarted()
        #expect(try await again.inbox(of: devices[0]) == Array(ids.suffix(4)))
        let receipts = try await again.store.receipts(of: ids)
        for id in ids.prefix(5) { #expect(receipts[id]?[.dropped]?.members == [0]) }
        for id in ids.suffix(4) { #expect(receipts[id] == nil) }
        // A dropped one was not received.
        #expect(try await again.report(on: ids[0], of: app)?.received.sum == 0)
    }

    @Test func `does not page beyond what was committed before it was asked`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let first = try await node.push(Sample.to(device), of: app)
        // Another one's commit has reached the store and not yet the book: its nudge is still to come.
        let book = node.book(last: first)
        _ = try await node.push(Sample.to(device), of: app)
        let page = try await book.undelivered(for: device.keyed, after: MessageID(0), limit: 10)
        #expect(page.map(\.deliverable.id) == [first])
    }

    /// More pushes than are remembered decoded can be committed between a withdrawal's look-up and its commit.
    @Test func `ends the waiting for a wide push that it no longer remembers decoded`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(Message.directMax + 1, of: app)
        let id = try await node.push(Sample.broadcast(), of: app)
        let doorbell = Doorbell(on: node.core.bus)
        let push = try Sample.to(devices[1])
        for number in 1...9000 as ClosedRange<Int64> {
            let message = Message(
                id: MessageID(id.number + number), app: app.id, acceptedAt: node.clock.now, timeToLiveSeconds: 60,
                spreadMinutes: 0, payload: push.kept, target: Ordinals([1]), targeted: PlatformCounts(),
                online: PlatformCounts(), isBroadcast: false, overrides: nil)
            node.core.book.committed(message, push)
        }
        try await node.keep([.withdraw(id, of: app.id, at: node.clock.now)])
        #expect(try await node.inbox(of: devices[0]).isEmpty)
        #expect(doorbell.withdrawals.map(\.message) == [id])
    }

    @Test func `forgets a deleted app, and tells its sessions`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp("a"), try await node.createApp("b"))
        var devices: [Device] = []
        for app in [app, other] {
            devices += try await node.register(Message.directMax + 1, of: app)
            _ = try await node.push(Sample.broadcast(), of: app)
        }
        let deleted = Recorder<AppID>()
        node.core.bus.subscribe { nudge in
            if case .deleted(let app) = nudge { deleted.append(app) }
        }
        #expect(try await node.store.deleteApp(app.id))
        try await node.core.reloadApps()
        #expect(deleted.all == [app.id])
        #expect(node.core.directory.app(app.key) == nil)
        #expect(try await node.inbox(of: devices[0]).isEmpty)
        let foreign = try #require(devices.last)
        #expect(try await node.inbox(of: foreign).count == 1)
        await #expect(throws: Refusal.self) { try await node.push(Sample.broadcast(), of: app) }
    }
}

/// What waits for whom, as a plain list.
private struct WaitingOracle {
    private struct Entry {
        let id: MessageID
        let target: Set<Ordinal>
        let expiresAt: Timestamp
        var received: Set<Ordinal> = []
        var isEnded = false
    }

    private var entries: [Entry] = []

    func waiting(for ordinal: Ordinal, at now: Timestamp) -> [MessageID] {
        self.entries.filter {
            !$0.isEnded && $0.target.contains(ordinal) && !$0.received.contains(ordinal) && now < $0.expiresAt
        }.map(\.id)
    }

    /// One thing that happens, in the node and in the list alike.
    mutating func step(in node: TestCore, _ app: App, _ devices: [Device], _ random: inout SplitMix64) async throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: node.clock.advance(milliseconds: Int64.random(in: 1...20_000, using: &random))
        case 1: node.core.book.tick()
        case 2:
            guard let place = self.entries.indices.randomElement(using: &random) else { return }
            try await node.core.pushes.withdraw(self.entries[place].id, of: app)
            self.entries[place].isEnded = true
        case 3, 4:
            guard let place = self.entries.indices.randomElement(using: &random) else { return }
            let acking = random.some(of: self.entries[place].target.sorted(), most: 20)
            for ordinal in acking {
                let accepted = try await node.ack([self.entries[place].id], by: devices[Int(ordinal)])
                #expect(accepted == [self.entries[place].id])
            }
            self.entries[place].received.formUnion(acking)
        default: try await self.push(in: node, app, devices, &random)
        }
    }

    private mutating func push(
        in node: TestCore, _ app: App, _ devices: [Device], _ random: inout SplitMix64
    ) async throws {
        let isWide = random.chance(oneIn: 2)
        let audience = isWide ? devices : Array(devices.prefix(12).shuffled(using: &random).prefix(4))
        let names = audience.map { "\"\($0.registrationID.text)\"" }.joined(separator: ", ")
        let lifeSeconds = random.chance(oneIn: 3) ? Int.random(in: 1...60, using: &random) : 3600
        var options = [#""time_to_live": \#(lifeSeconds)"#]
        var overridden: Int?
        if random.chance(oneIn: 5), let place = self.entries.indices.randomElement(using: &random) {
            options.append(#""override_msg_id": \#(self.entries[place].id.text)"#)
            overridden = place
        }
        let id = try await node.push(
            Sample(audience: #"{"registration_id": [\#(names)]}"#, options: options).request(), of: app)
        if let overridden { self.entries[overridden].isEnded = true }
        self.entries.append(
            Entry(
                id: id, target: Set(audience.map(\.ordinal)), expiresAt: node.clock.now.adding(seconds: lifeSeconds)))
    }
}

extension `The delivery book` {
    /// Opens a device's inbox as a login does.
    fileprivate static func open(_ device: Device, waitingMax: Int, in node: TestCore) async throws -> Int {
        try await node.open(device, waitingMax: waitingMax)
    }
}
