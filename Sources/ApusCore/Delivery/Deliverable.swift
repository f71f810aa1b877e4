/// A committed message, ready to be written to devices.
package final class Deliverable: Sendable {
    /// What the store keeps of it.
    package let message: Message
    /// What the push says, decoded once.
    package let request: PushRequest

    /// The message's number.
    package var id: MessageID { self.message.id }
    /// Whose push it is.
    package var app: AppID { self.message.app }

    package init(message: Message, request: PushRequest) {
        self.message = message
        self.request = request
    }

    /// Decodes what a store has kept.
    ///
    /// - Throws: a refusal when the payload does not decode any more: it was accepted under other rules, or is damaged.
    package convenience init(message: Message) throws(Refusal) {
        let root = try JSONValue.requestBody(message.payload)
        self.init(message: message, request: try PushRequest(root, audience: .devicesOrFile))
    }

    /// When a device may not get it any more.
    ///
    /// - Parameter dueAt: when the push was accepted, or when the device's share of it fell due.
    package func expiresAt(dueAt: Timestamp) -> Timestamp { dueAt.adding(seconds: self.message.timeToLiveSeconds) }

    /// The JSON text of the `push` frame for a platform.
    ///
    /// - Returns: nil when devices of the platform get nothing of this push.
    package func frame(for platform: Platform, dueAt: Timestamp) -> [UInt8]? {
        let content = self.request.content
        let notification = content.notifications[platform]
        let custom = self.request.platforms.contains(platform) ? content.message : nil
        guard notification != nil || custom != nil else { return nil }
        var text: [UInt8] = []
        text.reserveCapacity(160 + (notification?.count ?? 0) + (custom?.count ?? 0))
        text.append(json: #"{"op":"push","msg_id":""#)
        text.append(contentsOf: self.id.text.utf8)
        text.append(json: #"","sent_at":"#)
        text.appendJSON(integer: dueAt.milliseconds)
        text.append(json: #","expires_at":"#)
        text.appendJSON(integer: self.expiresAt(dueAt: dueAt).milliseconds)
        if let notification {
            text.append(json: #","notification":"#)
            text.append(contentsOf: notification)
        }
        if let custom {
            text.append(json: #","message":"#)
            text.append(contentsOf: custom)
        }
        if let overrides = self.message.overrides {
            text.append(json: #","override_msg_id":""#)
            text.append(contentsOf: overrides.text.utf8)
            text.append(UInt8(ascii: "\""))
        }
        text.append(UInt8(ascii: "}"))
        return text
    }
}

/// One message for one device.
package struct Delivery: Sendable {
    /// What is delivered; shared by all its deliveries.
    package let deliverable: Deliverable
    /// When the push was accepted, or when this device's share of it fell due.
    package let dueAt: Timestamp
    /// When this node was told of it; nil for what was read from the store.
    package let rungAt: Timestamp?

    package init(deliverable: Deliverable, dueAt: Timestamp, rungAt: Timestamp? = nil) {
        self.deliverable = deliverable
        self.dueAt = dueAt
        self.rungAt = rungAt
    }
}
