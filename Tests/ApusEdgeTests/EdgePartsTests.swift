import ApusContract
import ApusCore
import ApusWire
import NIOCore
import Testing

@testable import ApusEdge

@Suite struct `A heartbeat wheel` {
    private static func id(_ slot: UInt32) -> SessionID { SessionID(slot: slot, generation: 0) }

    @Test func `brings everybody round at their tick and nobody else`() {
        var wheel = HeartbeatWheel(ticksMax: 10)
        var due: [UInt32: [SessionID]] = [:]
        for slot in 0..<30 as Range<UInt32> {
            let tick = wheel.add(Self.id(slot), in: slot % 10 + 1)
            due[tick, default: []].append(Self.id(slot))
        }
        for tick in 1...25 as ClosedRange<UInt32> { #expect(wheel.advance() == due[tick] ?? []) }
        #expect(wheel.now == 25)
    }

    @Test(arguments: [(0, 1), (1, 1), (10, 10), (11, 10), (1000, 10)] as [(UInt32, UInt32)])
    func `keeps a wait within its bounds`(_ ticks: UInt32, _ expected: UInt32) {
        var wheel = HeartbeatWheel(ticksMax: 10)
        for _ in 0..<7 { #expect(wheel.advance() == []) }
        #expect(wheel.add(Self.id(1), in: ticks) == 7 + expected)
        for _ in 1..<expected { #expect(wheel.advance() == []) }
        #expect(wheel.advance() == [Self.id(1)])
    }
}

@Suite struct `What is asked in batches` {
    @Test func `goes out at once or with the next batch, in order and bounded`() {
        var batches = Batches<Int>()
        let most = Batches<Int>.countMax
        #expect((0..<(most + 9)).map { batches.add($0) } == [true] + Array(repeating: false, count: most + 8))
        let first = batches.next()
        #expect(first == Array(0..<most))
        let isAlone = batches.add(most + 9)
        let second = batches.next()
        #expect(!isAlone && second == Array(most...(most + 9)))
        // One is under way until it has been asked for the next.
        let third = batches.next()
        #expect(third.isEmpty)
        #expect([7, 8].map { batches.add($0) } == [true, false])
        let fourth = batches.next()
        #expect(fourth == [7, 8])
    }
}

@Suite struct `The frames of one walk` {
    private static func storage(_ buffer: ByteBuffer) -> UnsafeRawPointer? {
        buffer.withUnsafeReadableBytes(\.baseAddress)
    }

    @Test func `are joined in order behind the answer, and alike for all who get the same`() throws {
        let everybody = Ordinals(0..<100 as Range<Ordinal>)
        let pushes = try (17...19 as ClosedRange<Int64>).map {
            WidePush(EncodedPush(try Pushes().delivery($0)), to: everybody)
        }
        let frames = pushes.indices.map { index in
            pushes[index].push.buffer(for: .android, over: .webSocket).map { Array($0.readableBytesView) } ?? []
        }
        #expect(Set(frames).count == 3 && frames.allSatisfy { !$0.isEmpty })
        let answer = Transport.webSocket.encode(.acknowledged([MessageID(16)]))
        let joined = JoinedFrames()
        func next(_ chosen: UInt64, _ platform: Platform = .android, behind answer: ByteBuffer? = nil) -> ByteBuffer {
            joined.buffer(of: pushes, chosen, for: platform, over: .webSocket, behind: answer)
        }
        let all = next(0b111, behind: answer)
        #expect(Array(all.readableBytesView) == Array(answer.readableBytesView) + frames.joined())
        #expect(Self.storage(next(0b111, behind: answer)) == Self.storage(all))
        #expect(Array(next(0b111).readableBytesView) == Array(frames.joined()))
        #expect(Array(next(0b101).readableBytesView) == frames[0] + frames[2])
        #expect(Array(next(0b010).readableBytesView) == frames[1])
        #expect(Array(next(0b010, behind: answer).readableBytesView) == Array(answer.readableBytesView) + frames[1])
        // What was joined has not grown into the frame that others still get.
        #expect(Array(next(0b001).readableBytesView) == frames[0])
    }
}

@Suite struct `A round of visits` {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `comes to each member that stays once, whoever comes and goes`(_ seed: UInt64) {
        var numbers = SplitMix64(seed: seed)
        var order = VisitOrder<Int>()
        var ranks: [Int: Int] = [:]
        var (visits, members): ([Int: Int], Set<Int>) = ([:], [])
        for member in 0..<Int.random(in: 0...20, using: &numbers) {
            ranks[member] = order.append(member)
            members.insert(member)
        }
        var newcomer = 100
        order.restart()
        while true {
            switch Int.random(in: 0..<4, using: &numbers) {
            case 0 where newcomer < 110:
                ranks[newcomer] = order.append(newcomer)
                members.insert(newcomer)
                newcomer += 1
            case 1:
                guard let leaver = members.randomElement(using: &numbers), let rank = ranks[leaver] else { break }
                #expect(order.isVisited(rank) == (visits[leaver] != nil))
                order.remove(at: rank) { ranks[$0] = $1 }
                members.remove(leaver)
            default:
                guard let member = order.next() else {
                    #expect(members.allSatisfy { visits[$0] == 1 } && visits.values.allSatisfy { $0 == 1 })
                    #expect(Set(order.members) == members && order.members.count == members.count)
                    return
                }
                visits[member, default: 0] += 1
            }
            for member in members { #expect(ranks[member].map { order.members[$0] } == member) }
        }
    }
}

@Suite struct `An encoded frame` {
    @Test func `is one text message over WebSocket`() {
        let buffer = Transport.webSocket.encode(.pong, ref: .integer(3))
        let text = #"{"op":"pong","ref":3}"#
        #expect(Array(buffer.readableBytesView) == [0x81, UInt8(text.utf8.count)] + Array(text.utf8))
    }

    @Test func `is one event of an event stream`() {
        #expect(
            String(buffer: Transport.events.encode(.ready(pending: 2)))
                == "event: ready\ndata: {\"op\":\"ready\",\"pending\":2}\n\n")
        #expect(
            String(buffer: Transport.events.encode(.withdraw(MessageID(17))))
                == "event: withdraw\nid: 17\ndata: {\"op\":\"withdraw\",\"msg_id\":\"17\"}\n\n")
    }

    @Test func `of a push is made once per platform and transport`() throws {
        let delivery = try Pushes().delivery(17)
        let push = EncodedPush(delivery)
        let first = push.buffer(for: .android, over: .webSocket)
        let again = push.buffer(for: .android, over: .webSocket)
        let storage: (ByteBuffer?) -> UnsafeRawPointer? = { $0?.withUnsafeReadableBytes(\.baseAddress) }
        #expect(first != nil && storage(first) == storage(again))
        let event = push.buffer(for: .android, over: .events).map { String(buffer: $0) } ?? ""
        #expect(event.hasPrefix("event: push\nid: 17\ndata: {\"op\":\"push\",\"msg_id\":\"17\","))
        let ios = push.buffer(for: .ios, over: .webSocket)
        #expect(ios != nil)
    }
}

@Suite struct `A directory of sessions` {
    private static let device = DeviceKey(app: AppID(1), ordinal: 5)

    private static func place(_ loop: Int, _ slot: UInt32 = 0) -> SessionDirectory.Place {
        .init(loop: loop, session: SessionID(slot: slot, generation: 0))
    }

    @Test func `names the session that a newer one replaces`() {
        let directory = SessionDirectory(presence: Presence())
        #expect(directory.open(Self.device, at: Self.place(0)) == nil)
        #expect(directory.open(Self.device, at: Self.place(1)) == Self.place(0))
        #expect(directory.count == 1)
    }

    @Test func `keeps a device online until its newest session ends`() {
        let presence = Presence()
        let directory = SessionDirectory(presence: presence)
        _ = directory.open(Self.device, at: Self.place(0, 1))
        _ = directory.open(Self.device, at: Self.place(0, 2))
        directory.close(Self.device, at: Self.place(0, 1))
        #expect(presence.isOnline(Self.device))
        directory.close(Self.device, at: Self.place(0, 2))
        #expect(!presence.isOnline(Self.device))
        #expect(directory.count == 0)
    }

    @Test func `leaves presence true to the last word when sessions race`() async {
        let presence = Presence()
        let directory = SessionDirectory(presence: presence)
        await withTaskGroup(of: Void.self) { group in
            for loop in 0..<4 {
                group.addTask {
                    for slot in 0..<500 as Range<UInt32> {
                        _ = directory.open(Self.device, at: Self.place(loop, slot))
                        directory.close(Self.device, at: Self.place(loop, slot))
                    }
                }
            }
        }
        #expect(presence.isOnline(Self.device) == (directory.count == 1))
        _ = directory.open(Self.device, at: Self.place(9))
        #expect(presence.isOnline(Self.device))
        directory.close(Self.device, at: Self.place(9))
        #expect(!presence.isOnline(Self.device))
    }
}
