// From a device's claim to be one that is registered to the proof of it.
extension DeviceService {
    /// A device's claim, with what proves it.
    package struct Login: Sendable {
        /// The name that it was given, whatever its shape.
        package let registrationID: String
        /// What it was given with the name.
        package let secret: String
        /// What it tells of itself on the occasion.
        package let change: DeviceChange
        /// Where it comes from; nil counts for no address.
        package let source: IPAddress?

        package init(
            registrationID: String, secret: String, change: DeviceChange = DeviceChange(), from source: IPAddress?
        ) {
            self.registrationID = registrationID
            self.secret = secret
            self.change = change
            self.source = source
        }
    }

    /// A device that proved who it is.
    package struct LoggedIn: Sendable, Equatable {
        /// Where its bits stand.
        package let key: DeviceKey
        /// As it was registered.
        package let platform: Platform
        /// The name that it logged in with.
        package let registrationID: RegistrationID
        /// Whether what it told of itself is still to be kept; false where the store has it just so.
        package let hasNews: Bool

        /// Takes what a login found.
        package init(key: DeviceKey, platform: Platform, registrationID: RegistrationID, hasNews: Bool = false) {
            self.key = key
            self.platform = platform
            self.registrationID = registrationID
            self.hasNews = hasNews
        }
    }

    /// Checks a device's credentials.
    ///
    /// - Parameter source: where it comes from; nil counts for no address.
    /// - Throws: as ``login(_:)`` answers.
    package func login(
        _ registrationID: String, secret: String, from source: IPAddress? = nil
    ) async throws(Refusal) -> LoggedIn {
        let login = Login(registrationID: registrationID, secret: secret, from: source)
        guard let outcome = await self.login([login]).first else { throw Refusal(.internalFault) }
        return try outcome.get()
    }

    /// Checks the credentials of many devices with one look into the store, which costs as much however many apps and
    /// devices there are.
    ///
    /// - Returns: in their order, and as if each had come behind the one before it; for those that do not hold
    ///   ``Refusal/Kind/badSecret`` for an unknown id and a wrong secret alike, ``Refusal/Kind/rateLimited`` in its
    ///   place once too many have failed from there, ``Refusal/Kind/blacklisted``.
    package func login(_ logins: [Login]) async -> [Result<LoggedIn, Refusal>] {
        let names = logins.map { RegistrationID($0.registrationID) }
        // Who is refused anyhow is not looked for.
        let refusals = zip(logins, names).map { login, name in
            name.flatMap { self.admission.refusal(of: $0, from: login.source) }
        }
        let wanted = zip(names, refusals).compactMap { name, refusal in refusal == nil ? name : nil }
        let devices = await StoreAnswers(about: wanted) { [store] names throws(StoreError) in
            let found = try await store.devices(named: names)
            return Dictionary(found.map { ($0.registrationID, $0) }) { first, _ in first }
        }
        return logins.indices.map { index in
            Result { () throws(Refusal) in
                if let refusal = refusals[index] { throw refusal }
                return try self.check(logins[index], names[index], devices)
            }
        }
    }

    private func check(
        _ login: Login, _ name: RegistrationID?, _ devices: StoreAnswers<RegistrationID, Device>
    ) throws(Refusal) -> LoggedIn {
        guard let name else { throw self.unknown(login) }
        // Another of the same batch may have failed.
        if let refusal = self.admission.refusal(of: name, from: login.source) { throw refusal }
        let stored: Device?
        do { stored = try devices.answer(about: name) } catch { throw Refusal(error) }
        // A device that pushes would not find yet is not known here yet; neither is one of an app that is going.
        guard let device = stored, let app = self.directory.app(device.app),
            self.index[device.app].ordinal(of: name) == device.ordinal
        else { throw self.unknown(login) }
        guard (device.secret ?? Self.nobody).matches(login.secret), device.secret != nil else {
            throw self.admission.failedLogin(of: name, from: login.source)
        }
        guard !app.isBlocked else { throw Refusal(.blacklisted) }
        // What cannot be applied is refused by the write.
        let hasNews = !login.change.isEmpty && (try? device.applying(login.change)) != device
        return LoggedIn(
            key: DeviceKey(app: device.app, ordinal: device.ordinal), platform: device.platform,
            registrationID: name, hasNews: hasNews)
    }

    private func unknown(_ login: Login) -> Refusal {
        _ = Self.nobody.matches(login.secret)
        return self.admission.failedLogin(of: nil, from: login.source)
    }

    /// What an unknown device's secret is compared with, so that the answer takes as long.
    private static let nobody = SecretHash(hashing: RandomText.hex(digits: 32))
}
