import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `A fair queue` {
    private typealias Queue = FairQueue<String, Int>

    private static let portion = Queue.Portion(countMax: 6, bytesMax: .max)

    /// Fills a lane as far as it may go.
    private static func flood(_ queue: inout Queue, _ lane: String, bytes: Int = 1) -> Int {
        var count = 0
        while queue.hasRoom(for: bytes, in: lane) {
            queue.append(count, bytes: bytes, to: lane)
            count += 1
        }
        return count
    }

    @Test func `keeps the order of each lane, and takes from the lanes in turn`() {
        var queue = Queue(.init(countMax: 100, bytesMax: 100))
        for number in 1...5 { queue.append(number, bytes: 1, to: "a") }
        queue.append(10, bytes: 1, to: "b")
        queue.append(20, bytes: 1, to: "c")
        queue.append(21, bytes: 1, to: "c")
        #expect(queue.take(Self.portion) == [1, 10, 20, 2, 21, 3])
        #expect(queue.count == 2 && queue.bytes == 2)
        #expect(queue.take(Self.portion) == [4, 5])
        #expect(queue.isEmpty && queue.take(Self.portion).isEmpty)
    }

    @Test func `goes on with the lane whose turn is next`() {
        var queue = Queue(.init(countMax: 100, bytesMax: 100))
        for lane in ["a", "b", "c"] { for number in 0..<3 { queue.append(number, bytes: 1, to: lane) } }
        let one = Queue.Portion(countMax: 1, bytesMax: .max)
        for expected in [0, 0, 0, 1, 1, 1, 2, 2, 2] { #expect(queue.take(one) == [expected]) }
    }

    @Test func `gives a lone lane half, and leaves room for others however many flood it`() {
        var queue = Queue(.init(countMax: 1000, bytesMax: .max))
        #expect(Self.flood(&queue, "first") == 500)
        #expect(Self.flood(&queue, "second") == 250)
        for lane in 0..<5 { #expect(Self.flood(&queue, "\(lane)") > 0) }
        #expect(queue.hasRoom(for: 1, in: "one more"))
        #expect(queue.count < 1000)
    }

    @Test func `bounds the bytes like the number`() {
        var queue = Queue(.init(countMax: .max, bytesMax: 1000))
        #expect(Self.flood(&queue, "large", bytes: 100) == 5)
        #expect(!queue.hasRoom(for: 501, in: "other"))
        #expect(queue.hasRoom(for: 500, in: "other"))
    }

    @Test func `ends a portion with the item that fills it`() {
        var queue = Queue(.init(countMax: 100, bytesMax: 1000))
        for number in 0..<4 { queue.append(number, bytes: 100, to: "a") }
        #expect(queue.take(.init(countMax: 10, bytesMax: 150)) == [0, 1])
        #expect(queue.bytes == 200)
    }

    @Test func `has room again for what was taken out, over and over`() {
        var queue = Queue(.init(countMax: 10, bytesMax: 10))
        var (next, expected) = (0, 0)
        for _ in 0..<1000 {
            while queue.hasRoom(for: 1, in: "a") {
                queue.append(next, bytes: 1, to: "a")
                next += 1
            }
            for number in queue.take(.init(countMax: 3, bytesMax: .max)) {
                #expect(number == expected)
                expected += 1
            }
        }
        #expect(next == expected + queue.count)
    }
}

@Suite struct `One app's flood` {
    @Test func `does not take the room of another, nor its turn`() async throws {
        let node = try await TestCore.open()
        let (loud, quiet) = (try await node.createApp("a"), try await node.createApp("b"))
        let now = node.clock.now
        let order = Recorder<AppID>()
        let committer = Committer(store: node.store, clocks: node.clock.clocks, last: MessageID(0)) { write, outcome in
            if case .active(_, let app, _) = write, outcome == .done { order.append(app) }
        }
        func note(_ app: App) -> Bool { committer.commitLater(.active(Ordinals([1]), of: app.id, at: now)) }
        node.store.plan(.hold)
        #expect(note(loud))
        await node.store.holding()
        var taken = 0
        while note(loud) { taken += 1 }
        #expect(taken == 16_384)
        #expect(note(quiet))
        node.store.release()
        await committer.drained()
        // It went with the first batch behind the one that was held.
        let place = try #require(order.all.firstIndex(of: quiet.id))
        #expect(place <= 1024)
        #expect(order.all.count == taken + 2)
    }

    @Test func `of large messages is bounded by their bytes`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        node.store.plan(.hold)
        node.core.committer.commitLater(.active(Ordinals(), of: app.id, at: node.clock.now))
        await node.store.holding()
        let payload = [UInt8](repeating: 0x20, count: 1 << 20)
        var taken = 0
        while taken < 1000 {
            let message = Message(
                id: MessageID(Int64(taken) + 1), app: app.id, acceptedAt: node.clock.now, timeToLiveSeconds: 60,
                spreadMinutes: 0, payload: payload, target: Ordinals(), targeted: PlatformCounts(),
                online: PlatformCounts(), isBroadcast: false, overrides: nil)
            guard node.core.committer.commitLater(.message(message, cid: nil)) else { break }
            taken += 1
        }
        #expect((20...40).contains(taken))
        node.store.release()
        await node.core.committer.drained()
    }
}
