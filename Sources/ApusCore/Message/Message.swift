/// What is kept of an accepted push: the truth from which everything else is derived.
package struct Message: Sendable, Equatable {
    /// Grows in order of acceptance, over all apps.
    package let id: MessageID
    /// Whose push it is.
    package let app: AppID
    /// The moment that its time to live, and its day in the limits, are counted from.
    package let acceptedAt: Timestamp
    /// 0 for devices that are online now, and nobody else.
    package let timeToLiveSeconds: Int
    /// Minutes over which its delivery is spread; 0 for at once.
    package let spreadMinutes: Int
    /// ``PushRequest/kept``.
    package let payload: [UInt8]
    /// The devices that the own channel addresses.
    package let target: Ordinals
    /// How many of them there are, by platform.
    package let targeted: PlatformCounts
    /// How many of them had a live session when the push was accepted, by platform.
    package let online: PlatformCounts
    /// Whether the audience was `all`, which the broadcast limit counts.
    package let isBroadcast: Bool
    /// The push that this one replaces.
    package let overrides: MessageID?
    /// Whether it still waits for anybody.
    package var state = State.live

    /// What has become of a message. Only a live one is delivered.
    package enum State: UInt8, Sendable, CaseIterable {
        case live, withdrawn, overridden
    }

    /// An audience up to this size is also indexed by device in the store, so that a login finds it without a scan;
    /// a larger one is found by testing its bitmap.
    package static let directMax = 64

    package init(
        id: MessageID, app: AppID, acceptedAt: Timestamp, timeToLiveSeconds: Int, spreadMinutes: Int,
        payload: [UInt8], target: Ordinals, targeted: PlatformCounts, online: PlatformCounts, isBroadcast: Bool,
        overrides: MessageID?
    ) {
        self.id = id
        self.app = app
        self.acceptedAt = acceptedAt
        self.timeToLiveSeconds = timeToLiveSeconds
        self.spreadMinutes = spreadMinutes
        self.payload = payload
        self.target = target
        self.targeted = targeted
        self.online = online
        self.isBroadcast = isBroadcast
        self.overrides = overrides
    }

    /// Where a message waits for the devices that it has not reached.
    package enum Waiting: Int64, Sendable {
        /// Nowhere: it is for the devices online when it is accepted, or for none.
        case nowhere
        /// In the store's index by device, see ``directMax``.
        case inbox
        /// As a bitmap of its devices: they are many, or fall due at different moments.
        case bitmap
    }

    /// Where this message waits while it is live.
    package var waiting: Waiting {
        if self.targeted.sum == 0 { return .nowhere }
        if self.spreadMinutes > 0 { return .bitmap }
        if self.timeToLiveSeconds == 0 { return .nowhere }
        return self.targeted.sum <= Self.directMax ? .inbox : .bitmap
    }

    /// The same without ``payload``: what is kept in memory of a message that waits long.
    package var withoutPayload: Message {
        var message = Message(
            id: self.id, app: self.app, acceptedAt: self.acceptedAt, timeToLiveSeconds: self.timeToLiveSeconds,
            spreadMinutes: self.spreadMinutes, payload: [], target: self.target, targeted: self.targeted,
            online: self.online, isBroadcast: self.isBroadcast, overrides: self.overrides)
        message.state = self.state
        return message
    }

    /// When no device may get it any more: the last share's due time plus the time to live.
    package var expiresAt: Timestamp {
        self.acceptedAt.adding(seconds: self.spreadMinutes * 60 + self.timeToLiveSeconds)
    }
}

/// One number per platform.
package struct PlatformCounts: Sendable, Equatable {
    /// By the platform's raw value; in place, because every push has several of these. Not a vector: the frames of
    /// async functions are not aligned as wide as vectors must be.
    private var counts = InlineArray<5, Int>(repeating: 0)

    package init() {}

    /// 0 where nothing was set.
    package subscript(_ platform: Platform) -> Int {
        get { self.counts[Int(platform.rawValue)] }
        set { self.counts[Int(platform.rawValue)] = newValue }
    }

    package static func == (left: Self, right: Self) -> Bool {
        Platform.allCases.allSatisfy { left[$0] == right[$0] }
    }

    /// Platform by platform.
    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        for platform in Platform.allCases { sum[platform] += right[platform] }
        return sum
    }

    /// All platforms together.
    package var sum: Int {
        var sum = 0
        for index in self.counts.indices { sum += self.counts[index] }
        return sum
    }
}
