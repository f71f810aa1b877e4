private import Synchronization

/// Who the devices of one app are, as bitmaps over their ordinals.
///
/// Derived: rebuilt from the store at start, kept up by every committed device change. Owner of its bitmaps; what
/// leaves is a fresh set, so that a change never has to copy one.
package final class AppAudience: Sendable {
    /// Days of silence after which no audience finds a device any more.
    package static let activityHorizonDays = 255

    fileprivate struct State {
        var nextOrdinal: Ordinal = 0
        var registered = Ordinals()
        var platforms = Platform.allCases.map { _ in Ordinals() }
        var tags: [Tag: Ordinals] = [:]
        var aliases: [Alias: Bearers] = [:]
        /// By ordinal: what finds a device's old alias again when another process has changed it.
        var aliasOf: [Alias?] = []
        var names = NameTable()
        var test = Ordinals()
        /// Registered and not silent beyond the horizon, as of ``horizonDay``.
        var active = Ordinals()
        /// By ordinal: days since 1970 of the last sign of life.
        var activeDay: [UInt32] = []
        var horizonDay: UInt32 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// How many devices are registered.
    package var count: Int { self.state.withLock { $0.registered.count } }

    /// No device has this ordinal or a greater one.
    var endOrdinal: Ordinal { self.state.withLock { $0.nextOrdinal } }

    /// Takes the next ordinal for a device that is about to be registered. A gap stays when that fails.
    package func reserveOrdinal() -> Ordinal {
        self.state.withLock { state in
            defer { state.nextOrdinal += 1 }
            return state.nextOrdinal
        }
    }

    /// Adds a device that the store holds. Harmless when it is there already, as it is.
    package func add(_ device: Device) { self.add(AudiencePage(CollectionOfOne(device))) }

    /// Adds devices that the store holds. Harmless for those that are there already, as they are.
    package func add(_ page: AudiencePage) { self.state.withLock { $0.add(page) } }

    /// Moves devices from what they were to what they are.
    package func change(_ moves: [DeviceMove]) {
        self.state.withLock { state in
            for move in moves {
                let (before, after) = (Set(move.from.tags), Set(move.to.tags))
                for tag in before.subtracting(after) { state.remove(Ordinals([move.to.ordinal]), from: tag) }
                for tag in after.subtracting(before) { state.tags[tag, default: Ordinals()].insert(move.to.ordinal) }
                state.bind(move.to.alias, to: move.to.ordinal)
                state.note(isTest: move.to.isTest, move.to.ordinal)
            }
        }
    }

    /// Takes over devices as another process has left them, whatever is known of them here.
    package func adopt(_ devices: [Device]) {
        self.state.withLock { state in
            let known = Ordinals(devices.map(\.ordinal)).intersection(state.registered)
            if !known.isEmpty {
                for (tag, bearers) in Array(state.tags) where bearers.intersectionCount(known) > 0 {
                    state.remove(known, from: tag)
                }
            }
            state.add(AudiencePage(devices))
        }
    }

    /// Notes that devices gave a sign of life.
    package func noteAlive(_ ordinals: Ordinals, at now: Timestamp) {
        self.state.withLock { state in
            for ordinal in ordinals.members where state.registered.contains(ordinal) {
                state.noteAlive(ordinal, day: now.day)
            }
        }
    }

    /// - Returns: nil for a registration id that is not of this app.
    package func ordinal(of registrationID: RegistrationID) -> Ordinal? {
        self.state.withLock { $0.names.ordinal(of: registrationID) }
    }

    /// How many devices carry the alias.
    package func count(of alias: Alias) -> Int { self.state.withLock { $0.aliases[alias]?.count ?? 0 } }

    /// The devices on the platforms that carry the alias, a fresh set.
    package func devices(named alias: Alias, on platforms: PlatformSet) -> Ordinals {
        self.state.withLock { state in
            (state.aliases[alias]?.ordinals ?? Ordinals()).intersection(state.devices(on: platforms))
        }
    }

    /// The devices on the platforms that carry the tag, a fresh set.
    package func devices(tagged tag: Tag, on platforms: PlatformSet) -> Ordinals {
        self.state.withLock { state in
            (state.tags[tag] ?? Ordinals()).intersection(state.devices(on: platforms))
        }
    }

    /// Whether the device carries the tag.
    package func isTagged(_ ordinal: Ordinal, with tag: Tag) -> Bool {
        self.state.withLock { $0.tags[tag]?.contains(ordinal) ?? false }
    }

    /// How many devices of the set there are on each platform.
    package func counts(of ordinals: Ordinals) -> PlatformCounts {
        guard !ordinals.isEmpty else { return PlatformCounts() }
        return self.state.withLock { state in
            var (counts, left) = (PlatformCounts(), ordinals.count)
            // A device is on one platform.
            for platform in Platform.allCases where left > 0 {
                counts[platform] = state.platforms[Int(platform.rawValue)].intersectionCount(ordinals)
                left -= counts[platform]
            }
            return counts
        }
    }

    /// The devices of the set that are on one of the platforms.
    package func members(of ordinals: Ordinals, on platforms: PlatformSet) -> Ordinals {
        platforms == .all ? ordinals : self.state.withLock { $0.devices(on: platforms).intersection(ordinals) }
    }

    /// Resolves an audience: kinds combine with AND, inside a kind as the contract says.
    ///
    /// Segments, A/B tests and live activities match nobody here: ``AudienceResolver`` puts what was saved in their
    /// place.
    /// - Parameters:
    ///   - testOnly: only test devices (`options.test_model`).
    package func resolve(
        _ audience: Audience, on platforms: PlatformSet, testOnly: Bool, at now: Timestamp
    ) -> Ordinals {
        self.state.withLock { state in
            state.moveHorizon(to: now.day)
            var result = state.candidates(of: audience).intersection(state.active)
            if platforms != .all { result.formIntersection(state.devices(on: platforms)) }
            if testOnly { result.formIntersection(state.test) }
            guard case .matching(let kinds) = audience else { return result }
            if kinds.segment != nil || kinds.abtest != nil || kinds.liveActivityID != nil { return Ordinals() }
            for tag in kinds.tagAnd { result.formIntersection(state.tags[tag] ?? Ordinals()) }
            for tag in kinds.tagNot { if let devices = state.tags[tag] { result.subtract(devices) } }
            return result
        }
    }
}

extension AppAudience {
    /// Names that are looked up before other work on this thread gets its turn.
    private static let listBatch = 4096

    /// Resolves an uploaded list: the union of what its names stand for.
    package func resolve(
        _ list: AudienceList, on platforms: PlatformSet, testOnly: Bool, at now: Timestamp
    ) async -> Ordinals {
        var result = Ordinals()
        var names = list.names.makeIterator()
        while true {
            var batch: [String] = []
            while batch.count < Self.listBatch, let name = names.next() { batch.append(name) }
            guard !batch.isEmpty else { break }
            self.state.withLock { state in
                switch list.kind {
                case .alias:
                    for alias in batch.lazy.compactMap({ Alias($0) }) { state.aliases[alias]?.add(to: &result) }
                case .registrationID:
                    for name in batch.lazy.compactMap({ RegistrationID($0) }) {
                        if let ordinal = state.names.ordinal(of: name) { result.insert(ordinal) }
                    }
                }
            }
            await Task.letSocketsIn()
        }
        return self.state.withLock { state in
            state.moveHorizon(to: now.day)
            result.formIntersection(state.active)
            if platforms != .all { result.formIntersection(state.devices(on: platforms)) }
            if testOnly { result.formIntersection(state.test) }
            return result
        }
    }
}

extension AppAudience.State {
    /// A fresh set of the devices on the platforms.
    fileprivate func devices(on platforms: PlatformSet) -> Ordinals {
        var result = Ordinals()
        for platform in platforms.members { result.formUnion(self.platforms[Int(platform.rawValue)]) }
        return result
    }

    /// Those whom the naming kinds (ids, aliases, tags) leave, the smallest kind first, so that a push to one device
    /// costs nothing that grows with their number; everybody when there is no such kind.
    fileprivate func candidates(of audience: Audience) -> Ordinals {
        guard case .matching(let kinds) = audience else { return self.registered }
        var narrowed: Ordinals?
        func narrow(to set: Ordinals) { narrowed = narrowed?.intersection(set) ?? set }
        if !kinds.registrationID.isEmpty {
            narrow(to: self.devices(called: kinds.registrationID))
        }
        if !kinds.alias.isEmpty { narrow(to: self.union(of: kinds.alias)) }
        if !kinds.tag.isEmpty { narrow(to: self.union(of: kinds.tag)) }
        return narrowed ?? self.registered
    }

    fileprivate func devices(called names: [RegistrationID]) -> Ordinals {
        // What most pushes name.
        guard names.count > 1 else {
            var result = Ordinals()
            if let ordinal = names.first.flatMap({ self.names.ordinal(of: $0) }) { result.insert(ordinal) }
            return result
        }
        var ordinals: [Ordinal] = []
        ordinals.reserveCapacity(names.count)
        for name in names { if let ordinal = self.names.ordinal(of: name) { ordinals.append(ordinal) } }
        return Ordinals(ordinals)
    }

    fileprivate func union(of tags: [Tag]) -> Ordinals {
        var result = Ordinals()
        for tag in tags { if let devices = self.tags[tag] { result.formUnion(devices) } }
        return result
    }

    fileprivate func union(of aliases: [Alias]) -> Ordinals {
        var result = Ordinals()
        for alias in aliases { self.aliases[alias]?.add(to: &result) }
        return result
    }

    fileprivate mutating func add(_ page: AudiencePage) {
        for entry in page.entries {
            self.nextOrdinal = max(self.nextOrdinal, entry.ordinal + 1)
            self.registered.insert(entry.ordinal)
            self.platforms[Int(entry.platform.rawValue)].insert(entry.ordinal)
            self.names.insert(entry.registrationID, entry.ordinal)
            self.bind(entry.alias, to: entry.ordinal)
            self.note(isTest: entry.isTest, entry.ordinal)
            self.noteAlive(entry.ordinal, day: entry.activeAt.day)
        }
        for bearing in page.bearings {
            self.tags[bearing.tag, default: Ordinals()].insert(contentsOf: bearing.bearers)
        }
    }

    fileprivate mutating func remove(_ ordinals: Ordinals, from tag: Tag) {
        self.tags[tag]?.subtract(ordinals)
        if self.tags[tag]?.isEmpty == true { self.tags[tag] = nil }
    }

    fileprivate mutating func note(isTest: Bool, _ ordinal: Ordinal) {
        if isTest { self.test.insert(ordinal) } else { self.test.remove(ordinal) }
    }

    fileprivate mutating func bind(_ alias: Alias?, to ordinal: Ordinal) {
        let index = Int(ordinal)
        let old = index < self.aliasOf.count ? self.aliasOf[index] : nil
        guard old != alias else { return }
        if let old {
            self.aliases[old]?.remove(ordinal)
            if self.aliases[old]?.isEmpty == true { self.aliases[old] = nil }
        }
        if let alias { self.aliases[alias, default: Bearers()].insert(ordinal) }
        if index >= self.aliasOf.count {
            self.aliasOf.append(contentsOf: repeatElement(nil, count: index + 1 - self.aliasOf.count))
        }
        self.aliasOf[index] = alias
    }

    fileprivate mutating func noteAlive(_ ordinal: Ordinal, day: UInt32) {
        let index = Int(ordinal)
        if index >= self.activeDay.count {
            self.activeDay.append(contentsOf: repeatElement(0, count: index + 1 - self.activeDay.count))
        }
        self.activeDay[index] = max(self.activeDay[index], day)
        if self.activeDay[index] + UInt32(AppAudience.activityHorizonDays) >= self.horizonDay {
            self.active.insert(ordinal)
        }
    }

    /// Drops those who fell silent, once a day. A clock that went back brings them in again.
    fileprivate mutating func moveHorizon(to today: UInt32) {
        guard today != self.horizonDay else { return }
        let (from, to) = (min(today, self.horizonDay), max(today, self.horizonDay))
        // Only those between the two horizons change sides, which are few on most days.
        let span = UInt32(AppAudience.activityHorizonDays)
        var moved: [Ordinal] = []
        for (index, day) in self.activeDay.enumerated() where day &+ span >= from && day &+ span < to {
            moved.append(Ordinal(index))
        }
        let devices = Ordinals(moved).intersection(self.registered)
        if today > self.horizonDay { self.active.subtract(devices) } else { self.active.formUnion(devices) }
        self.horizonDay = today
    }
}

extension Device {
    /// Whether an audience that is resolved at the moment passes the device over, for what is known of it.
    func isSilent(at moment: Timestamp) -> Bool {
        self.activeAt.day + UInt32(AppAudience.activityHorizonDays) < moment.day
    }
}

extension Timestamp {
    /// Whole days since 1970-01-01 in UTC.
    fileprivate var day: UInt32 { UInt32(clamping: self.milliseconds / 86_400_000) }
}
