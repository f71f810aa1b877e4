internal import ApusCore
internal import ApusWire
internal import NIOCore

// From a nudge to the devices that are here: pushes to few at once, pushes to many by walks.
extension EdgeLoop {
    /// Sends a push to those of the recipients that are here.
    ///
    /// The smaller side is walked: a few recipients, at once, or the connections of the app, step by step.
    func deliver(_ delivery: Delivery, to recipients: Ordinals) {
        let now = self.services.clocks.now()
        guard let here = self.apps[delivery.deliverable.app], delivery.isDeliverable(at: now) else { return }
        let push = EncodedPush(delivery)
        guard self.isNarrow(recipients, in: here) else { return self.bring(push, to: recipients, in: here) }
        here.dropExpired(at: now)
        var sent: [Ordinal] = []
        for ordinal in recipients.members {
            guard let connection = here[ordinal] else { continue }
            self.overtakeWalks(connection, ordinal, in: here)
            guard let buffer = self.nextFrame(push, for: connection) else { continue }
            connection.write(buffer)
            self.noteDirty(connection)
            sent.append(ordinal)
        }
        guard !sent.isEmpty else { return }
        self.sent[delivery.deliverable.id, default: []].append(contentsOf: sent)
        self.scheduleTurnEnd()
    }

    /// What to write to a connection of a push that is rung for; the push counts as sent then.
    ///
    /// - Returns: nil when it gets nothing of it, or not now.
    private func nextFrame(_ push: EncodedPush, for connection: Connection) -> ByteBuffer? {
        guard !connection.isEnding,
            let buffer = push.buffer(for: connection.platform, over: connection.outlet.transport)
        else { return nil }
        guard let delivery = push.delivery else {
            if !connection.canWrite { self.owe(buffer.readableBytes, to: connection) }
            return connection.isEnding ? nil : buffer
        }
        switch connection.catchUp.nudged(delivery, canWrite: connection.canWrite) {
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

    private func isNarrow(_ recipients: Ordinals, in here: AppConnections) -> Bool {
        recipients.count < min(here.count, self.settings.narrowMax)
    }

    /// Sends a push no more: another one has taken its place.
    func forget(_ id: MessageID, of app: AppID, at recipients: Ordinals) {
        guard let here = self.apps[app] else { return }
        here.cancel(id, for: recipients)
        guard !self.isNarrow(recipients, in: here) else {
            for ordinal in recipients.members { here[ordinal]?.catchUp.withdraw(id) }
            return
        }
        // Nothing is written: this takes no longer than a step, however many they are.
        for connection in here.all {
            guard let device = connection.device, recipients.contains(device.ordinal) else { continue }
            connection.catchUp.withdraw(id)
        }
    }

    /// Tells those of the recipients that are here to take a push back.
    func withdraw(_ id: MessageID, of app: AppID, from recipients: Ordinals) {
        self.forget(id, of: app, at: recipients)
        guard let here = self.apps[app] else { return }
        let push = EncodedPush(withdrawing: id)
        guard self.isNarrow(recipients, in: here) else { return self.bring(push, to: recipients, in: here) }
        for ordinal in recipients.members {
            guard let connection = here[ordinal], let buffer = self.nextFrame(push, for: connection) else { continue }
            connection.write(buffer)
            self.noteDirty(connection)
        }
    }

    /// The app is gone: its devices must not come back.
    func deleted(_ app: AppID) {
        guard let here = self.apps[app] else { return }
        here.cancelWalks()
        for connection in here.all { self.end(connection, .deleted) }
    }
}

// A walk goes over all connections of an app and brings each of them, in one write, what was rung for until it began.
// It goes in steps of a millisecond, between which the loop does whatever else has come: a broadcast to twenty thousand
// devices takes a fifth of a second, and nobody else's push is to wait for that.
extension EdgeLoop {
    /// Adds a push to the next walk of the app.
    private func bring(_ push: EncodedPush, to recipients: Ordinals, in here: AppConnections) {
        // Faster than devices can be told: what has been rung for goes out before anything else is taken in.
        if here.next?.isFull == true { self.finishWalks() }
        if !here.isWalking { self.walking.append(here) }
        here.add(WidePush(push, to: recipients))
        if here.walk == nil { self.scheduleStep(after: here.gatheringDelay) }
    }

    /// The earliest step that is asked for is the one that is done.
    private func scheduleStep(after delay: TimeAmount) {
        let instant = self.eventLoop.now + delay
        if let stepAt, stepAt <= instant { return }
        self.stepAt = instant
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.eventLoop.scheduleTask(deadline: instant) {
            guard here.value.stepAt == instant else { return }
            here.value.stepAt = nil
            here.value.step()
        }
    }

    /// A step of the walk of the app whose turn it is.
    func step() {
        guard !self.walking.isEmpty else { return }
        let here = self.walking.removeFirst()
        self.walkOn(here, until: self.eventLoop.now + self.settings.walkStep)
        if here.isWalking { self.walking.append(here) } else if here.isIdle { self.apps[here.app] = nil }
        guard let next = self.walking.first else { return }
        // A task that follows at once would run before the loop looks at its sockets again.
        self.scheduleStep(after: max(EdgeSettings.walkPause, self.isWalkUnderWay ? .zero : next.gatheringDelay))
    }

    /// Whether a walk has begun and is not at its end.
    var isWalkUnderWay: Bool { self.walking.contains { $0.walk != nil } }

    /// Walks to the end, whatever waits meanwhile.
    func finishWalks() {
        while let here = self.walking.first {
            self.walkOn(here, until: .distantFuture)
            guard !here.isWalking else { continue }
            self.walking.removeFirst()
            if here.isIdle { self.apps[here.app] = nil }
        }
    }

    private func walkOn(_ here: AppConnections, until deadline: NIODeadline) {
        guard let walk = here.walkOn(at: self.eventLoop.now) else { return }
        walk.dropExpired(at: self.services.clocks.now())
        guard self.visit(here, on: walk, until: deadline) else { return }
        here.finishWalk(at: self.eventLoop.now)
        self.isRecordingDue = true
        self.scheduleTurnEnd()
        for push in walk.pushes {
            guard let id = push.push.delivery?.deliverable.id, !push.sent.isEmpty else { continue }
            self.services.reports.noteSent(id, to: Ordinals(push.sent))
        }
    }

    /// A step of a walk.
    ///
    /// - Returns: whether it is at its end.
    private func visit(_ here: AppConnections, on walk: Walk, until deadline: NIODeadline) -> Bool {
        defer { self.outgoing.send() }
        var visits = 0
        while let connection = here.nextOnWalk() {
            if let device = connection.device, let buffer = self.nextFrames(walk, for: connection, device.ordinal) {
                self.outgoing.add(buffer, to: connection)
            }
            visits += 1
            // The clock is asked now and then: it costs as much as a visit that brings nothing.
            if visits % 16 == 0, self.eventLoop.now >= deadline { return false }
            if visits >= self.settings.walkVisitsMax { return false }
        }
        return true
    }

    /// Everything that a walk has for a connection, behind what was written to it before.
    private func nextFrames(_ walk: Walk, for connection: Connection, _ ordinal: Ordinal) -> ByteBuffer? {
        var chosen: UInt64 = 0
        for index in walk.unserved(ordinal) {
            let push = walk.pushes[index]
            guard push.recipients.contains(ordinal), self.nextFrame(push.push, for: connection) != nil else { continue }
            push.sent.append(ordinal)
            chosen |= 1 << UInt64(index)
        }
        // One that was ended over it has its farewell before it, which nothing follows.
        guard chosen != 0, !connection.isEnding else { return nil }
        return walk.joined.buffer(
            of: walk.pushes, chosen, for: connection.platform, over: connection.outlet.transport,
            behind: connection.takeUnsent())
    }

    /// Brings a connection at once what walks have for it and would bring later: a push to this device follows, and
    /// pushes come in order.
    private func overtakeWalks(_ connection: Connection, _ ordinal: Ordinal, in here: AppConnections) {
        for walk in here.walks(before: connection) {
            if let buffer = self.nextFrames(walk, for: connection, ordinal) {
                connection.write(buffer)
                self.noteDirty(connection)
            }
            walk.serveAhead(ordinal)
        }
    }
}
