extension PushRequest {
    /// Reads the body of a push.
    ///
    /// Refuses at the first thing that is wrong, always in this order: the body as JSON; unknown keys of the top level;
    /// the top level's values in the order of the contract's table, each with all that is inside it (see ``Shape``);
    /// `platform`; what the parts of the content say and which exclude one another; `audience`; sizes; `active_push`.
    ///
    /// The ceiling of `time_to_live` that an app may have is not applied here.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8, a byte order mark in front is ignored.
    ///   - rule: what the endpoint takes as an audience.
    ///   - bodyMaxBytes: the configured limit `body_bytes`.
    /// - Throws: a ``Refusal`` with one of 1002, 1003, 1005, 1009, 1035 or 410, naming the place.
    package convenience init(
        decoding bytes: [UInt8], audience rule: AudienceRule = .devices,
        bodyMaxBytes: Int = LimitName.bodyBytes.standard
    ) throws(Refusal) {
        guard bytes.count <= bodyMaxBytes else {
            throw Refusal(
                .tooLarge, "Message body is too large: \(bytes.count) bytes, at most \(bodyMaxBytes) are allowed")
        }
        try self.init(JSONValue.requestBody(bytes), audience: rule)
    }

    /// Reads a push that stands inside another text; places in refusals are named from the top of that text.
    ///
    /// - Throws: as ``init(decoding:audience:bodyMaxBytes:)``.
    package convenience init(_ root: JSONValue, audience rule: AudienceRule = .devices) throws(Refusal) {
        try Shape.push.check(root)
        guard let platform = root["platform"], let audience = root["audience"] else { throw root.missing("platform") }
        let (notification, options) = (root["notification"], root["options"])
        let named = try PlatformSet.named(by: platform)
        let content = try PushContent(checked: root, notification, options, named.platforms)
        let checked = try Audience(decoding: audience, rule: rule, isLiveActivity: content.isLiveActivity)
        try content.checkSizes(root, named.platforms)
        try PushOptions.checkActivePush(options, content)
        let ignored = Self.ignored(in: root, notification, retired: named.retired)
        self.init(
            platforms: named.platforms, audience: checked, content: content,
            options: PushOptions(checked: options),
            cid: root["cid"]?.string.flatMap(CID.init), mediaIDs: Self.mediaIDs(notification, options),
            kept: root.compact(omitting: ignored))
    }

    /// What is accepted, means nothing and is not kept, by tape index.
    private static func ignored(in root: JSONValue, _ notification: JSONValue?, retired: [Int]) -> Set<Int> {
        var ignored = Set(retired)
        if let winphone = notification?["winphone"] { ignored.insert(winphone.index) }
        if let sms = root["sms_message"] { ignored.formUnion(SMSMessage.ignored(in: sms)) }
        return ignored
    }
}
