/// What developers do: make and delete apps, hand in certificates.
package final class DeveloperService: Sendable {
    /// Characters of an app's name and of a group's.
    package static let nameMax = 60

    private let directory: AppDirectory
    private let store: any Store
    private let sealingKey: SealingKey
    private let clocks: Clocks
    /// Takes over changed apps and accounts.
    private let reload: @Sendable () async throws(StoreError) -> Void

    init(
        directory: AppDirectory, store: any Store, sealingKey: SealingKey, clocks: Clocks,
        reload: @escaping @Sendable () async throws(StoreError) -> Void
    ) {
        self.directory = directory
        self.store = store
        self.sealingKey = sealingKey
        self.clocks = clocks
        self.reload = reload
    }

    /// An app as its developer is told of it.
    package struct CreatedApp: Sendable {
        /// Of the app that there is now.
        package let key: AppKey
        /// Shown once; nil for an app that was there before, whose secret nobody can read back.
        package let secret: String?
    }

    /// Makes an app, or finds the developer's app with the same package. Callers may use it when this returns.
    package func createApp(
        named name: String, androidPackage: String, groupName: String?, of developer: Developer
    ) async throws(Refusal) -> CreatedApp {
        let secret = RandomText.hex(digits: AppKey.length)
        let now = self.clocks.now()
        // A key of 96 random bits that is taken: answered by drawing again.
        for _ in 0..<3 {
            guard let key = AppKey(RandomText.hex(digits: AppKey.length)),
                let groupKey = AccountKey(RandomText.hex(digits: AppKey.length))
            else { break }
            let group = groupName.map { name in
                AppGroup(
                    key: groupKey, name: name, secret: SecretHash(hashing: RandomText.hex(digits: AppKey.length)),
                    createdAt: now, developer: developer.id)
            }
            let app = App(key: key, name: name, secret: SecretHash(hashing: secret), createdAt: now)
            do throws(StoreError) {
                let outcome = try await self.store.createApp(
                    AppOrder(app: app, androidPackage: androidPackage, developer: developer.id, group: group))
                try await self.reload()
                return CreatedApp(key: outcome.key, secret: outcome.isNew ? secret : nil)
            } catch {
                guard error == .conflict else { throw Refusal(error) }
            }
        }
        throw Refusal(.internalFault)
    }

    /// Deletes an app of the developer. Its credentials end when this returns.
    ///
    /// - Throws: as ``app(_:of:)``; ``Refusal/Kind/appNotDeleted`` when another caller was faster.
    package func deleteApp(_ key: String, of developer: Developer) async throws(Refusal) {
        let app = try await self.app(key, of: developer)
        let isDeleted: Bool
        do throws(StoreError) {
            isDeleted = try await self.store.deleteApp(app.id)
            try await self.reload()
        } catch {
            throw Refusal(error)
        }
        guard isDeleted else { throw Refusal(.appNotDeleted) }
    }

    /// Keeps certificates of an app, sealed.
    ///
    /// - Throws: ``Refusal/Kind/certificateInvalid`` for one that does not hold today,
    ///   ``Refusal/Kind/certificateExists`` when one of them is stored already; none is kept then.
    package func keep(_ certificates: [CheckedCertificate], of app: App) async throws(Refusal) {
        let now = self.clocks.now()
        var sealed: [SealedCertificate] = []
        for certificate in certificates {
            guard certificate.validFrom <= now, now < certificate.expiresAt else { throw Refusal(.certificateInvalid) }
            sealed.append(
                SealedCertificate(
                    app: app.id, environment: certificate.environment, fingerprint: certificate.fingerprint,
                    expiresAt: certificate.expiresAt,
                    sealed: try self.sealingKey.seal(
                        try certificate.secretBytes(), for: Self.purpose(app.id, certificate.environment))))
        }
        let isKept: Bool
        do { isKept = try await self.store.keepCertificates(sealed) } catch { throw Refusal(error) }
        guard isKept else { throw Refusal(.certificateExists) }
    }

    /// What a certificate is sealed for: a row that was moved to another app does not open.
    package static func purpose(_ app: AppID, _ environment: SealedCertificate.Environment) -> String {
        "certificate/\(app.number)/\(environment.rawValue)"
    }

    /// The developer's app with this key.
    ///
    /// - Throws: ``Refusal/Kind/appKeyInvalid`` for what is no key, ``Refusal/Kind/appUnknown`` for one that nobody or
    ///   somebody else has.
    package func app(_ key: String, of developer: Developer) async throws(Refusal) -> App {
        guard let key = AppKey(key) else { throw Refusal(.appKeyInvalid) }
        guard let app = self.directory.app(key) else { throw Refusal(.appUnknown) }
        let owner: DeveloperID?
        do { owner = try await self.store.owner(of: app.id) } catch { throw Refusal(error) }
        guard owner == developer.id else { throw Refusal(.appUnknown) }
        return app
    }
}
