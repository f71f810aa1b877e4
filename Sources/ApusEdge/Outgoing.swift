internal import ApusHTTP
internal import NIOCore

/// What connections of one loop are sent together: a buffer each.
///
/// Owner: the ``EdgeLoop`` of its event loop. Whoever adds sends before the turn of the loop goes on to anything else.
final class Outgoing {
    private let batch = SocketBatch()
    private var waiting: ContiguousArray<(connection: Connection, buffer: ByteBuffer)> = []

    init() { self.waiting.reserveCapacity(SocketBatch.countMax) }

    /// Adds what a connection gets, which must have nothing else here. What was written to it before must have been
    /// taken out. A full batch is sent.
    func add(_ buffer: ByteBuffer, to connection: Connection) {
        guard connection.isSocketClear else { return connection.send(buffer) }
        // The buffer is kept, and with it the bytes.
        buffer.withUnsafeReadableBytes { self.batch.add($0, to: connection.socket) }
        self.waiting.append((connection, buffer))
        if self.batch.isFull { self.send() }
    }

    func send() {
        guard !self.waiting.isEmpty else { return }
        self.batch.send { index, takenCount in
            let (connection, buffer) = self.waiting[index]
            connection.sent(takenCount, of: buffer)
        }
        self.waiting.removeAll(keepingCapacity: true)
    }
}
