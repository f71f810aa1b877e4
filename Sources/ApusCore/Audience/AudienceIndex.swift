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

    /// Builds the audience of an app from the store: several pages at a time, in whatever order they come.
    package func load(_ app: AppID, from store: any Store) async throws(StoreError) {
        guard let last = try await store.lastOrdinal(of: app) else { return }
        let audience = self[app]
        var failure: StoreError?
        await withTaskGroup(of: StoreError?.self) { group in
            for first in 0..<Self.pagesAtOnce {
                group.addTask { await Self.load(app, pagesFrom: first, through: last, from: store, into: audience) }
            }
            for await one in group { failure = failure ?? one }
        }
        if let failure { throw failure }
    }

    /// Loads every so many-th page.
    ///
    /// - Returns: what stopped it.
    private static func load(
        _ app: AppID, pagesFrom first: Int, through last: Ordinal, from store: any Store, into audience: AppAudience
    ) async -> StoreError? {
        for page in stride(from: first, through: Int(last) / Self.pageSize, by: Self.pagesAtOnce) {
            let start = Ordinal(page * Self.pageSize)
            let end = Ordinal(min(Int(last), (page + 1) * Self.pageSize - 1))
            do {
                audience.add(try await store.audience(of: app, in: start...end))
            } catch {
                return error
            }
        }
        return nil
    }

    /// Ordinals of one page.
    private static let pageSize = 16_384
    /// As many as a store may read at once without standing in its own way.
    private static let pagesAtOnce = 2
}
