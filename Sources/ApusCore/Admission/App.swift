/// The store's number of an app: positive, never used again.
package struct AppID: Hashable, Comparable, Sendable {
    /// 0 where the store has not given one yet.
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// A customer of this server: who may push, to whom, how much.
package struct App: Sendable, Equatable {
    /// 0 until the store has given it a number.
    package var id: AppID
    /// Its public name, unique in the store.
    package let key: AppKey
    /// For people; not unique.
    package var name: String
    /// What the master secret is checked against.
    package var secret: SecretHash
    /// When the operator made it.
    package let createdAt: Timestamp
    /// On the blacklist: every authenticated call is 403 / 2003.
    package var isBlocked = false
    /// Whether the vendor's VIP-only endpoints are open.
    package var isVIP = true
    /// Where calls may come from; empty means anywhere.
    package var allowedSources: [AddressBlock] = []
    /// This app's own values, over the server's.
    package var limits = Limits()

    package init(id: AppID = AppID(0), key: AppKey, name: String, secret: SecretHash, createdAt: Timestamp) {
        self.id = id
        self.key = key
        self.name = name
        self.secret = secret
        self.createdAt = createdAt
    }
}
