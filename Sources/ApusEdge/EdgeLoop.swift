internal import ApusCore
internal import ApusHTTP
internal import ApusWire
internal import NIOCore

/// The devices that are connected to one event loop.
///
/// Owner: that event loop; nothing here is touched from elsewhere, so that nothing needs a lock. Others come in through
/// an ``EdgeDoor``; slow work goes out through ``later(_:then:)``. What is written to devices during one turn of the loop
/// is gathered, and flushed once per connection at its end.
final class EdgeLoop {
    let index: Int
    let eventLoop: any EventLoop
    let services: EdgeServices
    let settings: EdgeSettings
    let directory: SessionDirectory
    let doors: EdgeDoors

    var slots = ConnectionSlots()
    var apps: [AppID: AppConnections] = [:]
    var isDraining = false

    // Gathered during a turn of the loop.
    private var dirty: [Connection] = []
    private var isTurnScheduled = false
    var sent: [MessageID: [Ordinal]] = [:]
    var receipts: [GatheredReceipt] = []
    var isRecording = false

    // Heartbeat.
    var wheel: HeartbeatWheel
    var heartbeat: RepeatedTask?
    /// Kept when the last connection of a draining loop is gone and its receipts are durable.
    var emptied: EventLoopPromise<Void>?

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

    // MARK: Coming and going

    /// A WebSocket connection is there; its first frame must come.
    func connected(_ handler: SessionHandler) -> Connection {
        let connection = self.slots.insert { id in
            Connection(
                id: id, outlet: .webSocket(handler),
                session: Session(framesPerSecond: LimitName.framesPerSecond.standard), heardAt: self.wheel.now)
        }
        self.look(at: connection, in: self.settings.firstFrameTimeout)
        if self.isDraining { self.end(connection, .draining) }
        return connection
    }

    /// A device reads an event stream: its credentials were checked with the request.
    func connected(_ stream: AnswerStream, as device: EnteredDevice) {
        let connection = self.slots.insert { id in
            Connection(
                id: id, outlet: .events(stream), session: Session(enteredWith: device.framesPerSecond),
                heardAt: self.wheel.now)
        }
        stream.onClose = { [weak self, weak connection] in
            if let connection { self?.disconnected(connection) }
        }
        stream.onDrain = { [weak self, weak connection] in
            if let connection { self?.end(connection, .draining) }
        }
        stream.onWritabilityChanged = { [weak self, weak connection, weak stream] in
            if let connection, let stream { self?.writabilityChanged(connection, canWrite: stream.isWritable) }
        }
        self.look(at: connection, in: self.settings.eventsHeartbeat)
        if self.isDraining { return self.end(connection, .draining) }
        self.enter(connection, as: device, greeting: .ready(ref: nil))
    }

    /// The connection is gone.
    func disconnected(_ connection: Connection) {
        self.leave(connection)
        connection.session.end()
        connection.isEnding = true
        self.slots.remove(connection.id)
        self.noteIfEmptied()
    }

    /// Takes the session out of everything that pushes are found through.
    func leave(_ connection: Connection) {
        guard let device = connection.device else { return }
        connection.device = nil
        self.apps[device.app]?.remove(connection, for: device.ordinal)
        if self.apps[device.app]?.all.isEmpty == true { self.apps[device.app] = nil }
        self.directory.close(device, at: .init(loop: self.index, session: connection.id))
    }

    /// Says farewell and ends the connection; the device has a while to answer.
    func end(_ connection: Connection, _ reason: CloseReason) {
        guard !connection.isEnding else { return }
        connection.isEnding = true
        connection.session.end()
        self.leave(connection)
        if let bye = reason.bye {
            let frame = ServerFrame.bye(bye, retryAfterSeconds: self.retryAfterSeconds(reason))
            connection.write(connection.outlet.transport.encode(frame))
        }
        switch connection.outlet {
        case .webSocket(let handler):
            connection.write(WebSocketEncoder.close(reason.code, reason.sentence))
            self.look(at: connection, in: self.settings.closeTimeout)
            if reason.isUnreadable {
                // Its close frame will not be understood: only the end of its bytes tells that it has left.
                handler.closeOutput()
            } else {
                self.noteDirty(connection)
                // Its close frame must be heard even when an answer was being waited for.
                handler.resume()
            }
        case .events:
            connection.flush()
            connection.cut()
        }
    }

    /// Devices that are sent away must not all come back at once.
    private func retryAfterSeconds(_ reason: CloseReason) -> Int? {
        switch reason {
        case .draining, .overload: self.services.random(1...max(1, self.settings.retryAfterMaxSeconds))
        case .idle, .framing, .notUTF8, .tooLong, .refused, .silent, .notUnderstood, .replaced, .deleted,
            .tooManyFrames:
            nil
        }
    }

    // MARK: Writing

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

    private func noteDirty(_ connection: Connection) {
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
        self.dirty.removeAll(keepingCapacity: dirty.count < 1024)
        for connection in dirty {
            connection.isDirty = false
            connection.flush()
        }
        let sent = self.sent
        self.sent = [:]
        for (message, ordinals) in sent { self.services.reports.noteSent(message, to: Ordinals(ordinals)) }
        self.recordGathered()
    }
}
