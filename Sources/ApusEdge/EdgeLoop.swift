internal import ApusCore
internal import ApusWire
internal import NIOCore

/// The devices that are connected to one event loop.
///
/// Owner: that event loop; nothing here is touched from elsewhere, so that nothing needs a lock. Others come in through
/// an ``EdgeDoor``; slow work goes out through ``later(_:then:)``. What is written to devices during one turn of the
/// loop is gathered, and flushed once per connection at its end.
final class EdgeLoop {
    let index: Int
    let eventLoop: any EventLoop
    let services: EdgeServices
    let settings: EdgeSettings
    let directory: SessionDirectory
    let doors: EdgeDoors
    let outgoing: Outgoing

    var slots = ConnectionSlots()
    var apps: [AppID: AppConnections] = [:]
    var isDraining = false

    // Gathered during a turn of the loop.
    private var dirty: [Connection] = []
    private var isTurnScheduled = false
    var sent: [MessageID: [Ordinal]] = [:]
    var receipts: [GatheredReceipt] = []
    /// Batches of receipts so far that came from crowds; wraps around.
    var crowds: UInt32 = 0
    var isRecording = false
    /// Whether a walk has ended since receipts were handed over: they wait for that, since the acks of a crowd trickle
    /// in while it is still being told, and each batch costs a commit.
    var isRecordingDue = false
    /// Devices whose credentials, or whose waiting pushes, are asked of the store.
    var logins = Batches<GatheredLogin>()
    var openings = Batches<GatheredOpening>()

    // Pushes to crowds.
    /// The apps that have some on their way; the first one's turn is next.
    var walking: [AppConnections] = []
    /// When the next step of their walks is to come.
    var stepAt: NIODeadline?

    // Heartbeat.
    var wheel: HeartbeatWheel
    var heartbeat: RepeatedTask?
    /// Kept when the last connection of a draining loop is gone and its receipts are durable.
    var emptied: EventLoopPromise<Void>?

    /// So many receipts are a batch that is worth a commit while a walk is under way.
    private static let recordedMin = 4096

    init(
        index: Int, eventLoop: any EventLoop, services: EdgeServices, settings: EdgeSettings,
        directory: SessionDirectory, doors: EdgeDoors
    ) {
        self.index = index
        self.eventLoop = eventLoop
        self.services = services
        self.settings = settings
        self.directory = directory
        self.doors = doors
        self.outgoing = Outgoing(incidents: services.incidents)
        self.wheel = HeartbeatWheel(ticksMax: settings.ticksMax)
    }

    /// Does something slow elsewhere, and comes back with what it came to.
    func later<Outcome: Sendable>(
        _ work: @escaping @Sendable () async -> Outcome, then: @escaping @Sendable (EdgeLoop, Outcome) -> Void
    ) {
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        let eventLoop = self.eventLoop
        Task {
            let outcome = await work()
            eventLoop.execute { then(here.value, outcome) }
        }
    }
}

// MARK: - Writing

extension EdgeLoop {
    /// Writes a frame, to be flushed at the end of this turn.
    func write(_ frame: ServerFrame, ref: FrameRef? = nil, to connection: Connection) {
        guard !connection.isEnding else { return }
        self.write(connection.outlet.transport.encode(frame, ref: ref), to: connection)
    }

    func write(_ buffer: ByteBuffer, to connection: Connection) {
        if !connection.canWrite { self.owe(buffer.readableBytes, to: connection) }
        guard !connection.isEnding else { return }
        connection.write(buffer)
        self.noteDirty(connection)
    }

    /// Counts what a connection that takes nothing should have got, and ends it beyond the bound.
    func owe(_ bytes: Int, to connection: Connection) {
        connection.owedBytes += bytes
        guard connection.owedBytes + self.settings.inFlightMaxBytes > self.settings.owedMaxBytes,
            !connection.isEnding
        else { return }
        self.end(connection, .overload)
    }

    func noteDirty(_ connection: Connection) {
        self.scheduleTurnEnd()
        guard !connection.isDirty else { return }
        connection.isDirty = true
        self.dirty.append(connection)
    }

    func scheduleTurnEnd() {
        guard !self.isTurnScheduled else { return }
        self.isTurnScheduled = true
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.eventLoop.execute { here.value.endTurn() }
    }

    private func endTurn() {
        self.isTurnScheduled = false
        let dirty = self.dirty
        self.dirty = []
        // Something else may have flushed some on its way.
        for connection in dirty where connection.isDirty {
            if let unsent = connection.takeDirty() { self.outgoing.add(unsent, to: connection) }
        }
        self.outgoing.send()
        let sent = self.sent
        self.sent = [:]
        for (message, ordinals) in sent { self.services.reports.noteSent(message, to: Ordinals(ordinals)) }
        if self.isRecordingDue || !self.isWalkUnderWay || self.receipts.count >= Self.recordedMin {
            self.isRecordingDue = false
            self.recordGathered()
        }
    }
}
