private import Synchronization

/// Who may call: credentials, blacklist, source address, and how often credentials may fail.
package final class Authenticator: Sendable {
    private let directory: AppDirectory
    private let failures: RateLimiter<IPAddress>
    private let failedPerMinute: Int

    /// Builds it over the apps; of the limits only `failed_auth_per_minute` counts here.
    package init(directory: AppDirectory, serverLimits: Limits, clocks: Clocks) {
        self.directory = directory
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
            return try self.check(credentials)
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

    private func check(_ credentials: Credentials) throws(Refusal) -> App {
        switch credentials {
        case .none: throw Refusal(.missingCredentials)
        case .malformed: throw Refusal(.malformedCredentials)
        case .basic(let user, let password):
            if user.isEmpty && password.isEmpty { throw Refusal(.missingCredentials) }
            if user.hasPrefix("group-") { throw Refusal(.badSecret) }
            guard let key = AppKey(user), let app = self.directory.app(key) else {
                _ = Self.nobody.matches(password)
                throw Refusal(.unknownKey)
            }
            guard app.secret.matches(password) else { throw Refusal(.badSecret) }
            return app
        }
    }

    /// What an unknown key's secret is compared with, so that the answer takes as long.
    private static let nobody = SecretHash(hashing: RandomText.hex(digits: 24))
}
