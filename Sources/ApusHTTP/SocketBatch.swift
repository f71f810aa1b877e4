private import CUring
private import Glibc

/// Sends to many sockets: with one system call for all of them where the kernel offers io_uring, with one for each
/// where it does not. Containers often forbid io_uring, and so does the setting `kernel.io_uring_disabled`.
///
/// Owner: one event loop, on whose thread alone it is used. A socket occurs once at most in a batch, and nothing else
/// is written to it before the batch is sent.
package final class SocketBatch {
    /// Most sends of a batch. With more the system call is no cheaper, and who comes first waits for the others.
    package static let countMax = 32

    private typealias Send = (socket: DirectSocket, bytes: UnsafeRawBufferPointer)

    private var sends: ContiguousArray<Send> = []
    private var ring: SendRing?

    /// - Parameter usesRing: false for one system call per send, whatever the kernel offers.
    package init(usesRing: Bool = true) {
        self.ring = usesRing ? SendRing(countMax: Self.countMax) : nil
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
    /// - Parameter fellShort: called for each send that was not taken whole, with its place in the batch and how many
    ///   bytes were taken. The rest must go through the channel, as after ``DirectSocket/send(_:)``.
    package func send(fellShort: (_ index: Int, _ takenCount: Int) -> Void) {
        let sends = self.sends
        var unsent = sends.indices
        if let ring, sends.count > 1 {
            for send in sends { ring.add(send.bytes, to: send.socket) }
            let taken = ring.submit { index, takenCount in
                if takenCount < sends[index].bytes.count { fellShort(index, takenCount) }
            }
            unsent = taken..<sends.count
            // What it has not taken it would take with the next batch, when those bytes are gone.
            if !unsent.isEmpty { self.ring = nil }
        }
        for index in unsent {
            let takenCount = sends[index].socket.send(sends[index].bytes)
            if takenCount < sends[index].bytes.count { fellShort(index, takenCount) }
        }
        self.sends.removeAll(keepingCapacity: true)
    }
}

/// An io_uring for nothing but sends, none of which is under way between two calls: the kernel tries each while it
/// takes it on, and what would have to wait comes back untaken (`MSG_DONTWAIT`).
private final class SendRing {
    private let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
    /// So many were added since the last submission.
    private var count: UInt32 = 0

    var descriptor: Int32 { self.ring.pointee.ring_fd }

    /// Nil where the kernel offers none, or none more.
    init?(countMax: Int) {
        self.ring.initialize(to: io_uring())
        guard io_uring_queue_init(UInt32(countMax), self.ring, 0) == 0 else {
            self.ring.deallocate()
            return nil
        }
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

    /// - Parameter done: called for each send with its number, and how many bytes the kernel took: none when it failed.
    /// - Returns: how many sends the kernel has taken on; the ones after them are still with the ring.
    func submit(_ done: (Int, Int) -> Void) -> Int {
        let submitted = max(0, io_uring_submit_and_wait(self.ring, self.count))
        self.count = 0
        for _ in 0..<submitted {
            var completion: UnsafeMutablePointer<io_uring_cqe>?
            while io_uring_wait_cqe(self.ring, &completion) == -EINTR {}
            guard let completion else { preconditionFailure("io_uring lost a send") }
            let (index, result) = (io_uring_cqe_get_data64(completion), completion.pointee.res)
            io_uring_cqe_seen(self.ring, completion)
            done(Int(index), max(0, Int(result)))
        }
        return Int(submitted)
    }
}
