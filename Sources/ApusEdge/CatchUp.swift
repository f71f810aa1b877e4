package import ApusCore

/// Which pushes one session has been sent, and which it must still be: joins the pages read from the store with the
/// pushes that are rung for meanwhile, so that each is sent once and in order.
///
/// No I/O, no clock. A session starts out reading. Its owner reads the page after ``cursor``, gives it to
/// ``merge(_:isLast:at:)``, sends what comes back while the connection takes it, and asks ``pageDone(isLast:)`` whether
/// to go on.
///
/// Three kinds of pushes differ in where they can be found again:
/// - *stored* ones lie in the store beyond the cursor until they are acked;
/// - *shares* of timed-speed pushes are stored too, but fall due long after their number was given, so that they may
///   lie before the cursor and only the nudge tells of them;
/// - *fleeting* ones (a time to live of 0) are for who is here now: the nudge is all there is.
package struct CatchUp: Sendable {
    /// What to do with a push that is rung for.
    package enum Verdict: Equatable, Sendable {
        case send
        /// It has been sent.
        case skip
        /// It comes with a later page, or is held here until then.
        case wait
        /// It could be found again only by another session: end this one.
        case overflow
    }

    /// Most pushes held while a page is read. When full, stored ones are left to the next page, fleeting ones make room
    /// for younger ones, and a share ends the session.
    package static let heldMax = 32
    /// How long a fleeting push may be held, from the moment it was rung for: what the store took is not its fault.
    package static let fleetingMaxMilliseconds: Int64 = 5000
    /// Timed-speed pushes that a session remembers; far more than run at a time.
    private static let sharesMax = 256

    private enum Phase: Sendable {
        case reading
        /// Everything stored up to the cursor was sent; what is rung for is sent at once.
        case live
        /// The connection takes nothing now.
        case blocked
    }

    /// Everything stored with a number up to this one was sent, or need not be.
    package private(set) var cursor = MessageID(0)
    private var phase = Phase.reading
    /// Whether a stored push was rung for that no page read so far may hold.
    private var isRung = false
    private var held: [Delivery] = []
    /// Taken back while a page was read that may still hold them.
    private var takenBack: [MessageID] = []
    /// The timed-speed pushes whose share was sent, oldest first.
    private var sharesSent: [MessageID] = []

    /// A session that has just begun.
    package init() {}

    /// Whether what is rung for is sent at once.
    package var isLive: Bool {
        switch self.phase {
        case .live: true
        case .reading, .blocked: false
        }
    }

    /// Whether the session waits for its connection to take more.
    package var isBlocked: Bool {
        switch self.phase {
        case .blocked: true
        case .reading, .live: false
        }
    }

    /// Takes a nudge. After ``Verdict/send`` the push counts as sent.
    ///
    /// - Parameter canWrite: whether the connection takes more.
    package mutating func nudged(_ delivery: Delivery, canWrite: Bool) -> Verdict {
        let id = delivery.deliverable.id
        if delivery.isShare, self.sharesSent.contains(id) { return .skip }
        if delivery.isStored, id <= self.cursor { return .skip }
        if self.isLive, canWrite {
            self.note(delivery)
            return .send
        }
        if self.isLive { self.phase = .blocked }
        return self.hold(delivery)
    }

    /// A page is about to be read.
    ///
    /// - Returns: the number after which it begins.
    package mutating func beginPage() -> MessageID {
        self.phase = .reading
        self.isRung = false
        self.takenBack = []
        return self.cursor
    }

    /// Joins a page with what is held.
    ///
    /// - Parameter isLast: whether the store had no more: then everything held is due too.
    /// - Returns: what to send, in order. Tell each with ``sent(_:)``, and the rest with ``block(_:)``.
    package mutating func merge(_ page: [Delivery], isLast: Bool, at now: Timestamp) -> [Delivery] {
        let pageEnd = page.last?.deliverable.id ?? self.cursor
        // While pages are missing, what was rung for may lie behind them: only what is older may go now.
        let due = self.held.filter { isLast && !self.isRung || $0.deliverable.id <= pageEnd }
        self.held.removeAll { held in due.contains { $0.deliverable === held.deliverable } }
        let inPage = Set(page.map(\.deliverable.id))
        let joined = (page + due.filter { !inPage.contains($0.deliverable.id) })
            .filter { !self.takenBack.contains($0.deliverable.id) }
        return joined.filter { $0.isDeliverable(at: now) }.sorted { $0.deliverable.id < $1.deliverable.id }
    }

    /// A push that ``merge(_:isLast:at:)`` gave out is the connection's turn.
    ///
    /// - Returns: false when it was sent before, and must not be again.
    package mutating func sent(_ delivery: Delivery) -> Bool {
        let id = delivery.deliverable.id
        if delivery.isShare, self.sharesSent.contains(id) {
            self.cursor = max(self.cursor, id)
            return false
        }
        if delivery.isStored, id <= self.cursor { return false }
        self.note(delivery)
        // A page holds shares as well: the next one must begin behind them.
        if !delivery.isFleeting { self.cursor = max(self.cursor, id) }
        return true
    }

    /// A page was dealt with to its end.
    ///
    /// - Returns: whether another must be read; if not, the session is live.
    package mutating func pageDone(isLast: Bool) -> Bool {
        guard isLast, !self.isRung else { return true }
        self.phase = .live
        return false
    }

    /// The connection took nothing beyond these: reading begins again, from the cursor, once it does.
    package mutating func block(_ unsent: some Sequence<Delivery>) {
        self.phase = .blocked
        self.isRung = true
        // Stored ones are found again by the next page.
        self.held = (unsent + self.held).filter { !$0.isStored }
    }

    /// A message was taken back: it must not be sent any more.
    package mutating func withdraw(_ id: MessageID) {
        self.held.removeAll { $0.deliverable.id == id }
        switch self.phase {
        case .reading: self.takenBack.append(id)
        case .live, .blocked: break
        }
    }

    private mutating func note(_ delivery: Delivery) {
        let id = delivery.deliverable.id
        if delivery.isShare {
            if self.sharesSent.count >= Self.sharesMax { self.sharesSent.removeFirst() }
            self.sharesSent.append(id)
        } else if delivery.isStored {
            self.cursor = id
        }
    }

    private mutating func hold(_ delivery: Delivery) -> Verdict {
        if delivery.isStored, self.isBlocked || self.held.count >= Self.heldMax {
            self.isRung = true
            return .wait
        }
        if self.held.count >= Self.heldMax, let stored = self.held.lastIndex(where: \.isStored) {
            self.held.remove(at: stored)
            self.isRung = true
        }
        if self.held.count >= Self.heldMax {
            guard delivery.isFleeting, let oldest = self.held.firstIndex(where: \.isFleeting) else {
                return delivery.isFleeting ? .skip : .overflow
            }
            self.held.remove(at: oldest)
        }
        self.held.append(delivery)
        return .wait
    }
}

extension Delivery {
    /// A time to live of 0: for devices that are here now.
    package var isFleeting: Bool { self.deliverable.message.timeToLiveSeconds == 0 }

    /// A device's share of a timed-speed push that is also kept for later.
    package var isShare: Bool { self.deliverable.message.spreadMinutes > 0 && !self.isFleeting }

    /// Found in the store beyond the cursor.
    package var isStored: Bool { !self.isFleeting && !self.isShare }

    /// Whether a device may still get it.
    package func isDeliverable(at now: Timestamp) -> Bool {
        self.isFleeting
            ? now.milliseconds - (self.rungAt ?? self.dueAt).milliseconds <= CatchUp.fleetingMaxMilliseconds
            : now < self.deliverable.expiresAt(dueAt: self.dueAt)
    }
}
