private import Synchronization

/// The audiences of all apps.
package final class AudienceIndex: Sendable {
    private let apps = Mutex<[AppID: AppAudience]>([:])

    package init() {}

    /// The audience of an app; an empty one for an app that has none yet.
    package subscript(app: AppID) -> AppAudience {
        self.apps.withLock { apps in
            if let audience = apps[app] { return audience }
            let audience = AppAudience()
            apps[app] = audience
            return audience
        }
    }

    /// Forgets an app's audience.
    package func remove(_ app: AppID) { self.apps.withLock { $0[app] = nil } }

    /// Builds the audience of an app from the store, page by page.
    package func load(_ app: AppID, from store: any Store) async throws(StoreError) {
        let audience = self[app]
        var first: Ordinal = 0
        while true {
            let page = try await store.devices(of: app, from: first, limit: Self.pageSize)
            for device in page { audience.add(device) }
            guard page.count == Self.pageSize, let last = page.last else { return }
            first = last.ordinal + 1
        }
    }

    private static let pageSize = 10_000
}
