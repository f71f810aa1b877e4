import ApusCore

/// Who is meant, worked out over plain sets and lists: what the index of bitmaps is measured against.
///
/// Knows nothing of the index or the store; every change is told to it separately.
struct AudienceOracle {
    struct Entry {
        let ordinal: Ordinal
        let name: String
        let platform: Platform
        var tags: Set<String>
        var alias: String?
        let isTest: Bool
        /// Days since 1970-01-01 (UTC).
        var activeDay: Int64
    }

    private(set) var entries: [Entry] = []

    mutating func register(_ device: Device) {
        self.entries.append(
            Entry(
                ordinal: device.ordinal, name: device.registrationID.text, platform: device.platform,
                tags: Set(device.tags.map(\.text)), alias: device.alias?.text, isTest: device.isTest,
                activeDay: max(Self.day(device.registeredAt), device.seenAt.map(Self.day) ?? 0)))
    }

    mutating func setTags(_ tags: [String], of ordinal: Ordinal) {
        self.update(ordinal) { $0.tags = Set(tags) }
    }

    mutating func changeTags(adding: [String], removing: [String], of ordinal: Ordinal) {
        self.update(ordinal) { $0.tags = $0.tags.subtracting(removing).union(adding) }
    }

    mutating func setAlias(_ alias: String?, of ordinal: Ordinal) { self.update(ordinal) { $0.alias = alias } }

    mutating func seen(_ ordinals: [Ordinal], at now: Timestamp) {
        for ordinal in ordinals {
            self.update(ordinal) { $0.activeDay = max($0.activeDay, Self.day(now)) }
        }
    }

    private mutating func update(_ ordinal: Ordinal, _ body: (inout Entry) -> Void) {
        for place in self.entries.indices where self.entries[place].ordinal == ordinal { body(&self.entries[place]) }
    }

    private static func day(_ moment: Timestamp) -> Int64 { moment.milliseconds / 86_400_000 }
}

extension AudienceOracle {
    /// The ordinals of those who are meant.
    ///
    /// Kinds combine with AND; an empty kind is absent; `tag_not` is the complement within the app.
    func resolve(_ audience: Audience, on platforms: PlatformSet, testOnly: Bool, at now: Timestamp) -> [Ordinal] {
        let today = Self.day(now)
        return self.entries.filter { entry in
            guard platforms.members.contains(entry.platform), today - entry.activeDay <= 255 else { return false }
            guard entry.isTest || !testOnly else { return false }
            switch audience {
            case .all: return true
            case .matching(let kinds): return Self.matches(kinds, entry)
            }
        }.map(\.ordinal).sorted()
    }

    private static func matches(_ kinds: Audience.Kinds, _ entry: Entry) -> Bool {
        guard kinds.segment == nil, kinds.abtest == nil, kinds.liveActivityID == nil else { return false }
        let union = kinds.tag.map(\.text)
        let every = kinds.tagAnd.map(\.text)
        let none = kinds.tagNot.map(\.text)
        let aliases = kinds.alias.map(\.text)
        let names = kinds.registrationID.map(\.text)
        if !union.isEmpty && !union.contains(where: entry.tags.contains) { return false }
        if !every.allSatisfy(entry.tags.contains) { return false }
        if none.contains(where: entry.tags.contains) { return false }
        if !aliases.isEmpty && !aliases.contains(where: { entry.alias == $0 }) { return false }
        return names.isEmpty || names.contains(entry.name)
    }
}
