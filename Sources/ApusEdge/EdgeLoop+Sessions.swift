internal import ApusCore
internal import ApusWire
internal import NIOCore

// From a device's frames to what is done about them.
extension EdgeLoop {
    /// The device gave a sign of life.
    func received(_ event: WebSocketEvent, on connection: Connection) {
        connection.heardAt = self.wheel.now
        self.perform(
            connection.session.received(event, at: self.services.clocks.monotonicNanoseconds()), on: connection)
    }

    /// The device's bytes cannot be read any further.
    func failed(_ fault: WebSocketFault, on connection: Connection) {
        self.perform(connection.session.failed(fault), on: connection)
    }

    func perform(_ action: Session.Action, on connection: Connection) {
        switch action {
        case .nothing: break
        case .answer(let frame, let ref): self.write(frame, ref: ref, to: connection)
        case .refuse(let refusal, let ref, let reason):
            self.write(.error(refusal), ref: ref, to: connection)
            if let reason { self.end(connection, reason) }
        case .register(let registration, let ref): self.register(registration, ref, connection)
        case .login(let login, let ref): self.gather(login, ref, connection)
        case .record(let messages, let kind, let ref):
            guard let device = connection.device else { return }
            self.gather(
                .init(connection: connection.id, ref: ref, device: device, messages: messages, kind: kind),
                from: connection)
        case .change(let change, let ref): self.change(change, ref, connection)
        case .noteActive(let ref):
            if let device = connection.device { self.services.devices.noteActive(device) }
            self.write(.ok, ref: ref, to: connection)
        case .pong(let payload): self.write(WebSocketEncoder.frame(.pong, payload), to: connection)
        case .close(let reason): self.end(connection, reason)
        case .finish(let code): self.finish(connection, code)
        }
    }

    /// Repeats the device's close frame, unless it answers ours, and lets go.
    private func finish(_ connection: Connection, _ code: UInt16?) {
        if !connection.isEnding {
            connection.isEnding = true
            self.leave(connection)
            connection.write(WebSocketEncoder.close(code))
        }
        connection.flush()
        connection.cut()
    }

    private func register(_ registration: ClientFrame.Registration, _ ref: FrameRef?, _ connection: Connection) {
        let services = self.services
        self.pause(connection)
        let (id, source) = (connection.id, connection.source)
        self.later {
            do throws(Refusal) {
                return Result<_, Refusal>.success(
                    try await services.devices.register(.init(registration), from: source))
            } catch {
                return .failure(error)
            }
        } then: { loop, outcome in
            guard let connection = loop.slots[id], !connection.isEnding else { return }
            switch outcome {
            case .failure(let refusal): loop.refuse(refusal, ref, connection)
            case .success(let device):
                loop.write(.registered(device.registrationID, secret: device.secret), ref: ref, to: connection)
                loop.enter(connection, as: services.entered(device.key, device.platform), greeting: .none)
            }
        }
    }

    private func change(_ change: DeviceChange, _ ref: FrameRef?, _ connection: Connection) {
        guard let device = connection.device else { return }
        let services = self.services
        self.pause(connection)
        let id = connection.id
        self.later {
            do throws(Refusal) {
                try await services.devices.change(change, of: device)
                return ServerFrame.ok
            } catch {
                return ServerFrame.error(error)
            }
        } then: { loop, answer in
            guard let connection = loop.slots[id] else { return }
            loop.write(answer, ref: ref, to: connection)
            loop.resume(connection)
        }
    }

    func pause(_ connection: Connection) {
        if case .webSocket(let handler) = connection.outlet { handler.pause() }
    }

    func resume(_ connection: Connection) {
        if case .webSocket(let handler) = connection.outlet { handler.resume() }
    }
}
