private import Synchronization

/// The apps of this server, as the store last told.
///
/// Operators change apps while the server runs, from another process; see ``Core/followOperators()``.
package final class AppDirectory: Sendable {
    private struct State {
        var byKey: [AppKey: App] = [:]
        var byID: [AppID: App] = [:]
        /// The server's limits with each app's own over them: asked several times by every call.
        var limits: [AppID: Limits] = [:]
        /// By a header that has proved to be theirs. It goes when these apps go: whatever an operator changes takes
        /// every proof with it.
        var proved: [Proof: App] = [:]
    }

    /// What is remembered of an `Authorization` header: enough to know it again, nothing to tell it from.
    ///
    /// A keyed hash of 128 bits. Who can be known by it has been found by the hash of the secret before
    /// (``SecretHash``), and guessing a header that meets one is no easier than guessing a secret.
    struct Proof: Hashable, Sendable {
        /// Of this process, in memory alone.
        private static let key = SipHash.Key(
            low: .random(in: .min ... .max), high: .random(in: .min ... .max))

        private let hash: SipHash.Value

        init(_ header: String) {
            var header = header
            self.hash = header.withUTF8 { SipHash.hash($0, with: Self.key) }
        }

        func hash(into hasher: inout Hasher) { hasher.combine(self.hash.low) }
    }

    /// Proofs that are kept; beyond it all are forgotten. An app has one or two.
    private static let proofsMax = 4096

    private let state = Mutex(State())
    /// The limits of the server, under those of each app.
    private let serverLimits: Limits

    package init(serverLimits: Limits) { self.serverLimits = serverLimits }

    /// - Returns: nil for a key that nobody has.
    package func app(_ key: AppKey) -> App? { self.state.withLock { $0.byKey[key] } }

    /// - Returns: nil for an app that was deleted.
    package func app(_ id: AppID) -> App? { self.state.withLock { $0.byID[id] } }

    /// - Returns: nil for a header that has not proved to be anybody's since the apps last changed.
    func app(_ proof: Proof) -> App? { self.state.withLock { $0.proved[proof] } }

    /// Remembers whose header it is, unless the app has changed since it was looked at.
    func keep(_ proof: Proof, of app: App) {
        self.state.withLock { state in
            guard state.byKey[app.key] == app else { return }
            if state.proved.count >= Self.proofsMax { state.proved = [:] }
            state.proved[proof] = app
        }
    }

    /// The server's limits with the app's own over them; the server's alone for an unknown app.
    package func limits(of app: AppID) -> Limits {
        self.state.withLock { $0.limits[app] } ?? self.serverLimits
    }

    /// Takes over what the store holds.
    ///
    /// - Returns: the apps that are gone.
    func replace(with apps: [App]) -> [AppID] {
        let byID = Dictionary(uniqueKeysWithValues: apps.map { ($0.id, $0) })
        let byKey = Dictionary(apps.map { ($0.key, $0) }) { _, newest in newest }
        let limits = byID.mapValues { self.serverLimits.overlaid(by: $0.limits) }
        return self.state.withLock { state in
            defer { state = State(byKey: byKey, byID: byID, limits: limits) }
            return state.byID.keys.filter { byID[$0] == nil }.sorted()
        }
    }
}
