import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `The committer` {
    /// Writes of a lone app that may wait behind the batch that is being committed.
    private static let queueMax = 16_384

    @Test func `gives numbers in the order in which the store gets the messages`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let order = Recorder<MessageID>()
        let committer = Committer(store: node.store, clocks: node.clock.clocks, last: MessageID(0)) { write, outcome in
            if case .message(let message, _, _) = write, outcome == .done { order.append(message.id) }
        }
        let answered = Recorder<MessageID>()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<500 {
                group.addTask {
                    let number = Recorder<MessageID>()
                    let outcome = await committer.commit { id in
                        number.append(id)
                        return .message(Self.message(id, of: app, at: node.clock.now), cid: nil)
                    }
                    #expect(outcome == .done)
                    #expect(number.all.count == 1)
                    answered.append(number.all[0])
                }
            }
        }
        #expect(order.all.count == 500)
        #expect(order.all == order.all.sorted())
        #expect(Set(answered.all) == Set(order.all))
        #expect(try await node.store.lastMessageID() == order.all.last)
    }

    @Test func `lets everybody who waits share the next commit`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let before = node.store.batchSizes.count
        node.store.plan(.hold)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                #expect(await node.core.committer.commit(.active(Ordinals(), of: app.id, at: node.clock.now)) == .done)
            }
            await node.store.holding()
            for _ in 0..<2500 { node.core.committer.commitLater(.active(Ordinals(), of: app.id, at: node.clock.now)) }
            node.store.release()
        }
        await node.core.committer.drained()
        #expect(Array(node.store.batchSizes.dropFirst(before)) == [1, 1024, 1024, 452])
    }

    @Test func `refuses what finds the queue full, and works again when it has emptied`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let committer = node.core.committer
        let write = Write.active(Ordinals(), of: app.id, at: node.clock.now)
        node.store.plan(.hold)
        committer.commitLater(write)
        await node.store.holding()
        for _ in 0..<Self.queueMax { committer.commitLater(write) }
        // Were there room, the commit below would wait for ever.
        try #require(!committer.commitLater(write))
        #expect(await committer.commit(write) == .refused(Refusal(.overloaded)))
        let device = try #require(RegistrationID("1d"))
        await #expect(throws: Refusal(.overloaded)) {
            try await node.core.devices.register(.init(appKey: app.key, platform: .web, change: DeviceChange()))
        }
        #expect(node.core.index[app.id].ordinal(of: device) == nil)
        node.store.release()
        await committer.drained()
        #expect(await committer.commit(write) == .done)
    }

    @Test func `is drained only when everything queued has been committed`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let committer = node.core.committer
        let steps = Recorder<String>()
        node.store.plan(.hold, atNext: 1)
        node.store.plan(.hold, atNext: 2)
        let device = Device(
            app: app.id, ordinal: 0, registrationID: try Names.registrationID("1d"), secret: nil, platform: .web,
            registeredAt: node.clock.now)
        committer.commitLater(.active(Ordinals([1]), of: app.id, at: node.clock.now))
        await node.store.holding()
        committer.commitLater(.register(device))
        await withTaskGroup(of: Void.self) { group in
            // One asks while a write waits, the other one while the last is being committed.
            for _ in 0..<2 {
                await node.store.holding()
                let (asked, asking) = AsyncStream.makeStream(of: Void.self)
                group.addTask {
                    asking.finish()
                    await committer.drained()
                    steps.append("drained")
                }
                for await _ in asked {}
                // Time for whoever returns too early.
                for _ in 0..<100 { await Task.yield() }
                #expect(steps.all.isEmpty)
                node.store.release()
            }
        }
        #expect(try await node.store.device(0, of: app.id) == device)
        #expect(steps.all == ["drained", "drained"])
        // Idle: returns at once.
        await committer.drained()
    }

    @Test func `tells each of a batch its own outcome`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let committer = node.core.committer
        node.store.plan(.hold)
        committer.commitLater(.active(Ordinals([1]), of: app.id, at: node.clock.now))
        await node.store.holding()
        async let conflict = committer.commit(.register(device))
        async let unknown = committer.commit(.change(DeviceChange(), of: 77, in: app.id))
        async let fine = committer.commit(.seen(Ordinals([0]), of: app.id, at: node.clock.now))
        node.store.release()
        #expect(await conflict == .failed(.conflict))
        #expect(await unknown == .refused(Refusal(.deviceUnknown)))
        #expect(await fine == .done)
    }

    private static func message(_ id: MessageID, of app: App, at now: Timestamp) -> Message {
        Message(
            id: id, app: app.id, acceptedAt: now, timeToLiveSeconds: 60, spreadMinutes: 0, payload: Array("{}".utf8),
            target: Ordinals(), targeted: PlatformCounts(), online: PlatformCounts(), isBroadcast: false,
            overrides: nil)
    }
}

@Suite struct `A message number` {
    @Test func `grows when the clock goes back, and when a node starts anew with an earlier clock`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await node.register(1, of: app)
        let push = try Sample.broadcast()
        var numbers: [MessageID] = []
        for _ in 0..<3 { numbers.append(try await node.push(push, of: app)) }
        node.clock.set(node.clock.now.adding(seconds: -86_400))
        for _ in 0..<3 { numbers.append(try await node.push(push, of: app)) }
        let again = try await node.restarted()
        node.clock.set(Timestamp(milliseconds: 0))
        for _ in 0..<3 { numbers.append(try await again.push(push, of: app)) }
        node.clock.set(Timestamp(milliseconds: 1_715_000_000_000))
        numbers.append(try await again.push(push, of: app))
        #expect(numbers == numbers.sorted())
        #expect(Set(numbers).count == numbers.count)
    }

    @Test func `fits into a JSON number until 2089, and follows the clock`() {
        var numbers = MessageNumbers(after: MessageID(0))
        let first = numbers.next(at: Timestamp(milliseconds: 1_705_291_200_000))
        let later = numbers.next(at: Timestamp(milliseconds: 1_705_291_200_001))
        #expect(later.number - first.number == 4096)
        let last = numbers.next(at: Timestamp(milliseconds: 3_776_859_999_000))
        #expect(last.number < 1 << 53)
    }

    @Test func `is never given twice in one millisecond`() {
        var numbers = MessageNumbers(after: MessageID(0))
        let now = Timestamp(milliseconds: 1_705_291_200_000)
        let given = (0..<10_000).map { _ in numbers.next(at: now).number }
        #expect(zip(given, given.dropFirst()).allSatisfy { $0 < $1 })
        // It ran ahead of the clock, and goes on from there.
        let next = numbers.next(at: now.adding(seconds: 0)).number
        #expect(next == given[9_999] + 1)
    }
}
