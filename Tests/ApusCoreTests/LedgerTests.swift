import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `The ledger` {
    @Test(arguments: [false, true])
    func `has every device of every push in exactly one place`(_ isWide: Bool) async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let count = isWide ? Message.directMax + 6 : 6
        let devices = try await node.register(count, of: app)
        let acked = try await node.push(Sample.broadcast(), of: app)
        _ = try await node.ack([acked], by: devices[0])
        let withdrawn = try await node.push(Sample.broadcast(), of: app)
        _ = try await node.ack([withdrawn], by: devices[1])
        try await node.core.pushes.withdraw(withdrawn, of: app)
        let overridden = try await node.push(Sample.broadcast(), of: app)
        let over = try await node.push(Sample.broadcast(#""override_msg_id": \#(overridden.text)"#), of: app)
        let short = try await node.push(Sample.broadcast(#""time_to_live": 60"#), of: app)
        let fleeting = try await node.push(Sample.broadcast(#""time_to_live": 0"#), of: app)
        // Three wait for the device; the oldest of them is dropped.
        _ = try await node.open(devices[2], waitingMax: 2)
        node.clock.advance(milliseconds: 60_000)

        let lines = try await node.lines(of: app)
        #expect(lines.allSatisfy { $0.value.faults.isEmpty && $0.value.counts.targets == count })
        func places(_ id: MessageID) -> LedgerCounts? {
            lines[id].map { line in
                var counts = line.counts
                counts.targets = 0
                return counts
            }
        }
        #expect(places(acked) == LedgerCounts.of { ($0.delivered, $0.dropped, $0.waiting) = (1, 1, count - 2) })
        #expect(places(withdrawn) == LedgerCounts.of { ($0.delivered, $0.withdrawn) = (1, count - 1) })
        #expect(places(overridden) == LedgerCounts.of { $0.overridden = count })
        #expect(places(over) == LedgerCounts.of { $0.waiting = count })
        #expect(places(short) == LedgerCounts.of { $0.expired = count })
        #expect(places(fleeting) == LedgerCounts.of { $0.expired = count })
        #expect(try await node.restarted().lines(of: app).mapValues(\.counts) == lines.mapValues(\.counts))
    }

    /// One minute, 4 devices: due after 0, 15, 30 and 45 seconds, each for 10 seconds.
    @Test func `counts the shares of a timed-speed push one by one`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(4, of: app)
        let push = try Sample.broadcast(#""time_to_live": 10"#, #""big_push_duration": 1"#)
        let id = try await node.push(push, of: app)
        _ = try await node.ack([id], by: devices[1])
        for (milliseconds, expired) in [(0, 0), (9_999, 0), (10_000, 1), (25_000, 1), (40_000, 2), (60_000, 3)] {
            let at = Timestamp(milliseconds: node.clock.now.milliseconds + Int64(milliseconds))
            let line = try #require(try await node.lines(of: app, at: at)[id])
            #expect(line.faults.isEmpty)
            #expect(line.counts.expired == expired && line.counts.waiting == 3 - expired, "\(milliseconds) ms")
        }
    }

    /// The n-th commit fails, for every n there is: whoever was refused finds nothing kept, the others find all of it.
    @Test(arguments: [StoreError.full, .unavailable, .timeout])
    func `balances whichever commit fails`(_ fault: StoreError) async throws {
        var (number, isReached) = (0, true)
        while isReached {
            number += 1
            let node = try await TestCore.open()
            let app = try await node.createApp()
            let devices = try await node.register(Message.directMax + 2, of: app)
            let before = node.store.batchSizes.count
            node.store.plan(.fail(fault), atNext: number)
            let told = try await Self.scene(node, app, devices)
            isReached = node.store.batchSizes.count >= before + number
            let lines = try await node.lines(of: app)
            #expect(Set(lines.keys) == told.accepted, "commit \(number)")
            #expect(lines.values.flatMap(\.faults) == [], "commit \(number)")
            #expect(Set(lines.filter { $0.value.counts.delivered > 0 }.keys) == told.recorded, "commit \(number)")
            let again = try await node.restarted().lines(of: app)
            #expect(again.mapValues(\.counts) == lines.mapValues(\.counts), "commit \(number)")
        }
        #expect(number > 6)
    }

    private static func scene(
        _ node: TestCore, _ app: App, _ devices: [Device]
    ) async throws -> (accepted: Set<MessageID>, recorded: Set<MessageID>) {
        var (accepted, recorded): ([MessageID], Set<MessageID>) = ([], [])
        let pushes = [
            try Sample.to(devices[0]), try Sample.broadcast(), try Sample.to(devices[0], devices[1]),
        ]
        for push in pushes {
            if let id = try? await node.push(push, of: app) { accepted.append(id) }
            let overriding = accepted.last.map { [#""override_msg_id": \#($0.text)"#] } ?? []
            let again = try Sample(options: overriding, cid: "cid-\(accepted.count)").request()
            if let id = try? await node.push(again, of: app) { accepted.append(id) }
            if let last = accepted.last, let done = try? await node.ack([last], by: devices[0]) {
                recorded.formUnion(done)
            }
        }
        if let first = accepted.first { try? await node.core.pushes.withdraw(first, of: app) }
        return (Set(accepted), recorded)
    }
}

@Suite struct `A page of what waits` {
    @Test func `holds nothing that the book has not heard of, whatever another app's commits say`() async throws {
        let node = try await TestCore.open()
        let (mine, other) = (try await node.createApp("a"), try await node.createApp("b"))
        let device = try await node.register(1, of: mine)[0]
        let book = node.book(last: MessageID(0))
        func message(_ id: Int64, _ app: App) -> Message {
            var targeted = PlatformCounts()
            targeted[.android] = 1
            return Message(
                id: MessageID(id), app: app.id, acceptedAt: node.clock.now, timeToLiveSeconds: 60, spreadMinutes: 0,
                payload: Array(#"{"platform":"all","audience":"all","notification":{"alert":"hi"}}"#.utf8),
                target: Ordinals([0]), targeted: targeted, online: PlatformCounts(), isBroadcast: false, overrides: nil)
        }
        // One batch holds all three; so far the book has heard of the last, which is another app's.
        let (first, second, third) = (message(1, mine), message(2, mine), message(3, other))
        #expect(
            await node.store.commit([first, second, third].map { .message($0, cid: nil) }) == [.done, .done, .done])
        book.committed(third, nil)
        #expect(try await book.undelivered(for: device.keyed, after: MessageID(0), limit: 9).isEmpty)
        book.committed(first, nil)
        let page = try await book.undelivered(for: device.keyed, after: MessageID(0), limit: 9)
        #expect(page.map(\.deliverable.id) == [first.id])
    }
}

extension TestCore {
    /// The app's lines, as of now unless told otherwise.
    fileprivate func lines(of app: App, at now: Timestamp? = nil) async throws -> [MessageID: LedgerLine] {
        await self.core.committer.drained()
        let records = try await self.store.ledger(of: app.id, after: MessageID(0), limit: 1000)
        return Dictionary(
            uniqueKeysWithValues: records.map { ($0.message.id, LedgerLine($0, at: now ?? self.clock.now)) })
    }
}

extension LedgerCounts {
    fileprivate static func of(_ change: (inout LedgerCounts) -> Void) -> LedgerCounts {
        var counts = LedgerCounts()
        change(&counts)
        return counts
    }
}
