/// One install of an app, as the store keeps it.
package struct Device: Sendable, Equatable {
    /// Whose install it is; never changes.
    package let app: AppID
    /// Its place in every bitmap of its app.
    package let ordinal: Ordinal
    /// Its public name, unique in the store.
    package let registrationID: RegistrationID
    /// Nil for a device that only the API and vendor tokens know; it cannot log in.
    package var secret: SecretHash?
    /// Told at registration; never changes.
    package let platform: Platform
    /// In order of binding, without duplicates, at most ``tagsMax``.
    package var tags: [Tag] = []
    /// At most one; nil for none.
    package var alias: Alias?
    /// Digits with an optional `+`, 1 to 20 characters.
    package var mobile: String?
    /// Vendor tokens by name (`apns`, `fcm`, …).
    package var tokens: [String: String] = [:]
    /// What the device says of itself: `model`, `os`, `app_version`.
    package var details: [String: String] = [:]
    /// When the registration was accepted.
    package let registeredAt: Timestamp
    /// End of its last session, or a moment within the running one; nil before the first.
    package var seenAt: Timestamp?
    /// Whether `options.test_model` pushes reach it.
    package var isTest = false

    /// Most tags of one device.
    package static let tagsMax = 1000

    package init(
        app: AppID, ordinal: Ordinal, registrationID: RegistrationID, secret: SecretHash?, platform: Platform,
        registeredAt: Timestamp
    ) {
        self.app = app
        self.ordinal = ordinal
        self.registrationID = registrationID
        self.secret = secret
        self.platform = platform
        self.registeredAt = registeredAt
    }

    /// The last sign of life that the audience's activity horizon is measured from.
    package var activeAt: Timestamp { max(self.registeredAt, self.seenAt ?? self.registeredAt) }
}

/// What is to change on a device; nil members stay as they are.
///
/// Applied inside the store's transaction, so that two changes at once both count.
package struct DeviceChange: Sendable, Equatable {
    /// Nil leaves all as they are.
    package var tags: TagChange?
    /// `.some(nil)` unbinds.
    package var alias: Alias??
    /// `.some(nil)` clears.
    package var mobile: String??
    /// A nil value removes the token.
    package var tokens: [String: String?] = [:]
    /// Replaces all of them.
    package var details: [String: String]?

    /// How the tags of a device change.
    package enum TagChange: Sendable, Equatable {
        case set([Tag])
        /// Removed first, then added: a tag in both ends bound.
        case change(add: [Tag], remove: [Tag])
    }

    package init() {}

    /// Whether nothing is to change.
    package var isEmpty: Bool { self == DeviceChange() }
}

extension Device {
    /// This device after the change.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` when it would carry more than ``tagsMax`` tags.
    package func applying(_ change: DeviceChange) throws(Refusal) -> Device {
        var device = self
        switch change.tags {
        case nil: break
        case .set(let tags): device.tags = tags.withoutDuplicates
        case .change(let add, let remove):
            let removed = Set(remove)
            device.tags = (self.tags.filter { !removed.contains($0) } + add).withoutDuplicates
        }
        guard device.tags.count <= Self.tagsMax else {
            throw Refusal(
                .badValue, "a device carries at most \(Self.tagsMax) tags, this would make \(device.tags.count)")
        }
        if let alias = change.alias { device.alias = alias }
        if let mobile = change.mobile { device.mobile = mobile }
        for (name, token) in change.tokens { device.tokens[name] = token }
        if let details = change.details { device.details = details }
        return device
    }
}

extension [Tag] {
    /// The tags in order of first appearance.
    fileprivate var withoutDuplicates: [Tag] {
        var seen: Set<Tag> = []
        return self.filter { seen.insert($0).inserted }
    }
}
