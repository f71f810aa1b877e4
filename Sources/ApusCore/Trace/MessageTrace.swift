/// Where a message stands on each of its devices, at one moment.
///
/// Pure: what the store remembers in, verdicts out. Every device of the target is in exactly one of ``states``.
package struct MessageTrace: Sendable {
    /// What it was decided from.
    package let history: MessageHistory
    /// The moment it holds for.
    package let now: Timestamp
    /// Those that have no devices are absent.
    package let states: [DeliveryState: Ordinals]
    private let pace: Pace?

    /// Decides it for one moment.
    ///
    /// What devices told comes first; then the end of the message; then the clock.
    package init(_ history: MessageHistory, at now: Timestamp) {
        let message = history.message
        let pace = Pace(message)
        var states: [DeliveryState: Ordinals] = [:]
        var rest = message.target
        func take(_ state: DeliveryState, _ devices: Ordinals) {
            let taken = rest.intersection(devices)
            guard !taken.isEmpty else { return }
            states[state] = taken
            rest.subtract(taken)
        }
        take(.clicked, history.devices(of: .clickedNotification, .clickedMessage))
        take(.displayed, history.devices(of: .displayed))
        take(.received, history.devices(of: .received))
        take(.dropped, history.devices(of: .dropped))
        switch message.state {
        case .withdrawn: take(.withdrawn, rest)
        case .overridden: take(.overridden, rest)
        case .live:
            let sent = history.devices(of: .sent)
            let over = Self.due(message, pace, at: now.adding(seconds: -message.timeToLiveSeconds))
            if message.timeToLiveSeconds == 0 { take(.missed, over.subtracting(sent)) }
            take(.expired, over)
            take(.sent, sent)
            take(.waiting, Self.due(message, pace, at: now))
            take(.scheduled, rest)
        }
        self.history = history
        self.now = now
        self.states = states
        self.pace = pace
    }

    /// The devices whose turn has come by a moment.
    private static func due(_ message: Message, _ pace: Pace?, at moment: Timestamp) -> Ordinals {
        guard let pace else { return message.acceptedAt <= moment ? message.target : Ordinals() }
        return Ordinals(message.target.members(ranked: 0..<pace.dueCount(at: moment)))
    }

    /// What can be said of the push as a whole.
    package var state: State {
        switch self.history.message.state {
        case .withdrawn: return .withdrawn
        case .overridden: return .overridden
        case .live: break
        }
        if self.history.message.target.isEmpty { return .empty }
        if self.states.keys.contains(where: \.isOpen) { return .waiting }
        return self.states[.expired] != nil || self.states[.missed] != nil ? .expired : .done
    }

    /// What can be said of a push as a whole.
    package enum State: String, Sendable, CaseIterable {
        /// It still waits for some devices.
        case waiting
        /// It waits for nobody: each device has received it, or it was dropped there.
        case done
        /// It waits for nobody: time is up for the devices that have not received it.
        case expired
        case withdrawn
        case overridden
        /// The own channel addresses no device, as with a live activity.
        case empty = "no_devices"
    }

    /// How many devices did what; each counts once, as in the reports.
    package func count(_ kinds: Receipt.Kind...) -> Int {
        kinds.reduce(into: Ordinals()) { $0.formUnion(self.history.devices(of: $1)) }
            .intersectionCount(self.history.message.target)
    }

    /// Where the message stands on some devices, in their order; devices outside the target are left out.
    package func deliveries(to ordinals: [Ordinal]) -> [DeliveryTrace] {
        let target = self.history.message.target
        let wanted = Ordinals(ordinals)
        var events: [Ordinal: [DeliveryEvent]] = [:]
        for receipt in self.history.receipts.sorted(by: { $0.at < $1.at }) {
            for ordinal in receipt.ordinals.intersection(wanted).members {
                events[ordinal, default: []].note(receipt)
            }
        }
        return ordinals.compactMap { ordinal in
            guard let state = self.states.first(where: { $0.value.contains(ordinal) })?.key else { return nil }
            let accepted = self.history.message.acceptedAt
            let dueAt = self.pace.map { $0.dueAt(rank: target.rank(of: ordinal)) } ?? accepted
            return DeliveryTrace(
                ordinal: ordinal, state: state, dueAt: dueAt,
                expiresAt: dueAt.adding(seconds: self.history.message.timeToLiveSeconds),
                events: events[ordinal] ?? [])
        }
    }
}

/// Where one message stands on one device of its target.
package enum DeliveryState: String, Sendable, CaseIterable {
    /// Its user opened the notification or the message.
    case clicked
    /// It told that it showed it.
    case displayed
    /// It acked.
    case received
    /// Too many waited for it (`offline_per_device`): it will not get this one.
    case dropped
    /// Withdrawn before it was acked.
    case withdrawn
    /// Overridden before it was acked.
    case overridden
    /// Its share of a timed-speed push (`big_push_duration`) is not due yet.
    case scheduled
    /// Never handed to its connection; it gets it at its next login.
    case waiting
    /// Handed to its connection and not acked yet; it gets it again at its next login.
    case sent
    /// Not connected when a push with a time to live of 0 went out.
    case missed
    /// Its time to live ended before it was acked.
    case expired
}

extension DeliveryState {
    /// Whether the device may still get the message.
    package var isOpen: Bool {
        switch self {
        case .scheduled, .waiting, .sent: true
        case .clicked, .displayed, .received, .dropped, .withdrawn, .overridden, .missed, .expired: false
        }
    }
}

/// One device's part in the life of a message.
package struct DeliveryTrace: Sendable, Equatable {
    /// The device's place in the target.
    package let ordinal: Ordinal
    /// Where it stands.
    package let state: DeliveryState
    /// When the push was accepted, or the device's share of it falls due.
    package let dueAt: Timestamp
    /// When the device may not get it any more.
    package let expiresAt: Timestamp
    /// What the device and its connection told: each kind once, as it came first, and besides when it was sent last.
    /// In order of ``DeliveryEvent/at``.
    package let events: [DeliveryEvent]
}

/// Something that happened to a message on one device.
package struct DeliveryEvent: Sendable, Equatable {
    /// What happened.
    package let kind: Receipt.Kind
    /// Whether it happened before: a push that is sent again.
    package let isRepeat: Bool
    /// Not before this moment.
    package let after: Timestamp
    /// Not after this moment.
    package let at: Timestamp

    package init(kind: Receipt.Kind, isRepeat: Bool = false, after: Timestamp, at: Timestamp) {
        self.kind = kind
        self.isRepeat = isRepeat
        self.after = after
        self.at = at
    }
}

extension [DeliveryEvent] {
    /// Takes note of a receipt that is not older than those before it.
    fileprivate mutating func note(_ receipt: DatedReceipt) {
        let isRepeat = self.contains { $0.kind == receipt.kind }
        guard !isRepeat || receipt.kind == .sent else { return }
        if isRepeat { self.removeAll { $0.isRepeat } }
        self.append(DeliveryEvent(kind: receipt.kind, isRepeat: isRepeat, after: receipt.after, at: receipt.at))
    }
}

extension MessageHistory {
    fileprivate func devices(of kinds: Receipt.Kind...) -> Ordinals {
        self.receipts.reduce(into: Ordinals()) { if kinds.contains($1.kind) { $0.formUnion($1.ordinals) } }
    }
}
