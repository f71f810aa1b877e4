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
    }

    private let state = Mutex(State())
    /// The limits of the server, under those of each app.
    private let serverLimits: Limits

    package init(serverLimits: Limits) { self.serverLimits = serverLimits }

    /// - Returns: nil for a key that nobody has.
    package func app(_ key: AppKey) -> App? { self.state.withLock { $0.byKey[key] } }

    /// - Returns: nil for an app that was deleted.
    package func app(_ id: AppID) -> App? { self.state.withLock { $0.byID[id] } }

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
