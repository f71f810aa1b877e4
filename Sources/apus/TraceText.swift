import ApusCore

// MARK: - Moments

extension Timestamp {
    /// `yyyy-MM-dd HH:mm:ss` in UTC+8.
    var utc8: String { TimeUTC8(epochMilliseconds: self.milliseconds).text }
}

extension DeliveryEvent {
    /// Where the store knows only a span, its beginning.
    var afterText: String? { self.after.utc8 == self.at.utc8 ? nil : self.after.utc8 }

    /// As it stands in a sentence.
    fileprivate var when: String { self.afterText.map { "between \($0) and \(self.at.utc8)" } ?? "at \(self.at.utc8)" }

    /// What it is called, also in JSON.
    var name: String {
        switch self.kind {
        case .sent: self.isRepeat ? "sent_again" : "sent"
        case .received: "received"
        case .displayed: "displayed"
        case .clickedNotification: "clicked"
        case .clickedMessage: "message_clicked"
        case .dropped: "dropped"
        }
    }
}

// MARK: - Why

extension TracedPush {
    /// Why the push stands on a device of its target as it does.
    func reasons(_ delivery: DeliveryTrace, _ device: Device?) -> [String] {
        var reasons = [self.reason(delivery)]
        if delivery.state.isOpen || delivery.state == .missed || delivery.state == .expired {
            reasons.append(
                device.map { $0.seenAt.map { "the device was last online at \($0.utc8)" } ?? "it was never online" }
                    ?? "its registration is gone")
            if device?.secret == nil, device != nil { reasons.append("it has no secret, so it cannot log in") }
        }
        return reasons
    }

    private func reason(_ delivery: DeliveryTrace) -> String {
        func when(_ kinds: Receipt.Kind...) -> String? { delivery.events.first { kinds.contains($0.kind) }?.when }
        let until = delivery.expiresAt.utc8
        let history = self.trace.history
        let end = history.endedAt.map { " at \($0.utc8)" } ?? ""
        let sent = when(.sent).map { "; it was sent \($0) and not acked" } ?? "; it was never sent"
        switch delivery.state {
        case .clicked: return "its user opened it \(when(.clickedNotification, .clickedMessage) ?? "")"
        case .displayed: return "it was shown \(when(.displayed) ?? "")"
        case .received: return "the device acked it \(when(.received) ?? "")"
        case .dropped:
            return "dropped \(when(.dropped) ?? ""): more pushes waited for the device than offline_per_device allows"
        case .withdrawn: return "withdrawn\(end)\(sent)"
        case .overridden:
            return "overridden\(history.endedBy.map { " by push \($0.text)" } ?? "")\(end)\(sent)"
        case .scheduled: return "its share of the spread push is due at \(delivery.dueAt.utc8)"
        case .waiting: return "waiting since \(delivery.dueAt.utc8) for its next login, until \(until)"
        case .sent:
            return "sent \(when(.sent) ?? "") and not acked yet; it comes again at the next login, until \(until)"
        case .missed:
            return "not connected at \(delivery.dueAt.utc8): a time to live of 0 is for connected devices only"
        case .expired: return "expired at \(until)\(sent)"
        }
    }
}

extension AudienceMiss {
    /// Why a device is not among those of a push.
    static func sentences(_ misses: [AudienceMiss]) -> [String] {
        guard !misses.isEmpty else {
            return ["it meets what the push asks for today, and did not when the push was accepted"]
        }
        return misses.map(\.sentence)
    }

    private var sentence: String {
        switch self {
        case .registeredLater(let moment): return "it was registered after the push, at \(moment.utc8)"
        case .otherPlatform(let platform): return "the push does not name its platform, \(platform.name)"
        case .noContent(let platform): return "the push says nothing to its platform, \(platform.name)"
        case .liveActivity: return "a live activity goes over a vendor's channel only"
        case .silent(let since):
            let days = AppAudience.activityHorizonDays
            return "its last sign of life, \(since.utc8), was more than \(days) days before the push"
        case .noTestDevice: return "test_model is for test devices, and it is none today"
        case .tag(let tags): return "tag: it carries none of \(Self.list(tags)) today"
        case .tagAnd(let tags): return "tag_and: it does not carry \(Self.list(tags)) today"
        case .tagNot(let tags): return "tag_not: it carries \(Self.list(tags)) today"
        case .alias(let alias):
            return "alias: the push names others, and it has \(alias?.text ?? "none") today"
        case .registrationID: return "registration_id: the push names others"
        case .list(let id): return "the uploaded list \(id) did not name it"
        case .gone(let name): return "\(name) is not there any more: who was in it cannot be told"
        case .saved(let name, let misses):
            return "\(name) does not hold it today: " + misses.map(\.sentence).joined(separator: "; ")
        case .part(let text): return "abtest: it is not in the part \(text)"
        }
    }

