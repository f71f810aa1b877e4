// The tables of the contract, push §1.10, in its order.

extension Shape {
    static let options: Shape = [
        "sendno": .integer(Int64(Int32.min)...Int64(UInt32.max)),
        "time_to_live": .integer(0...Int64(PushOptions.timeToLiveSecondsMax)),
        "override_msg_id": .integer(1...Int64.max),
        "apns_production": .boolean,
        "apns_collapse_id": .sized(maxBytes: 64),
        "big_push_duration": .integer(0...1400),
        "third_party_channel": .object(.thirdPartyChannel),
        "classification": .number([0, 1]),
        "target_event": .strings,
        "test_message": .boolean,
        "receipt_id": .string,
        "active_push": .boolean,
        "need_backup": .boolean,
        "business_operation_code": .string,
        "test_model": .boolean,
        "alternate_set": .boolean,
        "geofence": .free,
        "portal_extra": .object(["task": .string]),
        "notification_3rd_ver": .word(["v1", "v2"]),
    ]

    static let thirdPartyChannel: Shape = [
        "xiaomi": .special(VendorChannelOptions.check),
        "huawei": .special(VendorChannelOptions.check),
        "honor": .special(VendorChannelOptions.check),
        "meizu": .special(VendorChannelOptions.check),
        "oppo": .special(VendorChannelOptions.check),
        "vivo": .special(VendorChannelOptions.check),
        "fcm": .special(VendorChannelOptions.check),
        "nio": .special(VendorChannelOptions.check),
        "asus": .special(VendorChannelOptions.check),
        "hmos": .special(VendorChannelOptions.check),
    ]
}

/// What one vendor's channel is told. Vendors add keys often, so unknown ones pass.
enum VendorChannelOptions {
    static let shape = Self.known.open

    private static let known: Shape = [
        "distribution": .word(["jpush", "ospush", "first_ospush", "secondary_push"]),
        "distribution_fcm": .word(["jpush", "fcm", "pns", "secondary_fcm_push", "secondary_pns_push"]),
        "distribution_customize": .word(["jpush", "first_ospush", "secondary_push"]),
        "channel_id": .string,
        "category": .string,
        "sound": .string,
        "receipt_id": .string,
        "callback_id": .string,
        "large_icon": .string,
        "small_icon_uri": .string,
        "small_icon_color": .string,
        "big_text": .string,
        "big_pic_path": .string,
        "importance": .word(["LOW", "NORMAL", "HIGH"]),
        "urgency": .word(["NORMAL", "HIGH"]),
        "classification": .number([0, 1]),
        "push_mode": .number([0, 1]),
        "target_user_type": .number([0, 1]),
        "notify_level": .number([1, 2, 16]),
        "style": .integer(0...3),
        "skip_quota": .boolean,
        "default_sound": .boolean,
        "only_use_vendor_style": .boolean,
        "inbox": .free,
        "auditResponse": .free,
    ]

    static func check(_ value: JSONValue) throws(Refusal) {
        try Self.shape.check(value)
        if value["notify_level"] != nil, value["category"] == nil { throw value.missing("category") }
    }
}

extension PushOptions {
    /// Reads `options` that ``Shape/options`` has accepted; nil when there are none.
    init(checked value: JSONValue?) {
        guard let value else { return }
        self.sendno = value["sendno"]?.integer ?? 0
        self.timeToLiveSeconds = value["time_to_live"]?.integer.map { Int($0) }
        self.overrideMessageID = value["override_msg_id"]?.integer.map { MessageID($0) }
        self.spreadMinutes = value["big_push_duration"]?.integer.map { Int($0) } ?? 0
        self.testModel = value["test_model"]?.boolean ?? false
        self.businessOperationCode = value["business_operation_code"]?.string
    }

    /// `active_push` takes a notification alone and at once; `need_backup` needs it.
    static func checkActivePush(_ options: JSONValue?, _ content: PushContent) throws(Refusal) {
        guard let options else { return }
        let isActive = options["active_push"]?.boolean ?? false
        if options["need_backup"]?.boolean == true, !isActive {
            throw Refusal(.activePushConflict, "options.need_backup takes active_push: true")
        }
        guard isActive else { return }
        let spreads = options["big_push_duration"]?.integer ?? 0 != 0
        guard content.message == nil, !content.isLiveActivity, !spreads else {
            throw Refusal(
                .activePushConflict, "options.active_push takes a notification alone, without big_push_duration")
        }
    }
}
