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
    package init(
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
    package init(_ root: JSONValue, audience rule: AudienceRule = .devices) throws(Refusal) {
        try Shape.push.check(root)
        guard let platform = root["platform"], let audience = root["audience"] else { throw root.missing("platform") }
        let named = try PlatformSet.named(by: platform)
        self.platforms = named.platforms
        self.content = try PushContent(checked: root, platforms: named.platforms)
        self.audience = try Audience(decoding: audience, rule: rule, isLiveActivity: self.content.isLiveActivity)
        try self.content.checkSizes(root, named.platforms)
        self.options = PushOptions(checked: root["options"])
        try PushOptions.checkActivePush(root, self.content)
        self.cid = root["cid"]?.string.flatMap(CID.init)
        self.mediaIDs = Self.mediaIDs(in: root)
        self.kept = root.compact(omitting: Set(Self.ignored(in: root, retired: named.retired)))
    }

    /// What is accepted, means nothing and is not kept, by tape index.
    private static func ignored(in root: JSONValue, retired: [Int]) -> [Int] {
        var ignored = retired
        if let winphone = root["notification"]?["winphone"] { ignored.append(winphone.index) }
        if let sms = root["sms_message"] { ignored += SMSMessage.ignored(in: sms) }
        return ignored
    }
}
