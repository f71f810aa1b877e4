internal import ApusCore
internal import ApusHTTP
internal import NIOCore

/// What connections of one loop are sent together: a buffer each.
///
/// Owner: the ``EdgeLoop`` of its event loop. Whoever adds sends before the loop goes on to anything else.
final class Outgoing {
    private let batch = SocketBatch()
    private var waiting: ContiguousArray<(connection: Connection, buffer: ByteBuffer)> = []
    /// Whether what fell short is being passed on: that may end connections, and nothing may be added meanwhile.
    private var isSending = false
    private let incidents: IncidentLog

    init(incidents: IncidentLog) {
        self.incidents = incidents
        self.waiting.reserveCapacity(SocketBatch.countMax)
        self.noteIfOneByOne()
    }

    /// Adds what a connection gets, which must have nothing else here. What was written to it before must have been
    /// taken out. What is full is sent.
    func add(_ buffer: ByteBuffer, to connection: Connection) {
        assert(!self.isSending)
        guard connection.isSocketClear else { return connection.sendThroughChannel(buffer) }
        // The bytes stay where they are beyond this call: they lie in the buffer's storage, an object to which a
        // reference is kept until they are sent, and whoever writes to another reference meanwhile writes to a copy.
        buffer.withUnsafeReadableBytes { self.batch.add($0, to: connection.socket) }
        self.waiting.append((connection, buffer))
        if self.batch.isFull { self.send() }
    }

    func send() {
        guard !self.waiting.isEmpty else { return }
        let wasInBatches = self.batch.usesRing
        self.isSending = true
        self.batch.send { index, takenCount in
            let (connection, buffer) = self.waiting[index]
            connection.sent(takenCount, of: buffer)
        }
        self.isSending = false
        self.waiting.removeAll(keepingCapacity: true)
        if wasInBatches { self.noteIfOneByOne() }
    }

    private func noteIfOneByOne() {
        guard !self.batch.usesRing else { return }
        self.incidents.note("the kernel offers no io_uring: frames are sent one by one", from: nil)
    }
}
