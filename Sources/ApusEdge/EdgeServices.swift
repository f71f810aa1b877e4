package import ApusCore

/// What the edge needs of the node's core.
package struct EdgeServices: Sendable {
    let devices: DeviceService
    let presence: Presence
    let book: DeliveryBook
    let committer: Committer
    let reports: ReportBook
    let bus: LocalBus
    let incidents: IncidentLog
    let clocks: Clocks
    /// A number of the range, each as likely as any other.
    let random: @Sendable (ClosedRange<Int>) -> Int

    /// - Parameter random: the machine's, where no test puts its own.
    package init(
        core: Core, clocks: Clocks, random: @escaping @Sendable (ClosedRange<Int>) -> Int = { .random(in: $0) }
    ) {
        self.devices = core.devices
        self.presence = core.presence
        self.book = core.book
        self.committer = core.committer
        self.reports = core.reports
        self.bus = core.bus
        self.incidents = core.incidents
        self.clocks = clocks
        self.random = random
    }
}

/// A device that has proved who it is, with what its app allows it.
struct EnteredDevice: Sendable {
    let key: DeviceKey
    let platform: Platform
    let framesPerSecond: Int
    let waitingMax: Int
}

extension EdgeServices {
    func entered(_ key: DeviceKey, _ platform: Platform) -> EnteredDevice {
        let limits = self.devices.limits(of: key.app)
        return EnteredDevice(
            key: key, platform: platform, framesPerSecond: limits[.framesPerSecond],
            waitingMax: limits.ceiling(.offlinePerDevice))
    }

    /// Checks a device's credentials.
    func login(_ user: String, _ secret: String, from source: IPAddress?) async throws(Refusal) -> EnteredDevice {
        let device = try await self.devices.login(user, secret: secret, from: source)
        return self.entered(device.key, device.platform)
    }
}
