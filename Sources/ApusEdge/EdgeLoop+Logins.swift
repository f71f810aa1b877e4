internal import ApusCore
internal import ApusWire
internal import NIOCore

/// A device's login, until it is checked.
struct GatheredLogin: Sendable {
    let connection: SessionID
    let ref: FrameRef?
    let login: DeviceService.Login
}

// From login frames to live sessions, in batches.
extension EdgeLoop {
    /// Takes a login; it is checked together with all others of this turn, or of the batch under way.
    func gather(_ login: ClientFrame.Login, _ ref: FrameRef?, _ connection: Connection) {
        self.pause(connection)
        let isFirst = self.logins.add(
            GatheredLogin(
                connection: connection.id, ref: ref,
                login: DeviceService.Login(
                    registrationID: login.registrationID, secret: login.secret,
                    change: DeviceChange(.login(login)), from: connection.source)))
        guard isFirst else { return }
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.eventLoop.execute { here.value.checkLogins() }
    }

    private func checkLogins() {
        let batch = self.logins.next()
        guard !batch.isEmpty else { return }
        let devices = self.services.devices
        self.later {
            await devices.login(batch.map(\.login))
        } then: { loop, outcomes in
            for (login, outcome) in zip(batch, outcomes) { loop.checked(login, outcome) }
            loop.checkLogins()
        }
    }

    private func checked(_ gathered: GatheredLogin, _ outcome: Result<DeviceService.LoggedIn, Refusal>) {
        guard let connection = self.slots[gathered.connection], !connection.isEnding else { return }
        switch outcome {
        case .failure(let refusal): self.refuse(refusal, gathered.ref, connection)
        case .success(let device):
            let entered = self.services.entered(device.key, device.platform)
            if device.hasNews {
                self.keepNews(gathered, of: entered)
            } else {
                self.enter(connection, as: entered, greeting: .ready(ref: gathered.ref))
            }
        }
    }

    /// What the device told of itself is durable before it is told that it is in. The others do not wait for that.
    private func keepNews(_ gathered: GatheredLogin, of device: EnteredDevice) {
        let devices = self.services.devices
        self.later {
            do throws(Refusal) {
                try await devices.change(gathered.login.change, of: device.key)
                return Result<_, Refusal>.success(())
            } catch {
                return .failure(error)
            }
        } then: { loop, outcome in
            guard let connection = loop.slots[gathered.connection], !connection.isEnding else { return }
            switch outcome {
            case .failure(let refusal): loop.refuse(refusal, gathered.ref, connection)
            case .success: loop.enter(connection, as: device, greeting: .ready(ref: gathered.ref))
            }
        }
    }

    /// Tells a device why it is not let in, and ends its connection.
    func refuse(_ refusal: Refusal, _ ref: FrameRef?, _ connection: Connection) {
        self.perform(connection.session.refused(refusal, ref: ref), on: connection)
    }
}
