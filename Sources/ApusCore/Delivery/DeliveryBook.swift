internal import Synchronization

/// What waits for whom.
///
/// Narrow messages wait in the store, indexed by device. Wide ones (and those spread over time) are few and kept here
/// with a bitmap of the devices that are done, derived from the store. Recent messages are kept decoded.
package final class DeliveryBook: Sendable {
    /// Decoded messages kept for acks and reports, beyond those that ``State/wide`` holds anyway.
    private static let recentMax = 8192

    /// A message that waits by bitmap.
    struct Wide: Sendable {
        let deliverable: Deliverable
        let pace: Pace?
        /// Received, or dropped: it waits for them no more.
        var done = Ordinals()
        /// How many shares' devices have been nudged.
        var pacedCount = 0
    }

    struct State {
        var recent: [MessageID: Deliverable] = [:]
        var recentOrder: [MessageID] = []
        var recentHead = 0
        /// Every message up to this number is durable, and its nudge has been or is just being published.
        var committedThrough = MessageID(0)
        /// By app, oldest first.
        var wide: [AppID: [Wide]] = [:]
        /// Timed-speed pushes that have a place and are not committed yet.
        var pacedReserved: [AppID: Int] = [:]
    }

    let state = Mutex(State())
    let store: any Store
    let bus: LocalBus
    let clocks: Clocks

    /// - Parameter last: the greatest message number that the store has ever held.
    package init(store: any Store, bus: LocalBus, clocks: Clocks, last: MessageID) {
        self.store = store
        self.bus = bus
        self.clocks = clocks
        self.state.withLock { $0.committedThrough = last }
    }

    /// Takes up what an app's wide messages were waiting for when the last process ended.
    package func load(_ app: AppID) async throws(StoreError) {
        let now = self.clocks.now()
        let messages = try await self.store.waitingMessages(of: app, at: now)
        let receipts = try await self.store.receipts(of: messages.map(\.id))
        var wide: [Wide] = []
        for message in messages {
            var entry = Wide(deliverable: try Deliverable(message: message), pace: Pace(message))
            let kinds = receipts[message.id] ?? [:]
            entry.done = (kinds[.received] ?? Ordinals()).union(kinds[.dropped] ?? Ordinals())
            // Nobody was online while the node was down: shares that fell due meanwhile are found at login.
            entry.pacedCount = entry.pace?.dueCount(at: now) ?? 0
            wide.append(entry)
        }
        self.state.withLock { [wide] in $0.wide[app] = wide }
    }

    /// Forgets an app and ends its sessions.
    package func remove(_ app: AppID) {
        self.state.withLock { state in
            state.wide[app] = nil
            state.pacedReserved[app] = nil
            state.recent = state.recent.filter { $0.value.app != app }
        }
        self.bus.publish(.deleted(app))
    }

    /// How many timed-speed pushes of an app are still being spread, or about to be.
    package func pacedCount(of app: AppID) -> Int {
        let now = self.clocks.now()
        return self.state.withLock { $0.pacedCount(of: app, at: now) }
    }

    /// Takes a place for a timed-speed push, until it is committed or ``releasePaced(of:)``.
    ///
    /// - Returns: false when as many as `max` are being spread, or about to be.
    func reservePaced(of app: AppID, max: Int) -> Bool {
        let now = self.clocks.now()
        return self.state.withLock { state in
            guard state.pacedCount(of: app, at: now) < max else { return false }
            state.pacedReserved[app, default: 0] += 1
            return true
        }
    }

    /// Gives back the place of a timed-speed push that was not accepted.
    func releasePaced(of app: AppID) { self.state.withLock { $0.releasePaced(of: app) } }

    /// Messages by number, from memory where possible; unknown ones are absent.
    package func deliverables(_ ids: [MessageID]) async throws(StoreError) -> [MessageID: Deliverable] {
        // Past its retention a message may be gone from the store: memory does not answer for it any more.
        let cutoff = self.clocks.now().adding(seconds: -Upkeep.retentionSeconds)
        var found = self.state.withLock { state in
            var found: [MessageID: Deliverable] = [:]
            for id in ids {
                if let known = state.recent[id], known.message.expiresAt > cutoff { found[id] = known }
            }
            return found
        }
        let missing = ids.filter { found[$0] == nil }
        guard !missing.isEmpty else { return found }
        for message in try await self.store.messages(missing) {
            let deliverable = try Deliverable(message: message)
            found[message.id] = deliverable
            self.state.withLock { $0.keep(deliverable) }
        }
        return found
    }
}

// MARK: - Following the store

extension DeliveryBook {
    /// Takes note of a committed message and rings for it.
    package func committed(_ deliverable: Deliverable) {
        let message = deliverable.message
        let pace = Pace(message)
        self.state.withLock { state in
            state.committedThrough = message.id
            state.keep(deliverable)
            if pace != nil { state.releasePaced(of: message.app) }
            if let overridden = message.overrides { state.end(overridden, in: message.app) }
            if !message.isDirect, !message.target.isEmpty, message.timeToLiveSeconds > 0 || pace != nil {
                state.wide[message.app, default: []].append(Wide(deliverable: deliverable, pace: pace))
            }
        }
        if pace == nil {
            guard !message.target.isEmpty else { return }
            self.bus.publish(
                .deliver(deliverable, to: message.target, dueAt: message.acceptedAt, isShare: false))
        } else {
            self.nudgeShares(of: message.app)
        }
    }

