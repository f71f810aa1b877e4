// Every table here is one of the contract, push §1, in its order; where versions of the documents differ, the union.

extension Shape {
    /// §1.1. Platform, audience and the shape of `notification_3rd` are decided by what stands beside them.
    static let push: Shape = [
        "platform": .required(.any),
        "audience": .required(.any),
        "notification": .unlessEmpty(.notification),
        "message": .unlessEmpty(.message),
        "live_activity": .object(.liveActivity),
        "notification_3rd": .free,
        "inapp_message": .object(["inapp_message": .boolean]),
        "sms_message": .special(SMSMessage.check),
        "options": .object(.options),
        "callback": .object(.callback),
        "cid": .special { (value) throws(Refusal) in
            guard let text = value.string, CID(text) != nil else {
                throw value.bad("1 to \(CID.sizeMaxBytes) characters of 0-9 A-Z a-z _ -")
            }
        },
    ]

    /// §1.6. `msg_content` may also be an object or an array, which devices get as its JSON text.
    static let message: Shape = [
        "msg_content": .required(
            .special { (value) throws(Refusal) in
                switch value.kind {
                case .string, .object, .array: break
                case .number, .boolean, .null: throw value.bad("a string")
                }
            }),
        "title": .string,
        "content_type": .string,
        "extras": .free,
        "alternate_title": .string,
        "alternate_content": .string,
        "test_message": .boolean,
    ]

    /// §1.7, version 1.
    static let thirdPartyNotification: Shape = [
        "title": .string,
        "content": .required(.text),
        "channel_id": .sized(maxBytes: 1000),
        "uri_activity": .string,
        "uri_action": .string,
        "intent": .stringOr(.object(.intent)),
        "badge_add_num": .integer(1...99),
        "badge_set_num": .integer(0...99),
        "badge_class": .string,
        "sound": .string,
        "extras": .free,
    ]

    /// §1.7, version 2.
    static let thirdPartyNotificationByPlatform: Shape = [
        "android": .object(.android),
        "ios": .object(.ios),
        "hmos": .special(HMOS.check),
    ]

    /// §1.11.
    static let callback: Shape = [
        "url": .string,
        "params": .free,
        "type": .number([1, 2, 3, 8, 9, 10, 11]),
    ]
}

/// §1.9.
enum SMSMessage {
    static let shape: Shape = [
        "delay_time": .integer(0...86_400),
        "temp_id": .int64,
        "temp_para": .free,
        "signid": .int64,
        "active_filter": .boolean,
        // Retired in 2018 and still sent.
        "content": .string,
    ]

    /// A delay is required only where a template is named: without one there is no SMS at all.
    static func check(_ value: JSONValue) throws(Refusal) {
        try Self.shape.check(value)
        if value["temp_id"] != nil, value["delay_time"] == nil { throw value.missing("delay_time") }
    }

    /// The parts of `sms_message` that mean nothing and are not kept, by tape index.
    static func ignored(in value: JSONValue) -> [Int] {
        guard value["temp_id"] != nil else { return [value.index] }
        return value["content"].map { [$0.index] } ?? []
    }
}
