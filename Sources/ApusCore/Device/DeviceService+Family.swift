private import Synchronization

/// What app servers ask of devices, and change on them, by the names that they know.
extension DeviceService {
    /// Devices that one write changes when very many are to be: long enough to share its fsync, short enough that other
    /// writes do not wait for long.
    private static let stepMax = 1000

    /// One device.
    ///
    /// - Throws: ``Refusal/Kind/deviceUnknown`` for an id that is malformed or not of the app.
    package func device(_ registrationID: String, of app: AppID) async throws(Refusal) -> Device {
        let ordinal = try self.ordinal(of: registrationID, in: app)
        let found = try await self.read { (store) throws(StoreError) in try await store.device(ordinal, of: app) }
        guard let found else { throw Refusal(.deviceUnknown) }
        return found
    }

    /// Changes one device; seen by the next push, and by the device, when it returns.
    ///
    /// - Throws: ``Refusal/Kind/deviceUnknown``, ``Refusal/Kind/aliasLimitExceeded``, ``Refusal/Kind/badValue`` for too
    ///   many tags. Nothing has changed then.
    package func change(_ change: DeviceChange, of registrationID: String, in app: AppID) async throws(Refusal) {
        try await self.change(change, of: DeviceKey(app: app, ordinal: try self.ordinal(of: registrationID, in: app)))
    }

    /// Puts devices under a tag and takes others from under it; one in both lists ends under it. All or nothing.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` or ``Refusal/Kind/someBadValues`` with the ids that are not of the app, or
    ///   that would carry too many tags.
    package func update(_ tag: Tag, with lists: DeviceListUpdate, in app: AppID) async throws(Refusal) {
        let (add, remove) = try self.ordinals(of: lists, in: app)
        let orders = (add.union(remove)).members.map { ordinal in
            var change = DeviceChange()
            change.tags = .change(
                add: add.contains(ordinal) ? [tag] : [], remove: remove.contains(ordinal) ? [tag] : [])
            return DeviceChangeOrder(ordinal: ordinal, change: change)
        }
        try await self.changeAll(orders, in: app)
    }

    /// Takes a tag from the devices on the platforms. Harmless when nobody carries it.
    package func delete(_ tag: Tag, on platforms: PlatformSet, in app: AppID) async throws(Refusal) {
        var change = DeviceChange()
        change.tags = .change(add: [], remove: [tag])
        try await self.change(change, of: self.index[app].devices(tagged: tag, on: platforms), in: app)
    }

    /// Takes an alias from devices; those that do not carry it stay as they are. All or nothing.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` or ``Refusal/Kind/someBadValues`` with the ids that are not of the app.
    package func unbind(_ alias: Alias, from lists: DeviceListUpdate, in app: AppID) async throws(Refusal) {
        var change = DeviceChange()
        change.unboundAlias = alias
        let orders = try self.ordinals(of: lists, in: app).remove.members.map { [change] ordinal in
            DeviceChangeOrder(ordinal: ordinal, change: change)
        }
        try await self.changeAll(orders, in: app)
    }

    /// Takes an alias from the devices on the platforms. Harmless when nobody carries it.
    package func delete(_ alias: Alias, on platforms: PlatformSet, in app: AppID) async throws(Refusal) {
        var change = DeviceChange()
        change.unboundAlias = alias
        try await self.change(change, of: self.index[app].devices(named: alias, on: platforms), in: app)
    }

    /// The devices of an alias, the newest binding first.
    package func devices(
        named alias: Alias, on platforms: PlatformSet, limit: Int, of app: AppID
    ) async throws(Refusal) -> [Device] {
        try await self.read { (store) throws(StoreError) in
            try await store.devices(named: alias, of: app, on: platforms, limit: limit)
        }
    }

    /// The tags of an app that came into being last, up to `limit` of each platform.
    package func newestTags(of app: AppID, limit: Int) async throws(Refusal) -> [Tag] {
        try await self.read { (store) throws(StoreError) in try await store.newestTags(of: app, limit: limit) }
    }

    /// Whether the device is under the tag.
    ///
    /// - Throws: ``Refusal/Kind/deviceUnknown``
    package func isTagged(_ registrationID: String, with tag: Tag, in app: AppID) throws(Refusal) -> Bool {
        self.index[app].isTagged(try self.ordinal(of: registrationID, in: app), with: tag)
    }
}

// MARK: - Online

extension DeviceService {
    /// How long after its last sign of life a device counts as online.
    package static let onlineSeconds = 600
    /// How long the end of a device's last session is told.
    package static let lastSeenSeconds = 2 * 86_400

    /// Whether a device is there.
    package enum OnlineState: Sendable, Equatable {
        /// The registration id is malformed or not of the app.
        case unknown
        case online
        /// `lastSeen`: nil when that was longer ago than ``DeviceService/lastSeenSeconds``, or never.
        case offline(lastSeen: Timestamp?)
    }

