/// The store's number of a group: positive, never used again.
package struct GroupID: Hashable, Comparable, Sendable {
    /// 0 where the store has not given one yet.
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// Apps that are pushed to together, with credentials of their own.
package struct AppGroup: Sendable, Equatable {
    /// What a caller writes before the key.
    package static let keyPrefix = "group-"

    /// 0 until the store has given it a number.
    package var id: GroupID
    /// Unique in the store.
    package let key: AccountKey
    /// Unique among the groups of one developer; groups without a developer may share a name.
    package var name: String
    /// What the group's master secret is checked against.
    package var secret: SecretHash
    /// When it was made.
    package let createdAt: Timestamp
    /// Whose uploads its file pushes may name; nil for a group that the operator made for nobody in particular.
    package var developer: DeveloperID?
    /// Its apps, by number; apps that were deleted are not among them.
    package var members: [AppID]

    package init(
        id: GroupID = GroupID(0), key: AccountKey, name: String, secret: SecretHash, createdAt: Timestamp,
        developer: DeveloperID? = nil, members: [AppID] = []
    ) {
        self.id = id
        self.key = key
        self.name = name
        self.secret = secret
        self.createdAt = createdAt
        self.developer = developer
        self.members = members
    }
}

/// The number of a group's push, which stands for one push in each of its apps.
///
/// - Shape: `gid` and 1 to 19 decimal digits.
package struct GroupMessageID: Hashable, Sendable {
    /// From the same row of numbers as messages.
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    /// - Returns: nil for a text of another shape.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix("gid"), let id = MessageID(decimal: text.dropFirst(3)) else { return nil }
        self.number = id.number
    }

    /// As it goes over the wire.
    package var text: String { "gid\(self.number)" }
}

/// An accepted push of a group, kept for its reports and for repeats of its cid.
package struct GroupPush: Sendable, Equatable {
    /// Unique in the store.
    package let id: GroupMessageID
    /// Whose push it is.
    package let group: GroupID
    /// The caller's idempotency id, scoped to the group.
    package let cid: CID?
    /// When the first of its apps took it.
    package let acceptedAt: Timestamp
    /// The pushes of the apps that took it.
    package let messages: [MessageID]
    /// The body that its caller was answered with, and every repeat is.
    package let answer: [UInt8]

    package init(
        id: GroupMessageID, group: GroupID, cid: CID?, acceptedAt: Timestamp, messages: [MessageID], answer: [UInt8]
    ) {
        self.id = id
        self.group = group
        self.cid = cid
        self.acceptedAt = acceptedAt
        self.messages = messages
        self.answer = answer
    }
}
