private import CUring
private import Glibc

/// Sends to many sockets: with one system call for all of them where the kernel offers io_uring, with one for each
/// where it does not, because it is older than Linux 5.6, or because io_uring is forbidden to the process.
///
/// Owner: one event loop; used on its thread alone. A socket occurs once at most in a batch, and nothing else is
/// written to it, nor is it closed, before the batch is sent; other sockets may be.
package final class SocketBatch {
    /// Most sends of a batch. With more the system call is no cheaper, and who comes first waits for the others.
    package static let countMax = 32

    private var sends: ContiguousArray<(socket: DirectSocket, bytes: UnsafeRawBufferPointer)> = []
    /// How many bytes the kernel took of each.
    private var takenCounts = ContiguousArray(repeating: 0, count: SocketBatch.countMax)
    private var ring: SendRing?

    /// - Parameter usesRing: false for one system call per send, whatever the kernel offers.
    package init(usesRing: Bool = true) {
        self.ring = usesRing ? SendRing.open(countMax: Self.countMax) : nil
        self.sends.reserveCapacity(Self.countMax)
    }

    /// Whether the kernel takes a batch with one call.
    package var usesRing: Bool { self.ring != nil }
    /// For tests, which make it fail.
    var ringDescriptor: Int32? { self.ring?.descriptor }
    /// Whether it takes no more.
    package var isFull: Bool { self.sends.count == Self.countMax }

    /// Adds a send to a batch that is not full.
    ///
    /// - Parameter bytes: at least one; they must stay where they are until the batch is sent.
    package func add(_ bytes: UnsafeRawBufferPointer, to socket: DirectSocket) { self.sends.append((socket, bytes)) }

    /// Gives the kernel as much of each send as it takes at once, and begins another batch.
    ///
    /// - Parameter fellShort: called, once all was sent, for each send that was not taken whole, with its place in the
    ///   batch and how many bytes were taken. The rest must go through the channel, as after ``DirectSocket/send(_:)``.
    package func send(fellShort: (_ index: Int, _ takenCount: Int) -> Void) {
        var sentCount = 0
        if let ring, self.sends.count > 1 {
            for send in self.sends { ring.add(send.bytes, to: send.socket) }
            sentCount = ring.submit { self.takenCounts[$0] = max(0, Int($1)) }
            // What it has not taken on it would take on with the next batch, when those bytes are gone.
            if sentCount < self.sends.count { self.ring = .open(countMax: Self.countMax) }
        }
        for index in sentCount..<self.sends.count {
            self.takenCounts[index] = self.sends[index].socket.send(self.sends[index].bytes)
        }
        for index in self.sends.indices where self.takenCounts[index] < self.sends[index].bytes.count {
            fellShort(index, self.takenCounts[index])
        }
        self.sends.removeAll(keepingCapacity: true)
    }
}

/// An io_uring for nothing but sends, none of which is under way between two calls: the kernel tries each while it
/// takes it on, and what would have to wait comes back untaken (`MSG_DONTWAIT`).
private final class SendRing {
    private let ring: UnsafeMutablePointer<io_uring>
    /// So many were added since the last submission.
    private var count: UInt32 = 0

    var descriptor: Int32 { self.ring.pointee.ring_fd }

    private init(_ ring: UnsafeMutablePointer<io_uring>) { self.ring = ring }

    /// Nil where the kernel offers none, or none more, or one that cannot send.
    static func open(countMax: Int) -> SendRing? {
        let memory = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        memory.initialize(to: io_uring())
        guard io_uring_queue_init(UInt32(countMax), memory, 0) == 0 else {
            memory.deallocate()
            return nil
        }
        let ring = SendRing(memory)
        return ring.canSend() ? ring : nil
    }

    /// Tries a send to no socket. A ring that can send says that this is none; another one, that it knows no sends, or
    /// nothing at all.
    private func canSend() -> Bool {
        self.add(UnsafeRawBufferPointer(start: nil, count: 0), to: DirectSocket())
        var outcome: Int32 = 0
        return self.submit { outcome = $1 } == 1 && outcome == -EBADF
    }

    deinit {
        io_uring_queue_exit(self.ring)
        self.ring.deallocate()
    }

    func add(_ bytes: UnsafeRawBufferPointer, to socket: DirectSocket) {
        let entry = io_uring_get_sqe(self.ring)
        io_uring_prep_send(entry, socket.descriptor, bytes.baseAddress, bytes.count, DirectSocket.flags)
        io_uring_sqe_set_data64(entry, UInt64(self.count))
        self.count += 1
    }

    /// - Parameter done: called for each send with its number, and how many bytes the kernel took, or the negated
    ///   number of an error.
    /// - Returns: how many sends the kernel has taken on; the ones after them are still with the ring.
    func submit(_ done: (Int, Int32) -> Void) -> Int {
        let submitted = max(0, io_uring_submit_and_wait(self.ring, self.count))
        self.count = 0
        for _ in 0..<submitted {
            var completion: UnsafeMutablePointer<io_uring_cqe>?
            while io_uring_wait_cqe(self.ring, &completion) == -EINTR {}
            guard let completion else { preconditionFailure("io_uring lost a send") }
            done(Int(io_uring_cqe_get_data64(completion)), completion.pointee.res)
            io_uring_cqe_seen(self.ring, completion)
        }
        return Int(submitted)
    }
}
