internal import ApusCore
internal import ApusHTTP
internal import ApusWire
internal import NIOCore

// Coming and going.
extension EdgeLoop {
    /// A WebSocket connection is there; its first frame must come.
    func connected(_ handler: SessionHandler, from source: IPAddress?, _ socket: DirectSocket) -> Connection {
        let connection = self.slots.insert { id in
            Connection(
                id: id, outlet: .webSocket(handler),
                session: Session(framesPerSecond: LimitName.framesPerSecond.standard), heardAt: self.wheel.now)
        }
        connection.source = source
        connection.socket = socket
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
        if self.isDraining { return self.end(connection, .draining) }
        self.enter(connection, as: device, greeting: .ready(ref: nil))
    }

    /// The connection is gone.
    func disconnected(_ connection: Connection) {
        connection.forgetSocket()
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
        if let here = self.apps[device.app] {
            here.remove(connection, for: device.ordinal)
            if here.isIdle { self.apps[device.app] = nil }
        }
        self.directory.close(device, at: .init(loop: self.index, session: connection.id))
    }

    /// Says farewell and ends the connection; the device has a while to answer.
    func end(_ connection: Connection, _ reason: CloseReason) {
        guard !connection.isEnding else { return }
        connection.isEnding = true
        connection.session.end()
        self.leave(connection)
        if let incident = reason.incident { self.services.incidents.note(incident, from: connection.peer) }
        if let bye = reason.bye {
            let frame = ServerFrame.bye(bye, retryAfterSeconds: self.retryAfterSeconds(reason))
            connection.write(connection.outlet.transport.encode(frame))
        }
        switch connection.outlet {
        case .webSocket(let handler):
            connection.write(WebSocketEncoder.close(reason.code, reason.sentence))
            self.look(at: connection, in: self.settings.closeTimeout)
            if reason.isUnreadable {
                connection.flush()
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
}

extension CloseReason {
    /// What the operator is told when it happens; nil for the ordinary ends of a session.
    fileprivate var incident: StaticString? {
        switch self {
        case .draining, .idle, .replaced, .deleted: nil
        case .framing: "a device's connection was ended: its frames break the rules of WebSocket"
        case .notUTF8: "a device's connection was ended: a text was not UTF-8"
        case .tooLong: "a device's connection was ended: a message was too long"
        case .overload: "a device's connection was ended: it reads too slowly, or the node was overloaded"
        case .refused: "a device's connection was ended: its registration or login was refused"
        case .silent: "a device's connection was ended: no first frame came in time"
        case .notUnderstood: "a device's connection was ended: three frames were not understood"
        case .tooManyFrames: "a device's connection was ended: too many frames"
        }
    }
}