    /// Whether devices are there, by registration id as it was asked.
    package func onlineStates(of registrationIDs: [String], in app: AppID) async throws(Refusal) -> [OnlineState] {
        let index = self.index[app]
        let ordinals = registrationIDs.map { text in RegistrationID(text).flatMap { index.ordinal(of: $0) } }
        let away = ordinals.compactMap(\.self)
            .filter { !self.presence.isHere(DeviceKey(app: app, ordinal: $0)) }
        let stored = try await self.read { (store) throws(StoreError) in try await store.devices(away, of: app) }
        let seen = Dictionary(stored.map { ($0.ordinal, $0.seenAt) }) { first, _ in first }
        let now = self.clocks.now()
        return ordinals.map { ordinal in
            guard let ordinal else { return .unknown }
            guard let seenAt = seen[ordinal] else { return .online }
            guard let seenAt else { return .offline(lastSeen: nil) }
            if seenAt >= now.adding(seconds: -Self.onlineSeconds) { return .online }
            return .offline(lastSeen: seenAt >= now.adding(seconds: -Self.lastSeenSeconds) ? seenAt : nil)
        }
    }

    /// When a device was last seen: now while it is here; nil before its first session.
    package func lastSeen(_ device: Device) -> Timestamp? {
        self.presence.isHere(DeviceKey(app: device.app, ordinal: device.ordinal)) ? self.clocks.now() : device.seenAt
    }
}

// MARK: - Test devices

extension DeviceService {
    /// Makes a device a test device.
    ///
    /// - Throws: ``Refusal/Kind/deviceUnknown``; ``Refusal/Kind/badValue`` when it is one already.
    package func addTestDevice(_ entry: TestDeviceEntry, in app: AppID) async throws(Refusal) {
        var change = DeviceChange()
        change.test = .add(Device.TestName(text: entry.name, since: self.clocks.now()))
        try await self.change(change, of: entry.registrationID, in: app)
    }

    /// Renames a test device.
    ///
    /// - Throws: ``Refusal/Kind/deviceUnknown`` also for a device that is no test device.
    package func renameTestDevice(_ entry: TestDeviceEntry, in app: AppID) async throws(Refusal) {
        var change = DeviceChange()
        change.test = .rename(entry.name)
        try await self.change(change, of: entry.registrationID, in: app)
    }

    /// Makes a test device an ordinary one.
    ///
    /// - Throws: ``Refusal/Kind/deviceUnknown`` also for a device that is no test device.
    package func removeTestDevice(_ registrationID: String, in app: AppID) async throws(Refusal) {
        var change = DeviceChange()
        change.test = .remove
        try await self.change(change, of: registrationID, in: app)
    }

    /// A page of the app's test devices, the oldest first.
    package func testDevices(_ query: TestDeviceQuery, of app: AppID) async throws(Refusal) -> TestDevicePage {
        try await self.read { (store) throws(StoreError) in try await store.testDevices(of: app, query) }
    }
}

// MARK: - Imports

extension DeviceService {
    /// Takes over what another process has imported into the store since the last call.
    ///
    /// Through the committer: between reading a device and putting it into the index no change of it may slip in.
    package func adoptElsewhere() async throws(StoreError) {
        while true {
            let from = self.adopted.withLock { $0 }
            switch await self.committer.commit(.adopt(after: from, limit: Self.stepMax)) {
            case .adopted(let devices, let place):
                self.adopted.withLock { $0 = place }
                guard devices.count == Self.stepMax else { return }
            case .failed(let error): throw error
            case .refused: throw .timeout
            case .done, .changed, .changedAll: return
            }
        }
    }
}

// MARK: - Parts

extension DeviceService {
    private func ordinal(of registrationID: String, in app: AppID) throws(Refusal) -> Ordinal {
        guard let name = RegistrationID(registrationID), let ordinal = self.index[app].ordinal(of: name) else {
            throw Refusal(.deviceUnknown)
        }
        return ordinal
    }

    private func ordinals(
        of lists: DeviceListUpdate, in app: AppID
    ) throws(Refusal) -> (add: Ordinals, remove: Ordinals) {
        let index = self.index[app]
        var unknown: [String] = []
        // By bytes: texts that only look alike are different ids, and take long to compare.
        var seen: Set<[UInt8]> = []
        var known = Ordinals()
        func ordinals(of texts: [String]) -> Ordinals {
            var result = Ordinals()
            for text in texts {
                if let ordinal = RegistrationID(text).flatMap({ index.ordinal(of: $0) }) {
                    result.insert(ordinal)
                } else if seen.insert(Array(text.utf8)).inserted {
                    unknown.append(text)
                }
            }
            known.formUnion(result)
            return result
        }
        let (add, remove) = (ordinals(of: lists.add), ordinals(of: lists.remove))
        guard unknown.isEmpty else {
            var refusal = Refusal(
                known.isEmpty ? .badValue : .someBadValues,
                "\(unknown.count) of the registration_ids are not of this app")
            refusal.illegalRegistrationIDs = unknown
            throw refusal
        }
        return (add, remove)
    }

    /// Changes any number of devices in the same way, step by step.
    private func change(_ change: DeviceChange, of ordinals: Ordinals, in app: AppID) async throws(Refusal) {
        let count = ordinals.count
        for start in stride(from: 0, to: count, by: Self.stepMax) {
            let step = ordinals.members(ranked: start..<min(start + Self.stepMax, count))
            try await self.changeAll(step.map { DeviceChangeOrder(ordinal: $0, change: change) }, in: app)
        }
    }

    private func changeAll(_ orders: [DeviceChangeOrder], in app: AppID) async throws(Refusal) {
        try await self.committer.commit(.changeAll(orders, in: app)).get()
    }

    private func read<Value: Sendable>(
        _ body: (any Store) async throws(StoreError) -> Value
    ) async throws(Refusal) -> Value {
        do { return try await body(self.store) } catch { throw Refusal(error) }
    }
}
