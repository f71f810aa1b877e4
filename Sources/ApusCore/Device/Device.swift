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
    /// When an operator last imported it; nil for a device that registered by itself and was never imported.
    package var importedAt: Timestamp?
    /// Whether `options.test_model` pushes reach it.
    package var isTest = false
    /// What its team calls it, and since when it is one; nil where nobody gave it a name.
    package var testName: TestName?

    /// A test device's place in the list of them.
    package struct TestName: Sendable, Equatable {
        /// For people; not unique.
        package var text: String
        /// When it became a test device.
        package let since: Timestamp

        package init(text: String, since: Timestamp) {
            self.text = text
            self.since = since
        }
    }

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
    package var activeAt: Timestamp {
        max(self.registeredAt, self.seenAt ?? self.registeredAt, self.importedAt ?? self.registeredAt)
    }
}

/// What is to change on a device; nil members stay as they are.
///
/// Applied inside the store's transaction, so that two changes at once both count.
package struct DeviceChange: Sendable, Equatable {
    /// Nil leaves all as they are.
    package var tags: TagChange?
    /// `.some(nil)` unbinds.
    package var alias: Alias??
    /// Unbinds this alias, where it still is the device's when the change comes to its turn.
    package var unboundAlias: Alias?
    /// `.some(nil)` clears.
    package var mobile: String??
    /// A nil value removes the token.
    package var tokens: [String: String?] = [:]
    /// Replaces all of them.
    package var details: [String: String]?
    /// Replaces the secret.
    package var secret: SecretHash?
    /// When an operator imported it.
    package var importedAt: Timestamp?
    /// Nil leaves it the test device that it is, or is not.
    package var test: TestChange?

    /// How a device becomes a test device, or ceases to be one.
    package enum TestChange: Sendable, Equatable {
        /// Refused with ``Refusal/Kind/badValue`` for a device that is one.
        case add(Device.TestName)
        /// Refused, as removing is, with ``Refusal/Kind/deviceUnknown`` for a device that is none.
        case rename(String)
        case remove
    }

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
    /// - Throws: ``Refusal/Kind/badValue`` when it would carry more than ``tagsMax`` tags, and what
    ///   ``DeviceChange/test`` says.
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
        if let alias = change.unboundAlias, device.alias == alias { device.alias = nil }
        if let mobile = change.mobile { device.mobile = mobile }
        for (name, token) in change.tokens { device.tokens[name] = token }
        if let details = change.details { device.details = details }
        if let secret = change.secret { device.secret = secret }
        if let importedAt = change.importedAt { device.importedAt = importedAt }
        try device.apply(change.test)
        return device
    }

    private mutating func apply(_ change: DeviceChange.TestChange?) throws(Refusal) {
        switch change {
        case nil: break
        case .add(let name):
            guard !self.isTest else { throw Refusal(.badValue, "the device is a test device already") }
            (self.isTest, self.testName) = (true, name)
        case .rename(let text):
            guard self.isTest else { throw Self.isNoTest }
            self.testName = TestName(text: text, since: self.testName?.since ?? self.registeredAt)
        case .remove:
            guard self.isTest else { throw Self.isNoTest }
            (self.isTest, self.testName) = (false, nil)
        }
    }

    private static let isNoTest = Refusal(.deviceUnknown, "The registration_id is not one of a test device")
}

extension Device {
    /// The same device at another place in the bitmaps of its app.
    package func standing(at ordinal: Ordinal) -> Device {
        var device = Device(
            app: self.app, ordinal: ordinal, registrationID: self.registrationID, secret: self.secret,
            platform: self.platform, registeredAt: self.registeredAt)
        (device.tags, device.alias, device.mobile) = (self.tags, self.alias, self.mobile)
        (device.tokens, device.details) = (self.tokens, self.details)
        (device.seenAt, device.importedAt) = (self.seenAt, self.importedAt)
        (device.isTest, device.testName) = (self.isTest, self.testName)
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
