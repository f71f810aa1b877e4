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

    /// Whether it waits in the store's index by device, see ``directMax``. Never when it is for online devices only, or
    /// spread over time, so that it falls due at a different moment for each device.
    package var isDirect: Bool {
        self.timeToLiveSeconds > 0 && self.spreadMinutes == 0 && self.targeted.sum <= Self.directMax
    }

    /// When no device may get it any more: the last share's due time plus the time to live.
    package var expiresAt: Timestamp {
        self.acceptedAt.adding(seconds: self.spreadMinutes * 60 + self.timeToLiveSeconds)
    }
}

/// One number per platform.
package struct PlatformCounts: Sendable, Equatable {
    private var counts: [Platform: Int] = [:]

    package init() {}

    /// 0 where nothing was set.
    package subscript(_ platform: Platform) -> Int {
        get { self.counts[platform] ?? 0 }
        set { self.counts[platform] = newValue == 0 ? nil : newValue }
    }

    /// Platform by platform.
    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.counts.merge(right.counts) { $0 + $1 }
        return sum
    }

    /// All platforms together.
    package var sum: Int { self.counts.values.reduce(0, +) }
}
