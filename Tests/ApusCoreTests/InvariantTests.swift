import ApusCore
import ApusTesting
import Testing

@Suite struct `A nudge` {
    @Test func `may be lost: a login finds everything, narrow and wide, in order`() async throws {
        // Nobody listens to this node's bus: every nudge is lost.
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(100, of: app)
        var expected: [MessageID] = []
        for number in 0..<10 {
            let push = number.isMultiple(of: 3) ? try Sample.broadcast() : try Sample.to(devices[0])
            expected.append(try await node.push(push, of: app))
        }
        #expect(try await node.inbox(of: devices[0]) == expected)
        #expect(try await node.restarted().inbox(of: devices[0]) == expected)
    }

    @Test func `comes after the commit, once per push, in order of the numbers`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await node.register(3, of: app)
        let doorbell = Doorbell(on: node.core.bus)
        let push = try Sample.broadcast()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 { group.addTask { _ = try await node.push(push, of: app) } }
            try await group.waitForAll()
        }
        let rung = doorbell.deliveries
        #expect(rung.count == 200)
        #expect(Set(rung.map(\.message)).count == 200)
        #expect(rung.map(\.message) == rung.map(\.message).sorted())
        #expect(rung.allSatisfy { $0.recipients == [0, 1, 2] })
    }
}

@Suite struct `A receipt` {
    /// Every kind of every device for every message, each told several times, shuffled and cut at random.
    @Test(arguments: [11, 12, 13] as [UInt64])
    func `may come twice and in any order`(_ seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(90, of: app) { _, _ in }
        let messages = [
            try await node.push(Sample.broadcast(), of: app),
            try await node.push(Sample.to(devices[0], devices[1], devices[2]), of: app),
        ]
        let told: [(Receipt.Kind, [Set<Ordinal>])] = [
            Receipt.Kind.received, .displayed, .clickedNotification, .clickedMessage,
        ]
        .map { kind in
            let targets: [[Ordinal]] = [devices.map(\.ordinal), [0, 1, 2]]
            return (kind, targets.map { Set(random.some(of: $0, most: $0.count)) })
        }
        var batch: [ReportBook.Acknowledgement] = []
        for (kind, sets) in told {
            for (message, ordinals) in zip(messages, sets) {
                for ordinal in ordinals {
                    let one = ReportBook.Acknowledgement(
                        device: DeviceKey(app: app.id, ordinal: ordinal), messages: [message, message], kind: kind)
                    batch += Array(repeating: one, count: Int.random(in: 1...3, using: &random))
                }
            }
        }
        batch.shuffle(using: &random)
        try await Self.record(batch, in: node, &random)
        for restart in [false, true] {
            let node = restart ? try await node.restarted() : node
            for (place, message) in messages.enumerated() {
                let report = try #require(try await node.report(on: message, of: app))
                #expect(report.received.sum == told[0].1[place].count, "seed \(seed)")
                #expect(report.displayed.sum == told[1].1[place].count, "seed \(seed)")
                #expect(report.clickedNotification.sum == told[2].1[place].count, "seed \(seed)")
                #expect(report.clickedMessage.sum == told[3].1[place].count, "seed \(seed)")
                #expect(report.sent == report.received)
            }
        }
    }

    private static func record(
        _ batch: [ReportBook.Acknowledgement], in node: TestCore, _ random: inout SplitMix64
    ) async throws {
        var left = batch[...]
        while !left.isEmpty {
            let part = Array(left.prefix(Int.random(in: 1...40, using: &random)))
            left = left.dropFirst(part.count)
            let results = await node.core.reports.record(part)
            #expect(try results.map { try $0.get() } == part.map(\.messages))
        }
    }
}

@Suite struct `A message` {
    @Test(arguments: [false, true])
    func `is delivered up to its time to live and never after`(_ isWide: Bool) async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(isWide ? Message.directMax + 1 : 1, of: app)[0]
        let id = try await node.push(Sample.broadcast(#""time_to_live": 60"#), of: app)
        node.clock.advance(milliseconds: 59_999)
        #expect(try await node.inbox(of: device) == [id])
        #expect(try await node.open(device, waitingMax: 10) == 1)
        node.clock.advance(milliseconds: 1)
        #expect(try await node.inbox(of: device).isEmpty)
        #expect(try await node.open(device, waitingMax: 10) == 0)
        // Not even when what waits is built anew.
        #expect(try await node.restarted().inbox(of: device).isEmpty)
    }

    @Test(arguments: [false, true])
    func `with a time to live of 0 waits for nobody`(_ isWide: Bool) async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(isWide ? Message.directMax + 1 : 1, of: app)[0]
        let doorbell = Doorbell(on: node.core.bus)
        let id = try await node.push(Sample.broadcast(#""time_to_live": 0"#), of: app)
        #expect(doorbell.deliveries.map(\.message) == [id])
        #expect(try await node.inbox(of: device).isEmpty)
        #expect(try await node.restarted().inbox(of: device).isEmpty)
    }

    /// One minute, 4 devices: due after 0, 15, 30 and 45 seconds, each for 10 seconds.
    @Test(arguments: [false, true])
    func `spread over time lives as long for each device from its own share on`(_ restarts: Bool) async throws {
        var node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(4, of: app)
        let start = node.clock.now
        let id = try await node.push(Sample.broadcast(#""time_to_live": 10"#, #""big_push_duration": 1"#), of: app)
        if restarts { node = try await node.restarted() }
        for (rank, device) in devices.enumerated() {
            let due = start.adding(seconds: rank * 15)
            node.clock.set(Timestamp(milliseconds: due.milliseconds - 1))
            #expect(try await node.inbox(of: device).isEmpty, "before its share, rank \(rank)")
            node.clock.set(due)
            let delivery = try #require(try await node.deliveries(to: device).first)
            #expect(delivery.deliverable.id == id && delivery.dueAt == due)
            node.clock.set(Timestamp(milliseconds: due.milliseconds + 9_999))
            #expect(try await node.inbox(of: device) == [id])
            node.clock.set(due.adding(seconds: 10))
            #expect(try await node.inbox(of: device).isEmpty, "after its time, rank \(rank)")
        }
    }
}
