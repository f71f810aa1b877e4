internal import ApusCore
internal import ApusWire
internal import NIOCore

// One timer for all connections of a loop.
extension EdgeLoop {
    /// Starts the heartbeat.
    func start() {
        let tick = self.settings.tick
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.heartbeat = self.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in here.value.beat() }
    }

    /// Stops the heartbeat, and with it what it kept alive.
    func stop() {
        self.heartbeat?.cancel()
        self.heartbeat = nil
    }

    func look(at connection: Connection, in time: TimeAmount) {
        connection.lookAt = self.wheel.add(connection.id, in: self.settings.ticks(time))
    }

    /// From here on the connection is looked at as a session; its silence counts from now.
    func watch(_ connection: Connection) {
        connection.heardAt = self.wheel.now
        switch connection.outlet {
        case .webSocket: connection.lookAt = self.wheel.add(connection.id, in: self.halfIdleTicks)
        case .events: self.look(at: connection, in: self.settings.eventsHeartbeat)
        }
    }

    private func beat() {
        for id in self.wheel.advance() {
            guard let connection = self.slots[id], connection.lookAt == self.wheel.now else { continue }
            self.check(connection)
        }
    }

    /// Looks whether a connection is still worth having, and decides when to look again.
    private func check(_ connection: Connection) {
        guard !connection.isEnding else { return connection.cut() }
        guard !connection.session.isSilent else { return self.end(connection, .silent) }
        switch connection.outlet {
        case .webSocket:
            let (whole, half) = (self.settings.ticks(self.settings.idleTimeout), self.halfIdleTicks)
            let quiet = self.wheel.now &- connection.heardAt
            guard quiet < whole else { return self.end(connection, .idle) }
            if quiet >= half {
                self.write(WebSocketEncoder.frame(.ping, []), to: connection)
                connection.lookAt = self.wheel.add(connection.id, in: whole - quiet)
            } else {
                connection.lookAt = self.wheel.add(connection.id, in: half - quiet)
            }
        case .events:
            self.write(ByteBuffer(string: ":\n\n"), to: connection)
            self.look(at: connection, in: self.settings.eventsHeartbeat)
        }
    }

    private var halfIdleTicks: UInt32 { max(1, self.settings.ticks(self.settings.idleTimeout) / 2) }

    /// Sends every device away, once the receipts that are under way are durable and answered.
    ///
    /// - Parameter emptied: kept when the last connection is gone and nothing is under way.
    func drain(_ emptied: EventLoopPromise<Void>) {
        self.isDraining = true
        self.emptied?.succeed()
        self.emptied = emptied
        self.scheduleTurnEnd()
    }

    func endAll() {
        // What has been accepted for who is here goes out before they are sent away.
        self.finishWalks()
        for connection in self.slots.all { self.end(connection, .draining) }
    }

    /// Keeps the promise of ``drain(_:)`` once there is nothing left to wait for.
    func noteIfEmptied() {
        guard let emptied = self.emptied, self.slots.count == 0, !self.isRecording, self.receipts.isEmpty else {
            return
        }
        self.emptied = nil
        emptied.succeed()
    }

    /// Ends what has not left by itself.
    func cutAll() {
        for connection in self.slots.all { connection.cut() }
    }
}