    private static func list(_ tags: [Tag]) -> String { tags.map(\.text).joined(separator: ", ") }
}

// MARK: - Lines

extension TracedPush {
    /// Longest audience on the screen, in characters.
    private static let audienceMax = 300

    var lines: String {
        let message = self.trace.history.message
        let counts = DeliveryState.allCases.compactMap { state in
            self.trace.states[state].map { "\(state.rawValue) \($0.count)" }
        }
        return """
            push        \(message.id.text)
            state       \(self.stateLine)
            accepted    \(message.acceptedAt.utc8) (UTC+8) by \(self.origin)
            audience    \(self.audienceLine)
            platforms   \(self.request.map { $0.platforms.members.map(\.name).joined(separator: " ") } ?? "-")
            expires     \(message.expiresAt.utc8)\(self.pacing)
            target      \(message.target.count) devices, \(message.online.sum) of them online when it was accepted
            reached     sent \(self.trace.count(.sent, .received)), received \(self.trace.count(.received)), \
            displayed \(self.trace.count(.displayed)), clicked \
            \(self.trace.count(.clickedNotification, .clickedMessage))
            stand       \(counts.isEmpty ? "-" : counts.joined(separator: ", "))
            """
    }

    func lines(of part: TracedDevice) -> String {
        let message = self.trace.history.message
        var lines = """
            push        \(message.id.text), \(self.stateLine)
            device      \(part.registrationID ?? "-")\(part.device.map { " (\($0.platform.name))" } ?? "")
            state       \(part.state)
            why         \(part.reasons.joined(separator: "\n            "))
            """
        guard let delivery = part.delivery else { return lines }
        lines += "\nhistory     \(message.acceptedAt.utc8) accepted (UTC+8)"
        if delivery.dueAt != message.acceptedAt { lines += "\n            \(delivery.dueAt.utc8) due" }
        for event in delivery.events {
            let since = event.afterText.map { " (not before \($0))" } ?? ""
            lines += "\n            \(event.at.utc8) \(event.name)\(since)"
        }
        return lines
    }

    private var stateLine: String {
        let history = self.trace.history
        let end = history.endedAt.map { " at \($0.utc8)" } ?? ""
        let open = DeliveryState.allCases.filter(\.isOpen).reduce(0) { $0 + (self.trace.states[$1]?.count ?? 0) }
        switch self.trace.state {
        case .waiting: return "waiting for \(open) of \(history.message.target.count) devices"
        case .done: return "done: it waits for no device any more"
        case .expired: return "expired at \(history.message.expiresAt.utc8)"
        case .withdrawn: return "withdrawn\(end)"
        case .overridden: return "overridden\(history.endedBy.map { " by push \($0.text)" } ?? "")\(end)"
        case .empty: return "for no device of the own channel"
        }
    }

    private var origin: String {
        let fire = self.trace.history.fire
        let call = fire.map { "the schedule \($0.schedule.text), due at \($0.dueAt.utc8)" } ?? "a call of the API"
        return call + (self.cid.map { ", cid \($0)" } ?? "")
            + (self.trace.history.message.overrides.map { ", in place of push \($0.text)" } ?? "")
    }

    private var audienceLine: String {
        guard let audience = self.audience else { return "-" }
        guard audience.count > Self.audienceMax else { return audience }
        return "\(audience.prefix(Self.audienceMax))… (--json prints it whole)"
    }

    private var pacing: String {
        let message = self.trace.history.message
        let spread = message.spreadMinutes == 0 ? "" : ", spread over \(message.spreadMinutes) minutes"
        return " (time to live \(message.timeToLiveSeconds) s\(spread))"
    }
}

extension TracedDevice {
    /// The device in a list.
    var line: String { "\(self.registrationID ?? "-")  \(self.state)  \(self.reasons[0])" }
}
