import ApusCore
import ApusTesting
import ApusWire
import NIOCore
import Testing

@testable import ApusEdge

@Suite(.timeLimit(.minutes(1))) struct `A walk over a crowd` {
    private static let everybody = Ordinals(0..<1000 as Range<Ordinal>)

    private static func three(_ stage: LoopStage) async throws -> [Peer] {
        var peers: [Peer] = []
        for ordinal in 0..<3 as Range<Ordinal> { peers.append(try await stage.connect(ordinal)) }
        return peers
    }

    @Test func `brings every device every push once and in order`() async throws {
        let stage = try await LoopStage.open(visits: 2)
        let peers = try await Self.three(stage)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            for number in 10...12 as ClosedRange<Int64> { loop.deliver(try stage.delivery(number), to: everybody) }
            loop.step()
            loop.deliver(try stage.delivery(13), to: everybody)
            loop.finishWalks()
            return try peers.map { try $0.received() }
        }
        #expect(received == Array(repeating: ["10", "11", "12", "13"], count: 3))
    }

    @Test(arguments: [60, 0])
    func `is overtaken by a push to one device, behind what that device has not got`(_ timeToLive: Int) async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let (early, late) = try await stage.run { [everybody = Self.everybody] loop in
            let delivery = { try stage.delivery($0, timeToLive: timeToLive) }
            loop.deliver(try delivery(10), to: everybody)
            loop.step()
            loop.deliver(try delivery(11), to: everybody)
            // One device is behind the walk, one before it.
            loop.deliver(try delivery(12), to: Ordinals([0]))
            loop.deliver(try delivery(13), to: Ordinals([2]))
            for connection in loop.slots.all { connection.flush() }
            let early = try peers.map { try $0.received() }
            loop.finishWalks()
            return (early, try peers.map { try $0.received() })
        }
        #expect(early == [["10", "11", "12"], [], ["10", "11", "13"]])
        #expect(late == [[], ["10", "11"], []])
    }

    @Test func `leaves the loop to others between its steps`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        try await stage.run { [everybody = Self.everybody] loop in loop.deliver(try stage.delivery(10), to: everybody) }
        // Nobody steps but the loop itself.
        try await stage.wait { $0.walking.isEmpty }
        for peer in peers { #expect(try peer.received() == ["10"]) }
    }

    @Test func `takes turns with the walks of other apps`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let other = try await stage.connect(0, of: AppID(2))
        let received = try await stage.run { [everybody = Self.everybody] loop in
            loop.deliver(try stage.delivery(10), to: everybody)
            loop.deliver(try stage.delivery(11, of: AppID(2)), to: everybody)
            loop.step()
            loop.step()
            return try (peers + [other]).map { try $0.received() }
        }
        #expect(received == [["10"], [], [], ["11"]])
    }

    @Test func `brings a push to who comes on the way, and nothing to who has left`() async throws {
        let stage = try await LoopStage.open()
        var peers = try await Self.three(stage)
        peers.append(try await stage.attach())
        let (leaver, newcomer) = (peers[1], peers[3])
        let received = try await stage.run { [everybody = Self.everybody, peers] loop in
            loop.deliver(try stage.delivery(10, timeToLive: 0), to: everybody)
            loop.step()
            loop.slots[leaver.session]?.cut()
            if let connection = loop.slots[newcomer.session] {
                let device = EnteredDevice(
                    key: DeviceKey(app: LoopStage.app, ordinal: 7), platform: .ios, framesPerSecond: 1, waitingMax: 9)
                loop.enter(connection, as: device, greeting: .none)
            }
            loop.finishWalks()
            return try peers.map { try $0.received() }
        }
        // The newcomer's store is being read: what is rung for meanwhile comes behind it.
        #expect(received == [["10"], [], ["10"], []])
        try await stage.wait { $0.slots[newcomer.session]?.catchUp.isLive == true }
        try await stage.run { _ in }
        #expect(try newcomer.received() == ["10"])
    }

    @Test func `brings no push that is taken back on the way`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            loop.deliver(try stage.delivery(10), to: everybody)
            loop.step()
            loop.deliver(try stage.delivery(11), to: everybody)
            loop.withdraw(MessageID(10), of: LoopStage.app, from: everybody)
            loop.finishWalks()
            return try peers.map { try $0.received() }
        }
        #expect(received == [["10", "11", "-10"], ["11", "-10"], ["11", "-10"]])
    }

    @Test func `brings no push whose place another one takes on the way`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            loop.deliver(try stage.delivery(10), to: everybody)
            loop.step()
            loop.forget(MessageID(10), of: LoopStage.app, at: everybody)
            loop.deliver(try stage.delivery(11), to: everybody)
            loop.finishWalks()
            return try peers.map { try $0.received() }
        }
        #expect(received == [["10", "11"], ["11"], ["11"]])
    }

    @Test func `brings no push whose time to live ends on the way`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            loop.deliver(try stage.delivery(10, timeToLive: 60), to: everybody)
            loop.step()
            stage.core.clock.advance(seconds: 61)
            loop.finishWalks()
            return try peers.map { try $0.received() }
        }
        #expect(received == [["10"], [], []])
    }

    @Test func `writes nothing behind the farewell of a device that takes too little`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            for number in 10...11 as ClosedRange<Int64> {
                loop.withdraw(MessageID(number), of: LoopStage.app, from: everybody)
            }
            // The first frame is the last that it may be owed.
            let bytes = Transport.webSocket.encode(.withdraw(MessageID(10))).readableBytes
            let slow = try #require(loop.slots[peers[0].session])
            slow.canWrite = false
            slow.owedBytes = loop.settings.owedMaxBytes - loop.settings.inFlightMaxBytes - bytes
            loop.finishWalks()
            slow.flush()
            return try peers.map { try $0.received() }
        }
        #expect(received == [["bye"], ["-10", "-11"], ["-10", "-11"]])
    }

    @Test func `is overtaken with nothing whose time to live has ended`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            loop.deliver(try stage.delivery(10, timeToLive: 60), to: everybody)
            loop.step()
            loop.deliver(try stage.delivery(11, timeToLive: 60), to: everybody)
            stage.core.clock.advance(seconds: 61)
            loop.deliver(try stage.delivery(12, timeToLive: 3600), to: Ordinals([2]))
            loop.finishWalks()
            for connection in loop.slots.all { connection.flush() }
            return try peers.map { try $0.received() }
        }
        #expect(received == [["10"], [], ["12"]])
    }

    @Test func `stops when its app is deleted, and goes to its end when the node drains`() async throws {
        let stage = try await LoopStage.open()
        let deleted = try await Self.three(stage)
        let drained = [try await stage.connect(0, of: AppID(2)), try await stage.connect(1, of: AppID(2))]
        let received = try await stage.run { [everybody = Self.everybody] loop in
            loop.deliver(try stage.delivery(10), to: everybody)
            loop.deliver(try stage.delivery(11, of: AppID(2)), to: everybody)
            loop.step()
            loop.deleted(LoopStage.app)
            loop.endAll()
            for connection in loop.slots.all { connection.flush() }
            return try (deleted + drained).map { try $0.received() }
        }
        #expect(received == [["10", "bye"], ["bye"], ["bye"], ["11", "bye"], ["11", "bye"]])
        #expect(try await stage.run { $0.apps.isEmpty && $0.walking.isEmpty })
    }

    @Test func `that more pushes wait for than one can bring is ended on the spot`() async throws {
        let stage = try await LoopStage.open()
        let peers = try await Self.three(stage)
        let numbers = 10..<Int64(10 + 2 * Walk.pushesMax + 1)
        let received = try await stage.run { [everybody = Self.everybody] loop in
            for number in numbers { loop.deliver(try stage.delivery(number), to: everybody) }
            let early = try peers.map { try $0.received() }
            loop.finishWalks()
            return try zip(early, peers).map { $0 + (try $1.received()) }
        }
        #expect(received == Array(repeating: numbers.map(String.init), count: 3))
    }
}
