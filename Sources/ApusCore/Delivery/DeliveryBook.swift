package import Logging
internal import Synchronization

/// What waits for whom.
///
/// Narrow messages wait in the store, indexed by device. Wide ones (and those spread over time) are few and kept here,
/// without their payloads, with a bitmap of the devices that are done: derived from the store. Recent messages are kept
/// decoded.
package final class DeliveryBook: Sendable {
    struct State {
        var recent = RecentMessages()
        /// Every message of an app up to this number is durable, and its nudge has been or is just being published.
        ///
        /// By app, because between apps the numbers come in no order; ``DeliveryBook/last`` before an app's first.
        var committedThrough: [AppID: MessageID] = [:]
        /// The greatest number of all apps that was committed since the start.
        var greatest = MessageID(0)
        var wide: [AppID: WideMessages] = [:]
        /// The timed-speed pushes among them that have shares left.
        var paced: [AppID: [MessageID]] = [:]
        /// Timed-speed pushes that have a place and are not committed yet.
        var pacedReserved: [AppID: Int] = [:]
        /// When ``wide`` is next looked through for expired messages, on the monotonic clock.
        var trimAtNanoseconds: UInt64 = 0
    }

    private static let trimPeriodNanoseconds: UInt64 = 5_000_000_000

    let state = Mutex(State())
    let store: any Store
    let clocks: Clocks
    /// The greatest message number at the start.
    let last: MessageID
    private let bus: LocalBus
    private let logger: Logger

    /// - Parameter last: the greatest message number that the store has ever held.
    package init(store: any Store, bus: LocalBus, clocks: Clocks, last: MessageID, logger: Logger) {
        self.store = store
        self.bus = bus
        self.clocks = clocks
        self.last = last
        self.logger = logger
    }

    /// Takes up what an app's wide messages were waiting for when the last process ended.
    package func load(_ app: AppID) async throws(StoreError) {
        let now = self.clocks.now()
        let messages = try await self.store.waitingMessages(of: app, at: now)
        let receipts = try await self.store.receipts(of: messages.map(\.id))
        let wide = messages.map { message in
            var entry = WideMessages.Entry(message: message, pace: Pace(message))
            let kinds = receipts[message.id] ?? [:]
            entry.done = (kinds[.received] ?? Ordinals()).union(kinds[.dropped] ?? Ordinals())
            // Nobody was online while the node was down: shares that fell due meanwhile are found at login.
            entry.pacedCount = entry.pace?.dueCount(at: now) ?? 0
            return entry
        }
        self.state.withLock { state in
            state.wide[app] = wide.isEmpty ? nil : WideMessages(wide)
            let paced = wide.filter { $0.pace != nil }.map(\.message.id)
            state.paced[app] = paced.isEmpty ? nil : paced
        }
    }

    /// Forgets an app and ends its sessions.
    package func remove(_ app: AppID) {
        self.state.withLock { state in
            state.wide[app] = nil
            state.paced[app] = nil
            state.pacedReserved[app] = nil
            state.committedThrough[app] = nil
            state.recent.removeAll(of: app)
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

    /// Messages by number, from memory where possible; unknown ones, and such as do not decode, are absent. Numbers
    /// that were never given out cost no look into the store.
    ///
    /// - Parameter keepsFound: whether what the store had is kept in memory; not where strangers choose the numbers,
    ///   who could drive out what others need.
    package func deliverables(
        _ ids: [MessageID], keepsFound: Bool = true
    ) async throws(StoreError) -> [MessageID: Deliverable] {
        // Past its retention a message may be gone from the store: memory does not answer for it any more.
        let cutoff = self.clocks.now().adding(seconds: -Upkeep.retentionSeconds)
        var (found, last) = self.state.withLock { state in
            var found: [MessageID: Deliverable] = [:]
            for id in ids {
                if let known = state.recent[id], known.message.expiresAt > cutoff { found[id] = known }
            }
            return (found, max(state.greatest, self.last))
        }
        let missing = ids.filter { $0 <= last && found[$0] == nil }
        guard !missing.isEmpty else { return found }
        for message in try await self.store.messages(missing) {
            guard let deliverable = self.decoded(message) else { continue }
            found[message.id] = deliverable
            if keepsFound { self.keep([deliverable]) }
        }
        return found
    }

    /// Keeps messages in memory that were met and are likely to be met again.
    func keep(_ deliverables: [Deliverable]) {
        self.state.withLock { state in
            for deliverable in deliverables { state.recent.keep(deliverable) }
        }
    }

    /// - Returns: nil when it does not decode; that is logged, and nobody else is held up by it.
    func decoded(_ message: Message) -> Deliverable? {
        do {
            return try Deliverable(message: message)
        } catch {
            self.logger.error(
                "a stored message does not decode and is passed over",
                metadata: ["message": "\(message.id.text)", "reason": "\(error.message(for: .push))"])
            return nil
        }
    }
}

// MARK: - Following the store

extension DeliveryBook {
    /// Takes note of a committed message and rings for it.
    package func committed(_ message: Message, _ request: PushRequest?) {
        let deliverable = request.map { Deliverable(message: message, request: $0) } ?? self.decoded(message)
        let pace = Pace(message)
        let overridden = self.state.withLock { state -> Message? in
            state.committedThrough[message.app] = message.id
            state.greatest = max(state.greatest, message.id)
            if let deliverable, message.isMetSoon { state.recent.keep(deliverable) }
            if message.waiting == .bitmap {
                let entry = WideMessages.Entry(message: message.withoutPayload, pace: pace)
                state.wide[message.app, default: WideMessages()].append(entry)
                if pace != nil { state.paced[message.app, default: []].append(message.id) }
            }
            if message.spreadMinutes > 0 { state.releasePaced(of: message.app) }
            return message.overrides.flatMap { state.end($0, in: message.app) }
        }
        if let overridden {
            self.bus.publish(.overridden(overridden.id, overridden.app, recipients: overridden.target))
        }
        if pace != nil { return self.nudgeShares(of: message.app) }
        guard let deliverable, !message.target.isEmpty else { return }
        self.bus.publish(.deliver(deliverable, to: message.target, dueAt: message.acceptedAt))
    }

    /// Takes note of committed receipts.
    package func committed(_ receipts: [Receipt]) {
        self.state.withLock { state in
            for receipt in receipts where receipt.kind == .received || receipt.kind == .dropped {
                if let app = state.recent[receipt.message]?.app {
                    state.markDone(receipt, in: app)
                } else {
                    for app in state.wide.keys { state.markDone(receipt, in: app) }
                }
            }
        }
    }

    /// Takes note of a committed withdrawal and tells the devices that are here.
    package func withdrawn(_ id: MessageID, of app: AppID) {
        // Withdrawing looked it up a moment ago; should a narrow one be gone from memory again, devices are not told,
        // and drop the push at its expiry.
        guard let message = self.state.withLock({ $0.end(id, in: app) }) else { return }
        self.bus.publish(.withdraw(id, app, recipients: message.target))
    }

    /// Rings for the shares of timed-speed pushes that have fallen due, and now and then lets expired messages go.
    ///
    /// Called about five times a second.
    package func tick() {
        let now = self.clocks.now()
        let monotonic = self.clocks.monotonicNanoseconds()
        let apps = self.state.withLock { state -> [AppID] in
            if monotonic >= state.trimAtNanoseconds {
                state.trimAtNanoseconds = monotonic + Self.trimPeriodNanoseconds
                state.trim(at: now)
            }
            return Array(state.paced.keys)
        }
        for app in apps { self.nudgeShares(of: app) }
    }

    private func nudgeShares(of app: AppID) {
        let now = self.clocks.now()
        let due = self.state.withLock { $0.takeShares(of: app, at: now) }
        for share in due {
            guard let deliverable = self.state.withLock({ $0.recent[share.message.id] }) else {
                Task { await self.nudgeLater(share) }
                continue
            }
            self.nudge(deliverable, share)
        }
    }

    /// Rings for shares of a message that has to be read again.
    private func nudgeLater(_ share: State.Shares) async {
        // What cannot be read now is found by each device at its next login.
        guard let found = try? await self.deliverables([share.message.id]), let deliverable = found[share.message.id]
        else { return }
        self.nudge(deliverable, share)
    }

    /// One nudge per share: devices of one share are due at the same moment and get the same frame.
    private func nudge(_ deliverable: Deliverable, _ share: State.Shares) {
        let members = share.message.target.members(ranked: share.ranks)
        var first = 0
        while first < members.count {
            let dueAt = share.pace.dueAt(rank: share.ranks.lowerBound + first)
            var end = first + 1
            while end < members.count, share.pace.dueAt(rank: share.ranks.lowerBound + end) == dueAt { end += 1 }
            self.bus.publish(.deliver(deliverable, to: Ordinals(members[first..<end]), dueAt: dueAt))
            first = end
        }
    }
}

extension Message {
    /// Whether acks, logins or shares are likely to ask for it before long: not where nobody was there to get it, and
    /// it waits for a few devices in the store.
    fileprivate var isMetSoon: Bool { self.online.sum > 0 || self.waiting == .bitmap }
}

extension DeliveryBook.State {
    /// Devices of a timed-speed push that have fallen due.
    struct Shares: Sendable {
        let message: Message
        let pace: Pace
        let ranks: Range<Int>
    }

    /// Where a wide message stands among those of its app.
    func index(of id: MessageID, in app: AppID) -> Int? { self.wide[app]?.index(of: id) }

    func pacedCount(of app: AppID, at now: Timestamp) -> Int {
        let running = (self.paced[app] ?? []).count { id in
            self.index(of: id, in: app).flatMap { self.wide[app]?[$0].pace }.map { now < $0.endsAt } ?? false
        }
        return running + (self.pacedReserved[app] ?? 0)
    }

    mutating func releasePaced(of app: AppID) {
        let left = (self.pacedReserved[app] ?? 0) - 1
        self.pacedReserved[app] = left > 0 ? left : nil
    }

    /// The message waits for nobody any more.
    ///
    /// - Returns: what is known of it.
    fileprivate mutating func end(_ id: MessageID, in app: AppID) -> Message? {
        let recent = self.recent.remove(id, of: app)
        self.paced[app]?.removeAll { $0 == id }
        guard let index = self.index(of: id, in: app) else { return recent?.message }
        return self.wide[app]?.remove(at: index)
    }

    fileprivate mutating func markDone(_ receipt: Receipt, in app: AppID) {
        guard let index = self.index(of: receipt.message, in: app) else { return }
        self.wide[app]?.markDone(receipt.ordinals, at: index)
    }

    fileprivate mutating func trim(at now: Timestamp) {
        for app in self.wide.keys {
            self.wide[app]?.trim(at: now)
            if self.wide[app]?.isEmpty == true { self.wide[app] = nil }
        }
    }

    fileprivate mutating func takeShares(of app: AppID, at now: Timestamp) -> [Shares] {
        var due: [Shares] = []
        for id in self.paced[app] ?? [] {
            guard let index = self.index(of: id, in: app), let entry = self.wide[app]?[index], let pace = entry.pace
            else {
                self.paced[app]?.removeAll { $0 == id }
                continue
            }
            let count = pace.dueCount(at: now)
            if count > entry.pacedCount {
                due.append(Shares(message: entry.message, pace: pace, ranks: entry.pacedCount..<count))
                self.wide[app]?.notePaced(count, at: index)
            }
            if now >= pace.endsAt { self.paced[app]?.removeAll { $0 == id } }
        }
        if self.paced[app]?.isEmpty == true { self.paced[app] = nil }
        return due
    }
}
