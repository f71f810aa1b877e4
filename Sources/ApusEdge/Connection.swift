internal import ApusCore
internal import ApusHTTP
internal import ApusWire
internal import NIOCore

/// One device's connection, with everything that is known about its session.
///
/// Owner: the ``EdgeLoop`` of its event loop; used nowhere else. There may be twenty thousand in one process, so that
/// every member counts.
final class Connection {
    /// Where its bytes go.
    enum Outlet {
        case webSocket(SessionHandler)
        case events(AnswerStream)

        var transport: Transport {
            switch self {
            case .webSocket: .webSocket
            case .events: .events
            }
        }
    }

    let outlet: Outlet
    // What a walk over a crowd looks at and changes comes first and side by side: fetching it costs a delivery more
    // than anything that is done with it.
    /// The way past NIO; none where there is no such way.
    var socket = DirectSocket()
    /// Where it stands among the connections of its app on this loop.
    var rank = 0
    /// Nil until the session is live.
    var device: DeviceKey?
    var platform = Platform.android
    /// Whether the socket takes more.
    var canWrite = true
    /// Whether the farewell was sent: nothing may follow it.
    var isEnding = false
    /// Whether something was written and not flushed.
    var isDirty = false
    /// Whether the channel is known to hold nothing that was written, so that its socket may be written to directly.
    private var isClear = false
    /// What was written since the last flush, in order; among it the answer to its acks, as part of a crowd.
    private var unsent: ByteBuffer?
    var catchUp = CatchUp()
    var session: Session
    /// Which crowd's answer is held.
    private var crowd: UInt32 = 0
    let id: SessionID
    /// Where it comes from; forgotten once the session is live.
    var source: IPAddress?
    /// What came up for the device since the socket takes no more: what is in memory beyond the pause, and what stays
    /// in the store.
    var owedBytes = 0
    /// Ids in its receipts that are not answered yet.
    var ackingCount = 0
    /// Tick of the last sign of life.
    var heardAt: UInt32
    /// The tick at which to look again; other places on the wheel do not count.
    var lookAt: UInt32 = 0

    /// What is gathered at most before it is sent without waiting for the flush: how much the channel holds decides
    /// whether the device is too slow, and must not lag behind.
    private static let unsentMaxBytes = 16_384

    /// In so many lines of memory, from its beginning, lies what a walk looks at and changes.
    static let walkedLines: UInt = 3

    init(id: SessionID, outlet: Outlet, session: Session, heardAt: UInt32) {
        self.id = id
        self.outlet = outlet
        self.session = session
        self.heardAt = heardAt
    }

    /// Writes without flushing. To be followed by the loop's note that this connection is dirty.
    func write(_ buffer: ByteBuffer) {
        guard self.unsent != nil else { return self.unsent = buffer }
        self.unsent?.writeImmutableBuffer(buffer)
        if let unsent, unsent.readableBytes > Self.unsentMaxBytes { self.flush() }
    }

    /// What was written and not flushed, to be sent now with what follows it.
    func takeUnsent() -> ByteBuffer? {
        guard let unsent else { return nil }
        self.unsent = nil
        return unsent
    }

    /// Likewise, to be sent now.
    func takeDirty() -> ByteBuffer? {
        self.isDirty = false
        return self.takeUnsent()
    }

    /// Sends what was written.
    func flush() {
        if let unsent = self.takeDirty() { self.send(unsent) }
    }

    /// Sends at once. What was written before must have been taken out.
    func send(_ buffer: ByteBuffer) {
        guard self.isSocketClear else { return self.sendThroughChannel(buffer) }
        let socket = self.socket
        self.sent(buffer.withUnsafeReadableBytes { socket.send($0) }, of: buffer)
    }

    /// Whether what comes next may be given to the socket itself, because nothing is to go before it. Whoever gives it
    /// something then says with ``sent(_:of:)`` what it took.
    var isSocketClear: Bool {
        // The handler is not even looked at where its channel is known to be clear: it is one more object to fetch.
        if !self.isClear { self.isClear = self.isChannelClear }
        return self.isClear
    }

    /// Takes note of what the socket was given of a buffer, and sends the rest.
    func sent(_ takenCount: Int, of buffer: ByteBuffer) {
        guard takenCount < buffer.readableBytes else { return }
        self.isClear = false
        var rest = buffer
        rest.moveReaderIndex(forwardBy: takenCount)
        self.sendThroughChannel(rest)
    }

    /// What the kernel does not take waits in the channel, and so does everything behind it.
    func sendThroughChannel(_ buffer: ByteBuffer) {
        switch self.outlet {
        case .webSocket(let handler): handler.send(buffer)
        case .events(let stream):
            stream.write(buffer)
            stream.flush()
            self.canWrite = stream.isWritable
        }
    }

    /// Whether there is a way past the channel, and the channel holds nothing that would have to go before.
    private var isChannelClear: Bool {
        switch self.outlet {
        case .webSocket(let handler): self.socket.isOpen && handler.isClear
        case .events: false
        }
    }

    /// The channel is gone, or about to be.
    func forgetSocket() {
        self.socket.forget()
        self.isClear = false
    }

    /// Keeps an answer until something else is written, or its crowd's time is up.
    func hold(_ answer: ByteBuffer, crowd: UInt32) {
        self.crowd = crowd
        self.write(answer)
    }

    /// The answer that was held for a crowd, to be sent now, unless something else has taken it along.
    func takeHeld(crowd: UInt32) -> ByteBuffer? { self.crowd == crowd ? self.takeDirty() : nil }

    /// The other end of a WebSocket connection, for the log.
    var peer: String? {
        switch self.outlet {
        case .webSocket(let handler): handler.peer
        case .events: nil
        }
    }

    /// Ends the connection, whatever is still to be written.
    func cut() {
        switch self.outlet {
        case .webSocket(let handler): handler.cut()
        case .events(let stream): stream.close()
        }
    }
}

/// The connections of one loop by their names, which are short, never reused, and looked up without hashing.
struct ConnectionSlots {
    private struct Slot {
        var generation: UInt32 = 0
        var connection: Connection?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private(set) var count = 0

    subscript(_ id: SessionID) -> Connection? {
        let slot = self.slots[Int(id.slot)]
        return slot.generation == id.generation ? slot.connection : nil
    }

    var all: [Connection] { self.slots.compactMap(\.connection) }

    /// Makes a name and keeps what is made for it.
    mutating func insert(_ make: (SessionID) -> Connection) -> Connection {
        let index = self.free.popLast() ?? UInt32(self.slots.count)
        if Int(index) == self.slots.count { self.slots.append(Slot()) }
        let connection = make(SessionID(slot: index, generation: self.slots[Int(index)].generation))
        self.slots[Int(index)].connection = connection
        self.count += 1
        return connection
    }

    mutating func remove(_ id: SessionID) {
        guard self[id] != nil else { return }
        self.slots[Int(id.slot)].connection = nil
        self.slots[Int(id.slot)].generation &+= 1
        self.free.append(id.slot)
        self.count -= 1
    }
}
