import Synchronization

/// Registered devices: who they are, how they change.
package final class DeviceService: Sendable {
    let directory: AppDirectory
    let index: AudienceIndex
    let committer: Committer
    let presence: Presence
    let store: any Store
    let clocks: Clocks
    let admission: DeviceAdmission
    /// What was imported up to here is in the index.
    let adopted: Mutex<ImportPlace>

    /// - Parameters:
    ///   - adopted: the last import before the index was read from the store.
    ///   - serverLimits: of these only what is counted by source address.
    package init(
        directory: AppDirectory, index: AudienceIndex, committer: Committer, presence: Presence, store: any Store,
        clocks: Clocks, adopted: ImportPlace, serverLimits: Limits, incidents: IncidentLog
    ) {
        self.directory = directory
        self.index = index
        self.committer = committer
        self.presence = presence
        self.store = store
        self.clocks = clocks
        self.adopted = Mutex(adopted)
        self.admission = DeviceAdmission(serverLimits: serverLimits, clocks: clocks, incidents: incidents)
    }

    /// A device's wish to be registered.
    package struct Registration: Sendable {
        /// The app that it says it is an install of.
        package let appKey: AppKey
        /// What it runs on.
        package let platform: Platform
        /// What it brings along: tags, alias, mobile, tokens, details.
        package let change: DeviceChange

        package init(appKey: AppKey, platform: Platform, change: DeviceChange) {
            self.appKey = appKey
            self.platform = platform
            self.change = change
        }
    }

    /// A device that has just been registered. The secret is shown here and never again.
    package struct Registered: Sendable {
        /// Where its bits stand.
        package let key: DeviceKey
        /// As it was registered.
        package let platform: Platform
        /// The name that was made for it.
        package let registrationID: RegistrationID
        /// 32 lower-case hex digits.
        package let secret: String

        fileprivate init(_ device: Device, secret: String) {
            self.key = DeviceKey(app: device.app, ordinal: device.ordinal)
            self.platform = device.platform
            self.registrationID = device.registrationID
            self.secret = secret
        }
    }

    /// Registers a device; durable when it returns.
    ///
    /// - Parameter source: where the wish comes from; nil counts for no address.
    package func register(
        _ registration: Registration, from source: IPAddress? = nil
    ) async throws(Refusal) -> Registered {
        try self.admission.checkRegistration(from: source)
        guard let app = self.directory.app(registration.appKey) else { throw Refusal(.unknownKey) }
        guard !app.isBlocked else { throw Refusal(.blacklisted) }
        let secret = RandomText.hex(digits: Self.secretDigits)
        let hash = SecretHash(hashing: secret)
        // Two devices with one 72-bit name: not expected in this universe, and answered by drawing again.
        for _ in 0..<3 {
            guard let name = RegistrationID("1" + RandomText.hex(digits: Self.registrationIDDigits - 1)) else { break }
            let device = try Device(
                app: app.id, ordinal: self.index[app.id].reserveOrdinal(), registrationID: name, secret: hash,
                platform: registration.platform, registeredAt: self.clocks.now()
            ).applying(registration.change)
            let order = Write.register(
                device, devicesPerAlias: self.devicesPerAlias(registration.change, of: app.id))
            switch await self.committer.commit(order) {
            case .done, .changedAll, .adopted: return Registered(device, secret: secret)
            case .changed(_, let kept): return Registered(kept, secret: secret)
            case .refused(let refusal): throw refusal
            case .failed(.conflict): continue
            case .failed(let error): throw Refusal(error)
            }
        }
        throw Refusal(.internalFault)
    }

    /// Changes a device; durable, and seen by the next push, when it returns.
    package func change(_ change: DeviceChange, of key: DeviceKey) async throws(Refusal) {
        guard !change.isEmpty else { return }
        let most = self.devicesPerAlias(change, of: key.app)
        try await self.committer.commit(.change(change, of: key.ordinal, in: key.app, devicesPerAlias: most)).get()
    }

    /// Notes that the app was opened by its user. Written behind.
    package func noteActive(_ key: DeviceKey) { self.presence.noteActive(key) }

    /// The limits in force for an app.
    package func limits(of app: AppID) -> Limits { self.directory.limits(of: app) }

    /// How many devices the alias that a change binds may name. The store holds a change against it in its place among
    /// all others, so that two at once cannot both be the last.
    private func devicesPerAlias(_ change: DeviceChange, of app: AppID) -> Int? {
        guard case .some(.some) = change.alias else { return nil }
        let limit = self.directory.limits(of: app).ceiling(.devicesPerAlias)
        return limit < .max ? limit : nil
    }

    private static let registrationIDDigits = 19
    private static let secretDigits = 32
}
