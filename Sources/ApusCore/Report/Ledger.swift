/// What a store knows of one message that bears on where its devices stand, as of one moment.
package struct LedgerRecord: Sendable {
    /// With an empty payload.
    package let message: Message
    /// Where the store keeps it waiting at present.
    package let waiting: Message.Waiting
    /// Merged, by kind.
    package let receipts: [Receipt.Kind: Ordinals]
    /// Those of its devices that the index by device, which logins read, lists it for.
    package let indexed: Ordinals

    package init(
        message: Message, waiting: Message.Waiting, receipts: [Receipt.Kind: Ordinals], indexed: Ordinals
    ) {
        self.message = message
        self.waiting = waiting
        self.receipts = receipts
        self.indexed = indexed
    }
}

/// Where the devices of messages stand: each device of each message is in exactly one of the places.
package struct LedgerCounts: Sendable, Equatable {
    /// Devices that were addressed: the sum of the places.
    package var targets = 0
    /// Acked.
    package var delivered = 0
    /// Will get it at their next login, or when their share falls due.
    package var waiting = 0
    /// Were not here while it could be delivered.
    package var expired = 0
    /// Taken back before they acked.
    package var withdrawn = 0
    /// Replaced by another push before they acked.
    package var overridden = 0
    /// Dropped from a full inbox (`offline_per_device`).
    package var dropped = 0

    package init() {}

    /// All places together.
    package var placed: Int {
        self.delivered + self.waiting + self.expired + self.withdrawn + self.overridden + self.dropped
    }

    /// Place by place.
    package static func += (left: inout Self, right: Self) {
        left.targets += right.targets
        left.delivered += right.delivered
        left.waiting += right.waiting
        left.expired += right.expired
        left.withdrawn += right.withdrawn
        left.overridden += right.overridden
        left.dropped += right.dropped
    }
}

/// One message's line in the ledger.
///
/// The counts come from the bitmaps alone. What else the store keeps about the same devices, in other tables and
/// columns, must agree with them: where it does not, a device would be counted in one place and served from another.
package struct LedgerLine: Sendable {
    /// Which message.
    package let id: MessageID
    /// Where its devices stand.
    package let counts: LedgerCounts
    /// What does not agree, a sentence each; empty when the line balances.
    package let faults: [String]

    /// Works out where the devices of a message stand at a moment.
    package init(_ record: LedgerRecord, at now: Timestamp) {
        let message = record.message
        let received = record.receipts[.received] ?? Ordinals()
        let dropped = (record.receipts[.dropped] ?? Ordinals()).subtracting(received)
        let open = message.target.subtracting(received).subtracting(dropped)
        var counts = LedgerCounts()
        counts.targets = message.target.count
        counts.delivered = received.count
        counts.dropped = dropped.count
        switch message.state {
        case .withdrawn: counts.withdrawn = open.count
        case .overridden: counts.overridden = open.count
        case .live:
            counts.expired = message.over(at: now).intersectionCount(open)
            counts.waiting = open.count - counts.expired
        }
        self.id = message.id
        self.counts = counts
        self.faults = Self.faults(record, counts: counts, open: open, at: now)
    }

    private static func faults(
        _ record: LedgerRecord, counts: LedgerCounts, open: Ordinals, at now: Timestamp
    ) -> [String] {
        let message = record.message
        var faults: [String] = []
        if counts.targets != counts.placed {
            faults.append("\(counts.targets) devices were addressed, \(counts.placed) are accounted for")
        }
        if message.targeted.sum != counts.targets {
            faults.append("\(counts.targets) devices were addressed, reports say \(message.targeted.sum)")
        }
        for kind in Receipt.Kind.allCases {
            let strangers = (record.receipts[kind] ?? Ordinals()).subtracting(message.target).count
            if strangers > 0 { faults.append("\(strangers) devices that were not addressed are noted as \(kind)") }
        }
        let (isLive, isOver) = (message.state == .live, message.expiresAt <= now)
        // Whatever is past its expiry may have been swept, or be swept in a moment.
        if record.waiting != (isLive ? message.waiting : .nowhere), !isOver || record.waiting != .nowhere {
            faults.append("it waits in '\(record.waiting)' instead of '\(isLive ? message.waiting : .nowhere)'")
        }
        let expected = record.waiting == .inbox ? open : Ordinals()
        let (missing, extra) = (expected.subtracting(record.indexed), record.indexed.subtracting(expected))
        if !missing.isEmpty {
            faults.append("\(missing.count) devices that it waits for would not find it at their login")
        }
        if !extra.isEmpty { faults.append("\(extra.count) devices would find it that it does not wait for") }
        return faults
    }
}

extension Message {
    /// The devices that may not get it any more, because its time is over for them.
    fileprivate func over(at now: Timestamp) -> Ordinals {
        guard let pace = Pace(self) else {
            return self.waiting == .nowhere || self.expiresAt <= now ? self.target : Ordinals()
        }
        let count = pace.dueCount(at: now.adding(seconds: -self.timeToLiveSeconds))
        return Ordinals(self.target.members(ranked: 0..<count))
    }
}
