internal import ApusCore
internal import ApusWire
internal import NIOCore

// From a nudge to the devices that are here.
extension EdgeLoop {
    /// Sends a push to those of the recipients that are here.
    ///
    /// The smaller side is walked: the recipients, or the connections of the app.
    func deliver(_ delivery: Delivery, to recipients: Ordinals) {
        guard let here = self.apps[delivery.deliverable.app],
            delivery.isDeliverable(at: self.services.clocks.now())
        else { return }
        var push = EncodedPush(delivery)
        var sent: [Ordinal] = []
        if recipients.count < here.all.count {
            for ordinal in recipients.members {
                guard let connection = here[ordinal] else { continue }
                if self.deliver(delivery, &push, to: connection) { sent.append(ordinal) }
            }
        } else {
            // A connection that is ended on the way leaves the table; the copy that is walked stays as it is.
            for connection in here.all {
                guard let device = connection.device, recipients.contains(device.ordinal) else { continue }
                if self.deliver(delivery, &push, to: connection) { sent.append(device.ordinal) }
            }
        }
        guard !sent.isEmpty else { return }
        self.sent[delivery.deliverable.id, default: []].append(contentsOf: sent)
        self.scheduleTurnEnd()
    }

    /// - Returns: whether it was written.
    private func deliver(_ delivery: Delivery, _ push: inout EncodedPush, to connection: Connection) -> Bool {
        guard !connection.isEnding,
            let buffer = push.buffer(for: connection.platform, over: connection.outlet.transport)
        else { return false }
        switch connection.catchUp.nudged(delivery, canWrite: connection.canWrite) {
        case .send:
            self.write(buffer, to: connection)
            connection.session.owes(acks: 1)
            return true
        case .skip: return false
        case .wait:
            if !connection.canWrite { self.owe(buffer.readableBytes, to: connection) }
            return false
        case .overflow:
            self.end(connection, .overload)
            return false
        }
    }

    /// Sends a push no more: another one has taken its place.
    func forget(_ id: MessageID, of app: AppID, at recipients: Ordinals) {
        for connection in self.apps[app]?.all ?? [] {
            guard let device = connection.device, recipients.contains(device.ordinal) else { continue }
            connection.catchUp.withdraw(id)
        }
    }

    /// Tells those of the recipients that are here to take a push back.
    func withdraw(_ id: MessageID, of app: AppID, from recipients: Ordinals) {
        guard let here = self.apps[app] else { return }
        let frame = ServerFrame.withdraw(id)
        var (webSocket, events): (ByteBuffer?, ByteBuffer?)
        for connection in here.all {
            guard let device = connection.device, recipients.contains(device.ordinal) else { continue }
            connection.catchUp.withdraw(id)
            switch connection.outlet.transport {
            case .webSocket:
                let buffer = webSocket ?? Transport.webSocket.encode(frame)
                webSocket = buffer
                self.write(buffer, to: connection)
            case .events:
                let buffer = events ?? Transport.events.encode(frame)
                events = buffer
                self.write(buffer, to: connection)
            }
        }
    }

    /// The app is gone: its devices must not come back.
    func deleted(_ app: AppID) {
        for connection in self.apps[app]?.all ?? [] { self.end(connection, .deleted) }
    }
}
