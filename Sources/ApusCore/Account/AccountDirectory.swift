private import Synchronization

/// The developers and groups of this server, as the store last told.
package final class AccountDirectory: Sendable {
    private struct State {
        var developers: [AccountKey: Developer] = [:]
        var groups: [AccountKey: AppGroup] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// - Returns: nil for a key that nobody has.
    package func developer(_ key: AccountKey) -> Developer? { self.state.withLock { $0.developers[key] } }

    /// - Parameter key: without its prefix.
    /// - Returns: nil for a key that no group has.
    package func group(_ key: AccountKey) -> AppGroup? { self.state.withLock { $0.groups[key] } }

    /// The developer with this number.
    package func developer(_ id: DeveloperID) -> Developer? {
        self.state.withLock { $0.developers.values.first { $0.id == id } }
    }

    /// Takes over what the store holds.
    package func reload(from store: any Store) async throws(StoreError) {
        let developers = try await store.developers()
        let groups = try await store.groups()
        self.state.withLock { state in
            state.developers = Dictionary(developers.map { ($0.key, $0) }) { _, newest in newest }
            state.groups = Dictionary(groups.map { ($0.key, $0) }) { _, newest in newest }
        }
    }
}
