// The tables of the contract, push §1.4 and §1.5, in its order.

extension Shape {
    static let notification: Shape = [
        "alert": .stringOr(.free),
        "alternate_alert": .string,
        "android": .object(.android),
        "ios": .object(.ios),
        "hmos": .special(HMOS.check),
        "quickapp": .object(.quickapp),
        "web": .object(.web),
        "winphone": .object(.winphone),
        "voip": .free,
        // Sent by one old client with every push.
        "ai_opportunity": .boolean,
    ]

    static let android: Shape = [
        "alert": .string,
        "title": .string,
        "builder_id": .int32,
        "channel_id": .sized(maxBytes: 1000),
        "category": .string,
        "priority": .integer(-2...2),
        "style": .integer(0...3),
        "alert_type": .integer(-1...7),
        "big_text": .string,
        "inbox": .free,
        "big_pic_path": .string,
        "extras": .free,
        "large_icon": .string,
        "small_icon_uri": .string,
        "icon_bg_color": .string,
        "intent": .object(.intent),
        "uri_activity": .string,
        "uri_action": .string,
        "uri_flag": .string,
        "badge_add_num": .integer(1...99),
        "badge_set_num": .integer(0...99),
        "badge_class": .string,
        "sound": .string,
        "show_begin_time": .time,
        "show_end_time": .time,
        "display_foreground": .number([0, 1]),
        // Not in the vendor's tables, which have the short texts inside extras; the official Python client sends them.
        "custom_buttons": .any,
        "mipns_content_forshort": .string,
        "oppns_content_forshort": .string,
        "vpns_content_forshort": .string,
        "mzpns_content_forshort": .string,
    ]

    static let intent: Shape = ["url": .required(.string)]

    static let ios: Shape = [
        "alert": .stringOr(.free),
        "sound": .stringOr(.object(["critical": .int32, "name": .string, "volume": .fraction(0...1)])),
        "badge": .special(Badge.check),
        "content-available": .boolean,
        "mutable-content": .boolean,
        "category": .string,
        "thread-id": .string,
        "interruption-level": .word(["active", "critical", "passive", "time-sensitive"]),
        "extras": .free,
    ]

    static let quickapp: Shape = [
        "alert": .text,
        "title": .string,
        "page": .required(.string),
        "extras": .free,
    ]

    static let web: Shape = [
        "alert": .text,
        "title": .string,
        "icon": .string,
        "url": .string,
        "extras": .free,
    ]

    /// Retired: checked, then dropped.
    static let winphone: Shape = [
        "alert": .string,
        "title": .string,
        "_open_page": .string,
        "extras": .free,
    ]

    /// §1.8.
    static let liveActivity: Shape = ["ios": .required(.special(LiveActivity.check))]
}

enum HMOS {
    static let shape: Shape = [
        "alert": .text,
        "category": .string,
        "title": .string,
        "large_icon": .string,
        "sound": .string,
        "receipt_id": .string,
        "extra_data": .string,
        "display_foreground": .string,
        "intent": .object(.intent),
        "badge_add_num": .integer(1...99),
        "badge_set_num": .integer(0...99),
        "sound_duration": .integer(1...60),
        "style": .number([0, 2]),
        "inbox": .free,
        "extras": .free,
        "hm_payload": .free,
        "push_type": .number([0, 1, 2, 7, 10]),
        "test_message": .boolean,
        // One official client sends it.
        "_open_page": .string,
    ]

    /// The kind of push decides what else must be there.
    static func check(_ value: JSONValue) throws(Refusal) {
        try Self.shape.check(value)
        switch value["push_type"]?.integer {
        case 2, 10: if value["extra_data"] == nil { throw value.missing("extra_data") }
        case 1, 7:
            if let type = value["push_type"], value["hm_payload"] == nil {
                throw type.bad("0, 2 or 10 where there is no hm_payload")
            }
        default: break
        }
    }
}

/// The number on the icon of an iOS app: to set (`5`, `"5"`), to add (`"+1"`), to take off (`"-1"`), to clear (`""`).
enum Badge {
    static func check(_ value: JSONValue) throws(Refusal) {
        let range: ClosedRange<Int64> = 0...99_999
        if value.kind == .number, let number = value.integer, range.contains(number) { return }
        if let text = value.string, text.isEmpty || Self.steps(text).map(range.contains) == true { return }
        throw value.bad("an integer from 0 to \(range.upperBound), or a string as \"5\", \"+1\", \"-1\" or \"\"")
    }

    private static func steps(_ text: String) -> Int64? {
        let isSigned = text.utf8.first == UInt8(ascii: "+") || text.utf8.first == UInt8(ascii: "-")
        let digits = isSigned ? text.utf8.dropFirst() : text.utf8[...]
        return digits.allSatisfy(\.isDigit) ? Int64(Substring(digits)) : nil
    }
}

/// §1.8. What an activity shows is the caller's own affair; how it starts and ends is not.
enum LiveActivity {
    static let sizeMaxBytes = 3584

    static let shape: Shape = [
        "event": .required(.word(["start", "update", "end"])),
        "content-state": .required(.free),
        "attributes-type": .string,
        "attributes": .free,
        "alert": .object(Self.alert.open),
        "dismissal-date": .int64,
        "stale-date": .int64,
        "relevance-score": .integer(1...100),
        "apns-priority": .number([5, 10]),
    ]

    private static let alert: Shape = ["title": .string, "body": .string, "sound": .string]

    static func check(_ value: JSONValue) throws(Refusal) {
        try Self.shape.check(value)
        if value["event"]?.isString("start") == true, value["attributes-type"] == nil {
            throw value.missing("attributes-type")
        }
    }
}
