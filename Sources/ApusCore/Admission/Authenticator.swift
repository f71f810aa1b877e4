private import Synchronization

/// Who may call: credentials, blacklist, source address, and how often credentials may fail.
package final class Authenticator: Sendable {
    private let directory: AppDirectory
    private let accounts: AccountDirectory
    private let failures: RateLimiter<IPAddress>
    private let failedPerMinute: Int

    /// Builds it over the apps; of the limits only `failed_auth_per_minute` counts here.
    package init(
        directory: AppDirectory, accounts: AccountDirectory = AccountDirectory(), serverLimits: Limits, clocks: Clocks
    ) {
        self.directory = directory
        self.accounts = accounts
        self.failures = RateLimiter(clocks: clocks)
        self.failedPerMinute = serverLimits.ceiling(.failedAuthPerMinute)
    }

    /// What a caller presented.
    package enum Credentials: Sendable, Equatable {
        /// No header, or an empty user and password.
        case none
        /// Not Basic, not base64, or without a colon.
        case malformed
        case basic(user: String, password: String)
    }

    /// Finds the app of a caller.
    ///
    /// - Parameter source: where the call comes from; nil when it is not an IP peer.
    /// - Throws: credentials as `README` §3 of the contract orders them; ``Refusal/Kind/rateLimited`` when credentials
    ///   from this source have failed too often.
    package func authenticate(_ credentials: Credentials, from source: IPAddress?) throws(Refusal) -> App {
        try self.counting(failuresFrom: source) { () throws(Refusal) in try self.app(credentials) }
    }

    /// Finds the app of a caller by its `Authorization` header, as ``authenticate(_:from:)-(Credentials,_)`` does: one
    /// that has held before is known again, until anything about the apps changes.
    package func authenticate(_ header: String?, from source: IPAddress?) throws(Refusal) -> App {
        guard let header else { return try self.authenticate(Credentials.none, from: source) }
        return try self.counting(failuresFrom: source) { () throws(Refusal) -> App in
            let proof = AppDirectory.Proof(header)
            if let app = self.directory.app(proof) { return app }
            let app = try self.app(Credentials(header))
            self.directory.keep(proof, of: app)
            return app
        }
    }

    /// Finds the group of a caller, whose user name is `group-` and the key.
    ///
    /// - Throws: as ``authenticate(_:from:)``; an app's or a developer's credentials are a wrong secret.
    package func authenticateGroup(_ credentials: Credentials, from source: IPAddress?) throws(Refusal) -> AppGroup {
        try self.counting(failuresFrom: source) { () throws(Refusal) in try self.group(credentials) }
    }

    /// Finds the developer of a caller.
    ///
    /// - Throws: as ``authenticate(_:from:)``; the key of an app or a group is unknown here.
    package func authenticateDeveloper(
        _ credentials: Credentials, from source: IPAddress?
    ) throws(Refusal) -> Developer {
        try self.counting(failuresFrom: source) { () throws(Refusal) in
            let (user, password) = try Self.named(credentials)
            guard let key = AccountKey(user), let developer = self.accounts.developer(key) else {
                throw Self.unknown(password)
            }
            guard developer.secret.matches(password) else { throw Refusal(.badSecret) }
            return developer
        }
    }

    /// Finds the app or the developer of a caller, where either may call.
    ///
    /// - Throws: as ``authenticate(_:from:)``.
    package func authenticateUploader(
        _ credentials: Credentials, from source: IPAddress?
    ) throws(Refusal) -> Uploader {
        try self.counting(failuresFrom: source) { () throws(Refusal) in
            if case .basic(let user, let password) = credentials, let key = AccountKey(user),
                let developer = self.accounts.developer(key)
            {
                guard developer.secret.matches(password) else { throw Refusal(.badSecret) }
                return .developer(developer)
            }
            return .app(try self.app(credentials))
        }
    }

    /// Who calls where apps and developers may.
    package enum Uploader: Sendable {
        case app(App), developer(Developer)
    }

    /// Checks credentials, and counts it against their source when they do not hold.
    private func counting<Caller>(
        failuresFrom source: IPAddress?, _ check: () throws(Refusal) -> Caller
    ) throws(Refusal) -> Caller {
        if let source, self.failedPerMinute < .max {
            let budget = self.failures.peek(source, limit: self.failedPerMinute)
            guard budget.remaining > 0 else {
                var refusal = Refusal(
                    .rateLimited, "Rate limit exceeded: too many failed authentications from this address")
                refusal.retryAfterSeconds = budget.resetSeconds
                throw refusal
            }
        }
        do throws(Refusal) {
            return try check()
        } catch {
            if let source { _ = self.failures.take(source, limit: self.failedPerMinute) }
            throw error
        }
    }

    /// Checks what holds for an authenticated caller: blacklist, then source address.
    package func authorize(_ app: App, from source: IPAddress?) throws(Refusal) {
        guard !app.isBlocked else { throw Refusal(.blacklisted) }
        guard !app.allowedSources.isEmpty else { return }
        // Who has no address cannot be on a list of addresses.
        guard let source, app.allowedSources.contains(where: { $0.contains(source) }) else {
            throw Refusal(.addressNotAllowed)
        }
    }

    private func app(_ credentials: Credentials) throws(Refusal) -> App {
        let (user, password) = try Self.named(credentials)
        if user.hasPrefix(AppGroup.keyPrefix) { throw Refusal(.badSecret) }
        guard let key = AppKey(user), let app = self.directory.app(key) else { throw Self.unknown(password) }
        guard app.secret.matches(password) else { throw Refusal(.badSecret) }
        return app
    }

    private func group(_ credentials: Credentials) throws(Refusal) -> AppGroup {
        let (user, password) = try Self.named(credentials)
        guard user.hasPrefix(AppGroup.keyPrefix) else { throw Refusal(.badSecret) }
        guard let key = AccountKey(String(user.dropFirst(AppGroup.keyPrefix.count))),
            let group = self.accounts.group(key)
        else { throw Self.unknown(password) }
        guard group.secret.matches(password) else { throw Refusal(.badSecret) }
        return group
    }

    /// User and password, neither of which is checked yet.
    private static func named(_ credentials: Credentials) throws(Refusal) -> (user: String, password: String) {
        switch credentials {
        case .none: throw Refusal(.missingCredentials)
        case .malformed: throw Refusal(.malformedCredentials)
        case .basic(let user, let password):
            if user.isEmpty && password.isEmpty { throw Refusal(.missingCredentials) }
            return (user, password)
        }
    }

    private static func unknown(_ password: String) -> Refusal {
        _ = Self.nobody.matches(password)
        return Refusal(.unknownKey)
    }

    /// What an unknown key's secret is compared with, so that the answer takes as long.
    private static let nobody = SecretHash(hashing: RandomText.hex(digits: 24))
}
