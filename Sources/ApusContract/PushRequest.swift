/// One push as its caller asked for it: decoded, checked, and good everywhere.
///
/// Source: JPush Push API v3; contract, push §1. What later vendors need (SMS, callbacks, channels) is checked here and
/// kept in ``kept``; it has no member of its own until something uses it.
///
/// An object, because it is long and passes unchanged through many hands.
package final class PushRequest: Sendable {
    /// Never empty.
    package let platforms: PlatformSet
    /// Who is meant; always among ``platforms``.
    package let audience: Audience
    /// What is said.
    package let content: PushContent
    /// How it is delivered.
    package let options: PushOptions
    /// The idempotency id, where the caller sent one.
    package let cid: CID?
    /// Media ids that stand in the place of pictures, or what looks like one.
    package let mediaIDs: Set<String>
    /// The whole request as compact JSON (UTF-8, no spaces, nulls and retired keys dropped, last duplicate kept):
    /// what is stored with the message, and what decodes again to an equal request.
    package let kept: [UInt8]

    init(
        platforms: PlatformSet, audience: Audience, content: PushContent, options: PushOptions, cid: CID?,
        mediaIDs: Set<String>, kept: [UInt8]
    ) {
        self.platforms = platforms
        self.audience = audience
        self.content = content
        self.options = options
        self.cid = cid
        self.mediaIDs = mediaIDs
        self.kept = kept
    }

    /// The platforms whose devices get something over the own channel.
    package var contentPlatforms: PlatformSet { self.content.platforms }

    /// The bytes of its texts: as it is kept, and as it goes to each platform.
    package var sizeBytes: Int {
        self.kept.count + self.content.notifications.sizeBytes + (self.content.message?.count ?? 0)
    }

    /// The same push under another idempotency id.
    package func with(cid: CID?) -> PushRequest {
        PushRequest(
            platforms: self.platforms, audience: self.audience, content: self.content, options: self.options, cid: cid,
            mediaIDs: self.mediaIDs, kept: self.kept)
    }
}

extension PushRequest: Equatable {
    package static func == (left: PushRequest, right: PushRequest) -> Bool {
        left.platforms == right.platforms && left.audience == right.audience && left.content == right.content
            && left.options == right.options && left.cid == right.cid && left.mediaIDs == right.mediaIDs
            && left.kept == right.kept
    }
}

/// Who is meant, as asked. Kinds combine with AND; an empty list means that the kind is absent.
package enum Audience: Sendable, Equatable {
    /// Broadcast: every active device of the app on the chosen platforms.
    case all
    /// At least one kind is present.
    case matching(Kinds)

    /// Whether it is ``all``.
    package var isAll: Bool {
        if case .all = self { true } else { false }
    }

    /// Whether a kind is the name of something that is kept elsewhere, and has to be read from there.
    package var namesKept: Bool {
        switch self {
        case .all: false
        case .matching(let kinds): kinds.segment != nil || kinds.abtest != nil || kinds.fileID != nil
        }
    }

    /// The kinds of an audience, as lists in the order in which they were sent.
    package struct Kinds: Sendable, Equatable {
        /// Union, at most 20.
        package var tag: [Tag] = []
        /// Intersection, at most 20.
        package var tagAnd: [Tag] = []
        /// Complement of the union, at most 20.
        package var tagNot: [Tag] = []
        /// Union, at most 1000.
        package var alias: [Alias] = []
        /// Union, at most 1000.
        package var registrationID: [RegistrationID] = []
        /// Name of a saved audience, at most one.
        package var segment: String?
        /// Name of an A/B test, at most one.
        package var abtest: String?
        /// Id of a running live activity; stands alone.
        package var liveActivityID: String?
        /// Id of an uploaded list; stands alone, and only where the endpoint takes one.
        package var fileID: String?

        /// No kind at all: to be filled.
        package init() {}

        /// Whether there is no kind at all.
        package var isEmpty: Bool {
            self.tag.isEmpty && self.tagAnd.isEmpty && self.tagNot.isEmpty && self.alias.isEmpty
                && self.registrationID.isEmpty && self.segment == nil && self.abtest == nil
                && self.liveActivityID == nil && self.fileID == nil
        }
    }
}

/// What a push says, per platform, ready for the own channel.
package struct PushContent: Sendable, Equatable {
    /// The notification object that a device of this platform gets (common `alert` filled in), as compact JSON;
    /// platforms without a text are absent.
    package let notifications: PlatformTexts
    /// The custom message (`msg_content`, `title`, `content_type`, `extras`, …) as compact JSON.
    package let message: [UInt8]?
    /// Whether this is a live activity, which only a vendor channel carries.
    package let isLiveActivity: Bool

    /// The platforms whose devices get something over the own channel.
    package var platforms: PlatformSet { self.message == nil ? self.notifications.platforms : .all }
}

/// A text for each of some platforms.
package struct PlatformTexts: Sendable, Equatable {
    /// By the platform's raw value; in place, because every push has them.
    private var texts = InlineArray<5, [UInt8]?>(repeating: nil)
    /// Those that have one.
    package private(set) var platforms: PlatformSet = []

    init() {}

    /// Nil where there is none; once set, a text stays.
    package internal(set) subscript(_ platform: Platform) -> [UInt8]? {
        get { self.texts[Int(platform.rawValue)] }
        set {
            self.texts[Int(platform.rawValue)] = newValue
            self.platforms.insert(PlatformSet(platform))
        }
    }

    /// Whether there is no text at all.
    package var isEmpty: Bool { self.platforms.isEmpty }

    /// The bytes of all of them together.
    package var sizeBytes: Int {
        var size = 0
        for index in self.texts.indices { size += self.texts[index]?.count ?? 0 }
        return size
    }

    package static func == (left: Self, right: Self) -> Bool {
        Platform.allCases.allSatisfy { left[$0] == right[$0] }
    }
}

/// The options that the own channel obeys.
package struct PushOptions: Sendable, Equatable {
    /// A day, where the caller says nothing.
    package static let timeToLiveSecondsStandard = 86_400
    /// Ten days; an app may have a lower ceiling.
    package static let timeToLiveSecondsMax = 864_000

    /// −2147483648…4294967295; 0 means none.
    package var sendno: Int64 = 0
    /// 0…864000; 0 means devices online now, and nobody else; nil leaves it to the app (``timeToLiveSecondsStandard``).
    package var timeToLiveSeconds: Int?
    /// The push that this one replaces.
    package var overrideMessageID: MessageID?
    /// Minutes over which delivery is spread: 0 (at once) or 1…1400.
    package var spreadMinutes = 0
    /// Whether only test devices get it.
    package var testModel = false
    /// Name of a push plan, kept for statistics.
    package var businessOperationCode: String?

    /// What holds where the caller sets nothing.
    package init() {}
}
