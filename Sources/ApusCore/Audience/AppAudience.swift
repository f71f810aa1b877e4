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
        /// In order of binding, the newest last.
        var aliases: [Alias: [Ordinal]] = [:]
        var ordinals: [RegistrationID: Ordinal] = [:]
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

    /// Takes the next ordinal for a device that is about to be registered. A gap stays when that fails.
    package func reserveOrdinal() -> Ordinal {
        self.state.withLock { state in
            defer { state.nextOrdinal += 1 }
            return state.nextOrdinal
        }
    }

    /// Adds a device that the store holds.
    package func add(_ device: Device) {
        self.state.withLock { state in
            state.nextOrdinal = max(state.nextOrdinal, device.ordinal + 1)
            state.registered.insert(device.ordinal)
            state.platforms[Int(device.platform.rawValue)].insert(device.ordinal)
            state.ordinals[device.registrationID] = device.ordinal
            for tag in device.tags { state.tags[tag, default: Ordinals()].insert(device.ordinal) }
            if let alias = device.alias { state.aliases[alias, default: []].append(device.ordinal) }
            if device.isTest { state.test.insert(device.ordinal) }
            state.noteAlive(device.ordinal, day: device.activeAt.day)
        }
    }

    /// Moves a device from what it was to what it is.
    package func change(from old: Device, to new: Device) {
        self.state.withLock { state in
            let (before, after) = (Set(old.tags), Set(new.tags))
            for tag in before.subtracting(after) {
                state.tags[tag]?.remove(new.ordinal)
                if state.tags[tag]?.isEmpty == true { state.tags[tag] = nil }
            }
            for tag in after.subtracting(before) { state.tags[tag, default: Ordinals()].insert(new.ordinal) }
            if old.alias != new.alias {
                if let alias = old.alias {
                    state.aliases[alias]?.removeAll { $0 == new.ordinal }
                    if state.aliases[alias]?.isEmpty == true { state.aliases[alias] = nil }
                }
                if let alias = new.alias { state.aliases[alias, default: []].append(new.ordinal) }
            }
            if new.isTest { state.test.insert(new.ordinal) } else { state.test.remove(new.ordinal) }
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
        self.state.withLock { $0.ordinals[registrationID] }
    }

    /// How many devices carry the alias.
    package func count(of alias: Alias) -> Int { self.state.withLock { $0.aliases[alias]?.count ?? 0 } }

    /// Whether the device carries the alias.
    package func isNamed(_ ordinal: Ordinal?, by alias: Alias) -> Bool {
        guard let ordinal else { return false }
        return self.state.withLock { $0.aliases[alias]?.contains(ordinal) ?? false }
    }

    /// How many devices of the set there are on each platform.
    package func counts(of ordinals: Ordinals) -> PlatformCounts {
        self.state.withLock { state in
            var counts = PlatformCounts()
            for platform in Platform.allCases {
                counts[platform] = state.platforms[Int(platform.rawValue)].intersectionCount(ordinals)
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
    /// Segments, A/B tests and live activities match nobody here; the push service refuses them first where it must.
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
                    for alias in batch.lazy.compactMap({ Alias($0) }) {
                        for ordinal in state.aliases[alias] ?? [] { result.insert(ordinal) }
                    }
                case .registrationID:
                    for name in batch.lazy.compactMap({ RegistrationID($0) }) {
                        if let ordinal = state.ordinals[name] { result.insert(ordinal) }
                    }
                }
            }
            await Task.yield()
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
            narrow(to: Ordinals(kinds.registrationID.lazy.compactMap { self.ordinals[$0] }))
        }
        if !kinds.alias.isEmpty { narrow(to: Ordinals(kinds.alias.lazy.flatMap { self.aliases[$0] ?? [] })) }
        if !kinds.tag.isEmpty { narrow(to: self.union(of: kinds.tag)) }
        return narrowed ?? self.registered
    }

    fileprivate func union(of tags: [Tag]) -> Ordinals {
        var result = Ordinals()
        for tag in tags { if let devices = self.tags[tag] { result.formUnion(devices) } }
        return result
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
        self.horizonDay = today
        for ordinal in self.registered.members {
            if self.activeDay[Int(ordinal)] + UInt32(AppAudience.activityHorizonDays) >= today {
                self.active.insert(ordinal)
            } else {
                self.active.remove(ordinal)
            }
        }
    }
}

extension Timestamp {
    /// Whole days since 1970-01-01 in UTC.
    fileprivate var day: UInt32 { UInt32(clamping: self.milliseconds / 86_400_000) }
}
