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

    let id: SessionID
    let outlet: Outlet
    var session: Session
    var catchUp = CatchUp()
    /// Nil until the session is live.
    var device: DeviceKey?
    var platform = Platform.android
    /// Where it stands among the connections of its app on this loop.
    var rank = 0
    /// Whether the socket takes more.
    var canWrite = true
    /// Whether something was written and not flushed.
    var isDirty = false
    /// The answer to its acks, as part of a crowd: goes with whatever is written next.
    private var answer: ByteBuffer?
    /// Which crowd that is.
    private var crowd: UInt32 = 0
    /// Whether the farewell was sent: nothing may follow it.
    var isEnding = false
    /// What came up for the device since the socket takes no more: what is in memory beyond the pause, and what stays
    /// in the store.
    var owedBytes = 0
    /// Tick of the last sign of life.
    var heardAt: UInt32
    /// The tick at which to look again; other places on the wheel do not count.
    var lookAt: UInt32 = 0

    init(id: SessionID, outlet: Outlet, session: Session, heardAt: UInt32) {
        self.id = id
        self.outlet = outlet
        self.session = session
        self.heardAt = heardAt
    }

    /// Writes without flushing. To be followed by the loop's note that this connection is dirty.
    func write(_ buffer: ByteBuffer) {
        if let answer = self.takeAnswer() { self.put(answer) }
        self.put(buffer)
    }

    /// Writes and flushes.
    func send(_ buffer: ByteBuffer) {
        switch self.outlet {
        case .webSocket(let handler):
            if let answer = self.takeAnswer() { handler.write(answer) }
            self.isDirty = false
            handler.send(buffer)
        case .events:
            self.write(buffer)
            self.flush()
        }
    }

    /// Keeps an answer until something else is written, or its crowd's time is up.
    func hold(_ answer: ByteBuffer, crowd: UInt32) {
        if let older = self.takeAnswer() { self.put(older) }
        self.answer = answer
        self.crowd = crowd
    }

    /// The answer that is held, to be written now.
    func takeAnswer() -> ByteBuffer? {
        defer { self.answer = nil }
        return self.answer
    }

    /// Sends the answer that was held for a crowd, unless something else has taken it along.
    func release(crowd: UInt32) {
        guard self.crowd == crowd, self.answer != nil else { return }
        self.flush()
    }

    private func put(_ buffer: ByteBuffer) {
        switch self.outlet {
        case .webSocket(let handler): handler.write(buffer)
        case .events(let stream):
            stream.write(buffer)
            self.canWrite = stream.isWritable
        }
    }

    func flush() {
        self.isDirty = false
        if let answer = self.takeAnswer() { self.put(answer) }
        switch self.outlet {
        case .webSocket(let handler): handler.flush()
        case .events(let stream): stream.flush()
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

/// The connections of one app on one loop.
struct AppConnections {
    /// In no order, so that all of them are visited without a look-up each.
    private(set) var all: ContiguousArray<Connection> = []
    private var byOrdinal: [Ordinal: Connection] = [:]

    subscript(_ ordinal: Ordinal) -> Connection? { self.byOrdinal[ordinal] }

    mutating func insert(_ connection: Connection, for ordinal: Ordinal) {
        connection.rank = self.all.count
        self.all.append(connection)
        self.byOrdinal[ordinal] = connection
    }

    /// Takes a connection out; the device's entry stays where a newer one has taken it over.
    mutating func remove(_ connection: Connection, for ordinal: Ordinal) {
        guard connection.rank < self.all.count, self.all[connection.rank] === connection else { return }
        let last = self.all.removeLast()
        if last !== connection {
            last.rank = connection.rank
            self.all[last.rank] = last
        }
        if self.byOrdinal[ordinal] === connection { self.byOrdinal[ordinal] = nil }
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