    /// Takes note of committed receipts.
    package func committed(_ receipts: [Receipt]) {
        self.state.withLock { state in
            for receipt in receipts where receipt.kind == .received || receipt.kind == .dropped {
                guard let app = state.recent[receipt.message]?.app else {
                    for app in state.wide.keys { state.markDone(receipt, in: app) }
                    continue
                }
                state.markDone(receipt, in: app)
            }
        }
    }

    /// Takes note of a committed withdrawal and tells the devices that are here.
    package func withdrawn(_ id: MessageID) {
        let known = self.state.withLock { state -> Deliverable? in
            // Withdrawing looked it up a moment ago; should a narrow one be gone from memory again, devices are not
            // told, and drop the push at its expiry.
            guard let deliverable = state.recent[id] ?? state.wideDeliverable(id) else { return nil }
            state.end(id, in: deliverable.app)
            return deliverable
        }
        guard let known else { return }
        self.bus.publish(.withdraw(id, known.app, recipients: known.message.target))
    }

    /// Rings for the shares of timed-speed pushes that have fallen due, and lets expired messages go.
    ///
    /// Called about five times a second.
    package func tick() {
        let now = self.clocks.now()
        let apps = self.state.withLock { state -> [AppID] in
            for app in state.wide.keys {
                state.wide[app]?.removeAll { $0.deliverable.message.expiresAt < now }
                if state.wide[app]?.isEmpty == true { state.wide[app] = nil }
            }
            return state.wide.filter { $0.value.contains { $0.pace != nil } }.map(\.key)
        }
        for app in apps { self.nudgeShares(of: app) }
    }

    private func nudgeShares(of app: AppID) {
        let now = self.clocks.now()
        let due = self.state.withLock { state -> [(Deliverable, Pace, Range<Int>)] in
            guard let entries = state.wide[app] else { return [] }
            var due: [(Deliverable, Pace, Range<Int>)] = []
            for (index, entry) in entries.enumerated() {
                guard let pace = entry.pace else { continue }
                let count = pace.dueCount(at: now)
                guard count > entry.pacedCount else { continue }
                due.append((entry.deliverable, pace, entry.pacedCount..<count))
                state.wide[app]?[index].pacedCount = count
            }
            return due
        }
        for (deliverable, pace, ranks) in due { self.nudge(deliverable, pace, ranks) }
    }

    /// One nudge per share: devices of one share are due at the same moment and get the same frame.
    private func nudge(_ deliverable: Deliverable, _ pace: Pace, _ ranks: Range<Int>) {
        let members = deliverable.message.target.members(ranked: ranks)
        var first = 0
        while first < members.count {
            let dueAt = pace.dueAt(rank: ranks.lowerBound + first)
            var end = first + 1
            while end < members.count, pace.dueAt(rank: ranks.lowerBound + end) == dueAt { end += 1 }
            self.bus.publish(.deliver(deliverable, to: Ordinals(members[first..<end]), dueAt: dueAt, isShare: true))
            first = end
        }
    }
}

extension DeliveryBook.State {
    fileprivate func pacedCount(of app: AppID, at now: Timestamp) -> Int {
        let spread = self.wide[app]?.count { $0.pace.map { now < $0.endsAt } ?? false } ?? 0
        return spread + self.pacedReserved[app, default: 0]
    }

    fileprivate mutating func releasePaced(of app: AppID) {
        let left = self.pacedReserved[app, default: 0] - 1
        self.pacedReserved[app] = left > 0 ? left : nil
    }

    /// Keeps a decoded message, and lets the oldest go beyond the bound.
    fileprivate mutating func keep(_ deliverable: Deliverable) {
        guard self.recent.updateValue(deliverable, forKey: deliverable.id) == nil else { return }
        self.recentOrder.append(deliverable.id)
        while self.recentOrder.count - self.recentHead > DeliveryBook.recentMax {
            self.recent[self.recentOrder[self.recentHead]] = nil
            self.recentHead += 1
        }
        if self.recentHead > DeliveryBook.recentMax {
            self.recentOrder.removeFirst(self.recentHead)
            self.recentHead = 0
        }
    }

    fileprivate func wideDeliverable(_ id: MessageID) -> Deliverable? {
        self.wide.values.lazy.joined().first { $0.deliverable.id == id }?.deliverable
    }

    fileprivate mutating func forget(_ id: MessageID) { self.recent[id] = nil }

    /// The message waits for nobody any more.
    fileprivate mutating func end(_ id: MessageID, in app: AppID) {
        self.wide[app]?.removeAll { $0.deliverable.id == id }
        self.forget(id)
    }

    fileprivate mutating func markDone(_ receipt: Receipt, in app: AppID) {
        guard let index = self.wide[app]?.firstIndex(where: { $0.deliverable.id == receipt.message }) else { return }
        self.wide[app]?[index].done.formUnion(receipt.ordinals)
    }
}
