/// The public name of a developer or of a group, and the user name of its Basic credentials.
///
/// - Shape: as an ``AppKey``. A group's caller writes `group-` before it.
package struct AccountKey: Hashable, Sendable {
    /// Without the prefix of a group.
    package let text: String

    /// - Returns: nil when the text has another shape.
    package init?(_ text: String) {
        guard AppKey.isLegal(text) else { return nil }
        self.text = text
    }
}

/// The store's number of a developer: positive, never used again.
package struct DeveloperID: Hashable, Comparable, Sendable {
    /// 0 where the store has not given one yet.
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// A caller of the Admin API: makes apps and groups, and uploads lists for group pushes.
package struct Developer: Sendable, Equatable {
    /// 0 until the store has given it a number.
    package var id: DeveloperID
    /// Unique in the store.
    package let key: AccountKey
    /// For people; not unique.
    package var name: String
    /// What the developer's secret is checked against.
    package var secret: SecretHash
    /// When the operator made it.
    package let createdAt: Timestamp
    /// Whether it may upload lists for group file pushes.
    package var mayUploadFiles = true

    package init(
        id: DeveloperID = DeveloperID(0), key: AccountKey, name: String, secret: SecretHash, createdAt: Timestamp
    ) {
        self.id = id
        self.key = key
        self.name = name
        self.secret = secret
        self.createdAt = createdAt
    }
}
