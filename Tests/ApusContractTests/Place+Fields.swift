// The tables of the contract, push §1, by key and type.

extension Place {
    typealias Field = (key: String, type: FieldType)

    /// The members by type, as the contract's tables give them; those with a rule of their own are tested by name.
    var fields: [Field] {
        switch self {
        case .top: [("cid", .word(["a-Z_9", String(repeating: "c", count: 128)]))]
        case .audience: []
        case .file: [("file_id", .text)]
        case .notification: Self.notificationFields
        case .android: Self.androidFields
        case .intent: [("url", .string)]
        case .ios: Self.iosFields
        case .sound: [("critical", .integer(0...1, strict: false)), ("name", .string)]
        case .hmos: Self.hmosFields
        case .quickapp: Self.strings("title page") + [("alert", .text), ("extras", .object)]
        case .web: Self.strings("title icon url") + [("alert", .text), ("extras", .object)]
        case .winphone: Self.strings("alert title _open_page") + [("extras", .object)]
        case .message: Self.messageFields
        case .thirdParty: Self.thirdPartyFields
        case .thirdPartyByPlatform: [("android", .object), ("ios", .object), ("hmos", .object)]
        case .liveActivity: []
        case .liveActivityIOS: Self.liveActivityIOSFields
        case .inApp: [("inapp_message", .boolean)]
        case .sms: Self.smsFields
        case .options: Self.optionsFields
        case .channels: Self.channelsFields
        case .vendor: Self.vendorFields
        case .portalExtra: [("task", .string)]
        case .callback: Self.callbackFields
        }
    }

    private static let notificationFields: [Field] =
        [
            ("alert", .stringOrObject), ("alternate_alert", .string), ("voip", .object),
            ("ai_opportunity", .boolean),
            ("android", .object), ("ios", .object), ("hmos", .object), ("web", .object), ("winphone", .object),
        ]

    private static let androidFields: [Field] =
        Self.strings(
            "alert title category big_text big_pic_path large_icon small_icon_uri icon_bg_color uri_activity "
                + "uri_action uri_flag badge_class sound")
        + [
            ("builder_id", .integer(-5...5, strict: false)), ("channel_id", .sized(1000)),
            ("priority", .integer(-2...2)), ("style", .integer(0...3)), ("alert_type", .integer(-1...7)),
            ("inbox", .object), ("extras", .object), ("badge_add_num", .integer(1...99)),
            ("badge_set_num", .integer(0...99)), ("show_begin_time", .time), ("show_end_time", .time),
            ("display_foreground", .integer(0...1)),
        ]

    private static let iosFields: [Field] =
        Self.strings("category thread-id") + [
            ("alert", .stringOrObject), ("sound", .stringOrObject), ("content-available", .boolean),
            ("mutable-content", .boolean), ("extras", .object),
            ("interruption-level", .word(["active", "critical", "passive", "time-sensitive"])),
        ]

    private static let hmosFields: [Field] =
        Self.strings("category title large_icon sound receipt_id extra_data display_foreground _open_page") + [
            ("alert", .text), ("badge_add_num", .integer(1...99)), ("badge_set_num", .integer(0...99)),
            ("sound_duration", .integer(1...60)), ("style", .numbers([0, 2], not: [-1, 1, 3])), ("inbox", .object),
            ("extras", .object), ("hm_payload", .object), ("test_message", .boolean),
        ]

    private static let messageFields: [Field] =
        Self.strings("title content_type alternate_title alternate_content")
        + [("extras", .object), ("test_message", .boolean)]

    private static let thirdPartyFields: [Field] =
        Self.strings("title uri_activity uri_action badge_class sound") + [
            ("content", .text), ("channel_id", .sized(1000)), ("badge_add_num", .integer(1...99)),
            ("badge_set_num", .integer(0...99)), ("extras", .object),
        ]

    private static let liveActivityIOSFields: [Field] =
        [
            ("event", .word(["update", "end"])), ("content-state", .object), ("attributes-type", .string),
            ("attributes", .object), ("alert", .object), ("dismissal-date", .integer(0...9, strict: false)),
            ("stale-date", .integer(0...9, strict: false)), ("relevance-score", .integer(1...100)),
            ("apns-priority", .numbers([5, 10], not: [0, 6, 9, 11])),
        ]

    private static let smsFields: [Field] =
        [
            ("delay_time", .integer(0...86_400)), ("temp_id", .integer(1...9, strict: false)),
            ("temp_para", .object),
            ("signid", .integer(1...9, strict: false)), ("active_filter", .boolean), ("content", .string),
        ]

