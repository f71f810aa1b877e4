import ApusCore

extension TracedPush {
    /// Everything up to the devices, whose list is left open.
    func jsonHead(leftOut: Int) -> String {
        let (history, message) = (self.trace.history, self.trace.history.message)
        var text = ObjectText()
        text.add("msg_id", message.id.text)
        text.add("app_key", self.app.key.text)
        text.add("state", self.trace.state.rawValue)
        text.add("accepted_at", message.acceptedAt.utc8)
        var origin = ObjectText()
        origin.add("kind", history.fire == nil ? "api" : "schedule")
        origin.add("schedule_id", history.fire?.schedule.text)
        origin.add("due_at", history.fire?.dueAt.utc8)
        origin.add("cid", self.cid)
        text.add("accepted_by", json: origin.closed)
        text.add("audience", json: self.audience ?? "null")
        let platforms = self.request.map {
            "[" + $0.platforms.members.map { "\"\($0.name)\"" }.joined(separator: ",") + "]"
        }
        text.add("platforms", json: platforms ?? "null")
        text.add("time_to_live", message.timeToLiveSeconds)
        text.add("big_push_duration", message.spreadMinutes)
        text.add("expires_at", message.expiresAt.utc8)
        text.add("overrides", message.overrides?.text)
        text.add("overridden_by", history.endedBy?.text)
        text.add("ended_at", history.endedAt?.utc8)
        var counts = ObjectText()
        counts.add("target", message.target.count)
        counts.add("online", message.online.sum)
        counts.add("sent", self.trace.count(.sent, .received))
        counts.add("received", self.trace.count(.received))
        counts.add("displayed", self.trace.count(.displayed))
        counts.add("clicked", self.trace.count(.clickedNotification, .clickedMessage))
        text.add("counts", json: counts.closed)
        var states = ObjectText()
        for state in DeliveryState.allCases { states.add(state.rawValue, self.trace.states[state]?.count ?? 0) }
        text.add("states", json: states.closed)
        text.add("devices_left_out", leftOut)
        text.add("devices", json: "[")
        return text.open
    }

    /// The same with one device.
    func json(of part: TracedDevice) -> String { self.jsonHead(leftOut: 0) + part.json + "]}" }
}

extension TracedDevice {
    var json: String {
        var text = ObjectText()
        text.add("registration_id", self.registrationID)
        text.add("platform", self.device?.platform.name)
        text.add("state", self.state)
        text.add("due_at", self.delivery?.dueAt.utc8)
        text.add("expires_at", self.delivery?.expiresAt.utc8)
        text.add("registered_at", self.device?.registeredAt.utc8)
        text.add("last_online_time", self.device?.seenAt?.utc8)
        let events = (self.delivery?.events ?? []).map { event in
            var text = ObjectText()
            text.add("event", event.name)
            text.add("at", event.at.utc8)
            text.add("not_before", event.afterText)
            return text.closed
        }
        text.add("events", json: "[\(events.joined(separator: ","))]")
        var reasons: [UInt8] = []
        reasons.appendJSON(strings: self.reasons)
        text.add("reasons", json: String(decoding: reasons, as: UTF8.self))
        return text.closed
    }
}

/// A JSON object that is being written, member by member.
private struct ObjectText {
    private var bytes: [UInt8] = []

    /// With its end, and without.
    var closed: String { self.open + "}" }
    var open: String { "{" + String(decoding: self.bytes, as: UTF8.self) }

    mutating func add(_ name: String, json: String) {
        if !self.bytes.isEmpty { self.bytes.append(UInt8(ascii: ",")) }
        self.bytes.appendJSON(string: name)
        self.bytes.append(UInt8(ascii: ":"))
        self.bytes.append(contentsOf: json.utf8)
    }

    mutating func add(_ name: String, _ text: String?) {
        var value: [UInt8] = []
        if let text { value.appendJSON(string: text) } else { value.append(json: "null") }
        self.add(name, json: String(decoding: value, as: UTF8.self))
    }

    mutating func add(_ name: String, _ number: Int) { self.add(name, json: String(number)) }
}
