internal import ApusCore
internal import ApusWire
internal import NIOCore

// From a nudge to the devices that are here.
extension EdgeLoop {
    /// Sends a push to those of the recipients that are here.
    ///
    /// The smaller side is walked: the recipients, at once, or the connections of the app, at the end of this turn and
    /// once for all that is rung for until then.
    func deliver(_ delivery: Delivery, to recipients: Ordinals) {
        guard let here = self.apps[delivery.deliverable.app],
            delivery.isDeliverable(at: self.services.clocks.now())
        else { return }
        guard recipients.count < here.all.count else {
            let isOther = self.wide.first.map { $0.app != delivery.deliverable.app } ?? false
            if isOther || self.wide.count == WidePush.walkMax { self.fanOut() }
            self.wide.append(WidePush(delivery, to: recipients))
            return self.scheduleWalk()
        }
        // What was rung for before goes first.
        self.fanOut()
        var push = EncodedPush(delivery)
        var sent: [Ordinal] = []
        for ordinal in recipients.members {
            guard let connection = here[ordinal], let buffer = self.nextFrame(&push, for: connection) else { continue }
            connection.write(buffer)
            self.noteDirty(connection)
            sent.append(ordinal)
        }
        guard !sent.isEmpty else { return }
        self.sent[delivery.deliverable.id, default: []].append(contentsOf: sent)
        self.scheduleTurnEnd()
    }

    /// A walk begins at the end of this turn. Where the last one had several pushes to bring, more are on their way as
    /// a rule, held up by that very walk: then it waits a little for them, and one write brings them all.
    private func scheduleWalk() {
        guard !self.isGathering else { return }
        let delay = min(EdgeSettings.gatheringMax, .nanoseconds(self.lastWalk.duration.nanoseconds / 4))
        guard self.lastWalk.pushes > 1, delay >= EdgeSettings.gatheringMin else { return self.scheduleTurnEnd() }
        self.isGathering = true
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.eventLoop.scheduleTask(in: delay) {
            here.value.isGathering = false
            here.value.scheduleTurnEnd()
        }
    }

    /// Sends what was rung for to a crowd: one walk over the connections of its app, one write to the socket of each.
    ///
    /// What is known of a connection lies far from what is known of the one before it, and fetching it costs more than
    /// anything done with it: so everything is done at one visit.
    func fanOut() {
        guard let app = self.wide.first?.app else { return }
        let start = self.eventLoop.now
        var pushes = self.wide
        self.wide = []
        var joined = JoinedFrames()
        // A connection that is ended on the way leaves the table; the copy that is walked stays as it is.
        for connection in self.apps[app]?.all ?? [] {
            guard let device = connection.device else { continue }
            var chosen: UInt64 = 0
            for index in pushes.indices where pushes[index].recipients.contains(device.ordinal) {
                guard self.nextFrame(&pushes[index].push, for: connection) != nil else { continue }
                pushes[index].sent.append(device.ordinal)
                chosen |= 1 << UInt64(index)
            }
            guard chosen != 0 else { continue }
            connection.send(
                joined.buffer(
                    of: &pushes, chosen, for: connection.platform, over: connection.outlet.transport,
                    behind: connection.takeAnswer()))
        }
        for push in pushes where !push.sent.isEmpty {
            self.sent[push.push.delivery.deliverable.id, default: []].append(contentsOf: push.sent)
        }
        self.lastWalk = (pushes.count, self.eventLoop.now - start)
    }

    /// What to write to a connection of a push that is rung for; the push counts as sent then.
    ///
    /// - Returns: nil when it gets nothing of it, or not now.
    private func nextFrame(_ push: inout EncodedPush, for connection: Connection) -> ByteBuffer? {
        guard !connection.isEnding,
            let buffer = push.buffer(for: connection.platform, over: connection.outlet.transport)
        else { return nil }
        switch connection.catchUp.nudged(push.delivery, canWrite: connection.canWrite) {
        case .send:
            connection.session.owes(acks: 1)
            return buffer
        case .skip: return nil
        case .wait:
            if !connection.canWrite { self.owe(buffer.readableBytes, to: connection) }
            return nil
        case .overflow:
            self.end(connection, .overload)
            return nil
        }
    }

    /// Sends a push no more: another one has taken its place.
    func forget(_ id: MessageID, of app: AppID, at recipients: Ordinals) {
        self.fanOut()
        for connection in self.apps[app]?.all ?? [] {
            guard let device = connection.device, recipients.contains(device.ordinal) else { continue }
            connection.catchUp.withdraw(id)
        }
    }

    /// Tells those of the recipients that are here to take a push back.
    func withdraw(_ id: MessageID, of app: AppID, from recipients: Ordinals) {
        self.fanOut()
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
        self.fanOut()
        for connection in self.apps[app]?.all ?? [] { self.end(connection, .deleted) }
    }
}
