import ApusCore
import ApusHTTP
import ApusWire
import Glibc
import NIOCore
import Testing

@testable import ApusEdge

@Suite(.timeLimit(.minutes(1))) struct `The way past NIO` {
    @Test(arguments: [1, 3])
    func `leaves to the channel what the kernel does not take, in order`(_ sentTogether: Int) async throws {
        let stage = try await LoopStage.open(visits: sentTogether)
        // Of what goes together, too much for a buffer, the kernel takes a part, and what comes then not at all.
        var peers = [try await stage.connect(0, sendBufferBytes: 4096)]
        for ordinal in 1...2 as ClosedRange<Ordinal> { peers.append(try await stage.connect(ordinal)) }
        let (peer, numbers) = (peers[0], 10..<Int64(25))
        let isWaiting = try await stage.run { loop in
            for number in numbers {
                let alert = String(repeating: "y", count: 1900)
                loop.deliver(try stage.delivery(number, alert: alert), to: Ordinals([0, 1, 2]))
                if number % 5 == 4 { loop.finishWalks() }
            }
            guard case .webSocket(let handler) = loop.slots[peer.session]?.outlet else { return false }
            return !handler.isClear
        }
        #expect(isWaiting)
        for peer in peers {
            var received: [String] = []
            while received.count < numbers.count {
                received += try peer.received()
                await Task.yield()
            }
            #expect(received == numbers.map(String.init))
        }
        // The channel is empty again: the next push takes the short way, behind all others.
        try await stage.wait { loop in
            guard case .webSocket(let handler) = loop.slots[peer.session]?.outlet else { return true }
            return handler.isClear
        }
        let last = try await stage.run { loop in
            loop.deliver(try stage.delivery(100), to: Ordinals([0, 1, 2]))
            loop.finishWalks()
            return try peer.received()
        }
        #expect(last == ["100"])
    }

    @Test func `takes a crowd's frames in as many batches as they need, and skips who has left`() async throws {
        let count = 2 * SocketBatch.countMax + 3
        let stage = try await LoopStage.open(visits: count + 1)
        var peers: [Peer] = []
        for ordinal in 0..<Ordinal(count) { peers.append(try await stage.connect(ordinal)) }
        // Both in the first batch; neither has been noticed when it is sent.
        let leavers = [3, 17]
        let isDone = try await stage.run { [peers] loop in
            loop.deliver(try stage.delivery(10), to: Ordinals(0..<1000))
            for leaver in leavers { peers[leaver].leave() }
            loop.step()
            // A turn that writes to all of them.
            for connection in loop.slots.all { loop.write(.pong, to: connection) }
            return loop.walking.isEmpty
        }
        #expect(isDone)
        for (index, peer) in peers.enumerated() where !leavers.contains(index) {
            var words: [String] = []
            while words.count < 2 {
                words += try peer.received()
                await Task.yield()
            }
            #expect(words == ["10", "pong"])
        }
        #expect(try await stage.run { $0.slots.count } == count - leavers.count)
    }

    @Test func `is open to plain connections alone`() async throws {
        let stage = try await LoopStage.open()
        let peers = [try await stage.connect(0, isPlain: true), try await stage.connect(1, isPlain: false)]
        let (ways, received) = try await stage.run { loop in
            loop.deliver(try stage.delivery(10), to: Ordinals([0, 1]))
            loop.finishWalks()
            return (peers.map { loop.slots[$0.session]?.socket.isOpen }, try peers.map { try $0.received() })
        }
        #expect(ways == [true, false])
        #expect(received == [["10"], ["10"]])
    }

    @Test func `is closed before the number of its descriptor can be another connection's`() async throws {
        let stage = try await LoopStage.open()
        let peer = try await stage.connect(0)
        let took = try await stage.run { loop -> [Int] in
            guard let connection = loop.slots[peer.session] else { return [-1] }
            let frame = Array("x".utf8)
            let before = frame.withUnsafeBytes { connection.socket.send($0) }
            // The channel is closed within this call. Nothing else has run on the loop when it returns.
            connection.cut()
            return [before, frame.withUnsafeBytes { connection.socket.send($0) }]
        }
        #expect(took == [1, 0])
    }

    @Test func `is closed when the other end leaves, and when a write fails`() async throws {
        let stage = try await LoopStage.open()
        let (leaver, broken) = (try await stage.connect(0), try await stage.connect(1))
        let sockets = try await stage.run { loop in
            NIOLoopBound([leaver, broken].compactMap { loop.slots[$0.session] }, eventLoop: loop.eventLoop)
        }
        leaver.leave()
        try await stage.wait { $0.slots[leaver.session] == nil }
        #expect(try await stage.run { _ in sockets.value.map(\.socket.isOpen) } == [false, true])
        let isOpen = try await stage.run { loop in
            broken.leave()
            // The kernel refuses the bytes; the channel meets the same error, and closes.
            loop.deliver(try stage.delivery(10), to: Ordinals([0, 1]))
            loop.finishWalks()
            return sockets.value[1].socket.isOpen
        }
        #expect(!isOpen)
        #expect(try await stage.run { $0.slots.count } == 0)
    }
}
