import Glibc
import Testing

@testable import ApusHTTP

@Suite(.timeLimit(.minutes(1))) struct `A batch of sends` {
    /// Where the kernel offers no io_uring there is one way to send, and nothing to tell apart.
    static let ways = SocketBatch().usesRing ? [true, false] : [false]

    @Test(arguments: Self.ways) func `reaches every socket, again and again`(_ usesRing: Bool) throws {
        let batch = SocketBatch(usesRing: usesRing)
        #expect(batch.usesRing == usesRing)
        let pairs = try (0..<SocketBatch.countMax).map { _ in try SocketPair() }
        // One alone goes another way than several.
        for (round, count) in [SocketBatch.countMax, 1, 2, 0, SocketBatch.countMax].enumerated() {
            let texts = (0..<count).map { Array("round \(round), device \($0)".utf8) }
            withSends(texts) { sends in
                for (pair, bytes) in zip(pairs, sends) {
                    #expect(!batch.isFull)
                    batch.add(bytes, to: pair.socket)
                }
                #expect(batch.isFull == (count == SocketBatch.countMax))
                batch.send { index, takenCount in Issue.record("\(index) took \(takenCount)") }
            }
            #expect(!batch.isFull)
            #expect(zip(pairs, texts).allSatisfy { $0.received() == $1 })
            #expect(pairs.allSatisfy { $0.received().isEmpty })
        }
        #expect(batch.usesRing == usesRing)
    }

    @Test(arguments: Self.ways) func `says of each socket what it did not take, and reaches the others`(
        _ usesRing: Bool
    ) throws {
        let batch = SocketBatch(usesRing: usesRing)
        let pairs = try (0..<5).map { _ in try SocketPair(sendBufferBytes: 4096) }
        pairs[1].leave()
        let large = [UInt8](repeating: 0x61, count: 1 << 20)
        var fellShort: [Int: Int] = [:]
        withSends([Array("a".utf8), Array("b".utf8), large, Array("d".utf8), Array("e".utf8)]) { sends in
            for (index, bytes) in sends.enumerated() {
                batch.add(bytes, to: index == 3 ? DirectSocket() : pairs[index].socket)
            }
            batch.send { index, takenCount in fellShort[index] = takenCount }
        }
        #expect(fellShort.keys.sorted() == [1, 2, 3])
        // One that has left takes nothing, nor does a way that is closed.
        #expect(fellShort[1] == 0 && fellShort[3] == 0)
        let received = pairs.map { $0.received() }
        #expect(received[0] == Array("a".utf8) && received[4] == Array("e".utf8))
        #expect(!received[2].isEmpty && received[2].count == fellShort[2])
        // What takes nothing any more is told of again.
        try withSends([large, large]) { sends in
            let full = try SocketPair(sendBufferBytes: 4096)
            _ = full.socket.send(sends[0])
            batch.add(sends[0], to: full.socket)
            batch.add(sends[1], to: pairs[1].socket)
            var told: [Int: Int] = [:]
            batch.send { index, takenCount in told[index] = takenCount }
            #expect(told == [0: 0, 1: 0])
        }
    }

    @Test(.enabled(if: ways.contains(true), "the kernel offers no io_uring"))
    func `goes one by one where the kernel refuses it, and the next one as before`() throws {
        let batch = SocketBatch()
        let descriptor = try #require(batch.ringDescriptor)
        // The kernel refuses whatever is asked of this descriptor from now on.
        let other = open("/dev/null", O_RDWR | O_CLOEXEC)
        #expect(dup2(other, descriptor) == descriptor)
        close(other)
        let pairs = try (0..<3).map { _ in try SocketPair() }
        for _ in 0..<2 {
            withSends(["a", "b", "c"].map { Array($0.utf8) }) { sends in
                for (pair, bytes) in zip(pairs, sends) { batch.add(bytes, to: pair.socket) }
                batch.send { index, takenCount in Issue.record("\(index) took \(takenCount)") }
            }
            #expect(pairs.map { String(decoding: $0.received(), as: UTF8.self) } == ["a", "b", "c"])
            // Another ring, in which nothing is left over.
            #expect(batch.usesRing && batch.ringDescriptor != descriptor)
        }
    }
}

/// A socket with its way past the channel, and its other end.
private final class SocketPair {
    private let near: Int32
    private let far: Int32

    var socket: DirectSocket { DirectSocket(descriptor: self.near) }

    /// - Parameter sendBufferBytes: what the kernel takes of what is sent; nil for the system's.
    init(sendBufferBytes: Int32? = nil) throws {
        var pair: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        (self.near, self.far) = (pair[0], pair[1])
        guard var bytes = sendBufferBytes else { return }
        setsockopt(self.near, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        close(self.near)
        close(self.far)
    }

    func leave() { shutdown(self.far, Int32(SHUT_RDWR)) }

    func received() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = recv(self.far, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return Array(bytes[..<max(0, count)])
    }
}

/// Several runs of bytes that stay where they are meanwhile.
private func withSends(_ texts: [[UInt8]], _ body: ([UnsafeRawBufferPointer]) throws -> Void) rethrows {
    try Array(texts.joined()).withUnsafeBytes { all in
        var start = 0
        let sends = texts.map { text in
            defer { start += text.count }
            return UnsafeRawBufferPointer(rebasing: all[start..<start + text.count])
        }
        try body(sends)
    }
}