    private static let optionsFields: [Field] =
        Self.strings("receipt_id business_operation_code") + [
            ("sendno", .integer(-2_147_483_648...4_294_967_295)), ("time_to_live", .integer(0...864_000)),
            ("override_msg_id", .integer(1...(.max))), ("apns_production", .boolean),
            ("apns_collapse_id", .sized(64)),
            ("big_push_duration", .integer(0...1400)), ("third_party_channel", .object),
            ("classification", .integer(0...1)), ("target_event", .strings), ("test_message", .boolean),
            ("active_push", .boolean), ("test_model", .boolean), ("alternate_set", .boolean), ("geofence", .object),
            ("portal_extra", .object), ("notification_3rd_ver", .word(["v1", "v2"])),
        ]

    private static let channelsFields: [Field] =
        "xiaomi huawei honor meizu oppo vivo fcm nio asus hmos".split(separator: " ").map { (String($0), .object) }

    private static let vendorFields: [Field] =
        Self.strings(
            "channel_id category sound receipt_id callback_id large_icon small_icon_uri small_icon_color big_text "
                + "big_pic_path")
        + [
            ("distribution", .word(["jpush", "ospush", "first_ospush", "secondary_push"])),
            (
                "distribution_fcm",
                .word(["jpush", "fcm", "pns", "secondary_fcm_push", "secondary_pns_push"])
            ),
            ("distribution_customize", .word(["jpush", "first_ospush", "secondary_push"])),
            ("importance", .word(["LOW", "NORMAL", "HIGH"])), ("urgency", .word(["NORMAL", "HIGH"])),
            ("classification", .integer(0...1)), ("push_mode", .integer(0...1)),
            ("target_user_type", .integer(0...1)),
            ("notify_level", .numbers([1, 2, 16], not: [0, 3, 15, 17])),
            ("style", .integer(0...3)), ("skip_quota", .boolean), ("default_sound", .boolean),
            ("only_use_vendor_style", .boolean), ("inbox", .object), ("auditResponse", .object),
        ]

    private static let callbackFields: [Field] =
        [
            ("url", .string), ("params", .object),
            ("type", .numbers([1, 2, 3, 8, 9, 10, 11], not: [0, 4, 5, 6, 7, 12, -1])),
        ]

    private static func strings(_ keys: String) -> [(key: String, type: FieldType)] {
        keys.split(separator: " ").map { (String($0), .string) }
    }
}

/// What the contract's tables call a type, with the values that show it.
enum FieldType: Sendable {
    case string, text, time, boolean, object, stringOrObject, strings
    case sized(Int)
    case word([String])
    /// `strict`: whether the contract names these bounds.
    case integer(ClosedRange<Int64>, strict: Bool = true)
    case numbers([Int64], not: [Int64])

    /// JSON texts that are accepted.
    var good: [String] {
        switch self {
        case .string: [#""x""#, #""""#, #""好""#]
        case .text: [#""x""#, #"" ""#]
        case .time: [#""2026-02-28 23:59:59""#]
        case .boolean: ["true", "false", #""true""#, #""false""#, "0", "1"]
        case .object: ["{}", "[]"]
        case .stringOrObject: [#""x""#, #""""#, "{}", "[]"]
        case .strings: ["[]", "{}", #"["a","b"]"#]
        case .sized(let max): [#""""#, "\"\(String(repeating: "x", count: max))\""]
        case .word(let words): words.map { "\"\($0)\"" }
        case .integer(let range, _):
            ["\(range.lowerBound)", "\(range.upperBound)", "\(range.lowerBound).0", "\"\(range.upperBound)\""]
        case .numbers(let numbers, _): numbers.flatMap { ["\($0)", "\($0).0", "\"\($0)\""] }
        }
    }

    /// JSON texts that are refused with 1003.
    var bad: [String] {
        switch self {
        case .string: ["1", "true", "[]", "{}", #"["x"]"#]
        case .text: [#""""#, "1", "true", "[]", "{}"]
        case .time:
            [
                #""""#, "1", #""2026-02-30 00:00:00""#, #""2026-2-28 23:59:59""#, #""2026-02-28 24:00:00""#,
                #""2026-02-28""#,
            ]
        case .boolean: ["2", #""x""#, #""1""#, #""""#, "[]", "{}", "0.5"]
        case .object: [#""x""#, #""""#, "1", "true", "[1]", "[{}]"]
        case .stringOrObject: ["1", "true", "[1]"]
        case .strings: [#""a""#, "1", "[1]", #"{"a":"b"}"#, "[null]"]
        case .sized(let max):
            ["1", "\"\(String(repeating: "x", count: max + 1))\"", "\"\(String(repeating: "好", count: max / 3 + 1))\""]
        case .word(let words): [#""""#, "\"\(words[0])!\"", "1", "[\"\(words[0])\"]"]
        case .integer(let range, let strict):
            [#""x""#, #""""#, "true", "[]", "{}", "\(range.lowerBound).5", "1e30"]
                + (strict && range.lowerBound > .min ? ["\(range.lowerBound - 1)"] : [])
                + (strict && range.upperBound < .max ? ["\(range.upperBound + 1)"] : [])
        case .numbers(_, let others): [#""x""#, "true", "[]", "{}"] + others.map { "\($0)" }
        }
    }
}
