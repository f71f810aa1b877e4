extension PushContent {
    /// Notification and message of a platform together, in bytes of compact JSON (contract, push §1.12); of iOS the
    /// message alone. The contract names none for `web`, which is ours: it shares this one.
    package static let sizeMaxBytes = 4000
    /// The notification object of iOS, braces included.
    package static let iosNotificationMaxBytes = 2000

    /// Decides what each targeted platform gets, from a request that ``Shape/push`` has accepted.
    ///
    /// - Throws: ``Refusal/Kind/retired`` when Windows Phone is all that the push speaks to,
    ///   ``Refusal/Kind/missingValue`` when it says nothing to anybody it targets, ``Refusal/Kind/badValue`` for parts
    ///   that exclude one another.
    init(
        checked root: JSONValue, _ said: JSONValue?, _ options: JSONValue?, _ platforms: PlatformSet
    ) throws(Refusal) {
        let notification = said.flatMap { Self.speaks($0) ? $0 : nil }
        let message = root["message"].flatMap { $0.hasMembers ? $0 : nil }
        let activity = root["live_activity"]
        guard notification != nil || message != nil || activity != nil else {
            if said?["winphone"] != nil {
                throw Refusal(.retired, "Windows Phone is retired: notification.winphone reaches nobody")
            }
            throw Refusal.missing("notification, message or live_activity")
        }
        if let activity, notification != nil || message != nil {
            throw activity.bad("sent without notification and message")
        }
        try Self.checkCompany(root, options, hasNotification: notification != nil, hasMessage: message != nil)
        self.init(
            notifications: try notification.map { (notification) throws(Refusal) in
                try Self.notifications(notification, platforms)
            } ?? PlatformTexts(),
            message: message.map(Self.message), isLiveActivity: activity != nil)
    }

    /// Whether a notification holds anything but what is ignored.
    private static func speaks(_ notification: JSONValue) -> Bool {
        // What nearly every one has.
        if notification["alert"] != nil { return true }
        return notification.members?.contains { name, _ in
            !name.isString("winphone") && !name.isString("ai_opportunity")
        } ?? false
    }

    /// Which parts of a push may stand beside which.
    private static func checkCompany(
        _ root: JSONValue, _ options: JSONValue?, hasNotification: Bool, hasMessage: Bool
    ) throws(Refusal) {
        if let inApp = root["inapp_message"], inApp.hasMembers, !hasNotification || hasMessage {
            throw inApp.bad("sent with notification and without message")
        }
        if let thirdParty = root["notification_3rd"] {
            guard hasMessage else { throw thirdParty.bad("sent together with message") }
            guard options?["notification_3rd_ver"]?.isString("v2") == true else {
                return try Shape.thirdPartyNotification.check(thirdParty)
            }
            try Shape.thirdPartyNotificationByPlatform.check(thirdParty)
            guard thirdParty.hasMembers else { throw thirdParty.bad("an object with android, ios or hmos") }
        }
    }

    private static func notifications(
        _ notification: JSONValue, _ platforms: PlatformSet
    ) throws(Refusal) -> PlatformTexts {
        let common = notification["alert"]
        // What platforms get that have no object of their own: the same bytes for all.
        let plain = common.map { Self.effective(nil, $0) }
        var notifications = PlatformTexts()
        for platform in Platform.allCases where platforms.contains(platform) {
            let own = notification.object(of: platform)
            if own?["alert"] == nil {
                guard let common, platform.accepts(alert: common) else { continue }
            }
            notifications[platform] = own.map { Self.effective($0, common) } ?? plain
        }
        let isVoIP = platforms.contains(.ios) && notification["voip"]?.hasMembers == true
        guard !notifications.isEmpty || isVoIP else {
            throw Refusal.missing("notification.alert, or an alert for a platform of this push,")
        }
        return notifications
    }

    /// The notification object of one platform, the common text filled in where it has none of its own.
    private static func effective(_ own: JSONValue?, _ common: JSONValue?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity((own?.text.count ?? 0) + (common?.text.count ?? 0) + 16)
        bytes.append(UInt8(ascii: "{"))
        if own?["alert"] == nil {
            bytes.append(json: "\"alert\":")
            common?.write(to: &bytes)
        }
        own?.writeMembers(to: &bytes, rewriting: Self.emptyMap)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The custom message, its content always a string: of an object or an array its JSON text.
    private static func message(_ message: JSONValue) -> [UInt8] {
        var bytes = Array("{".utf8)
        let content = message["msg_content"]?.index
        message.writeMembers(to: &bytes) { value in
            guard value.index == content else { return Self.emptyMap(value) }
            return value.kind == .string ? nil : value.compactAsString()
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// An empty list is what PHP makes of an empty map, and no documented member of these objects is a list: devices
    /// are spared the difference. A list with something in it is the caller's own affair and stays.
    private static func emptyMap(_ value: JSONValue) -> [UInt8]? {
        value.kind == .array && value.isEmptyContainer ? Array("{}".utf8) : nil
    }

    /// Holds what targeted platforms get against their limits; exactly the limit is legal.
    func checkSizes(_ root: JSONValue, _ platforms: PlatformSet) throws(Refusal) {
        let message = self.message?.count ?? 0
        for platform in Platform.allCases where platforms.contains(platform) {
            let notification = self.notifications[platform]?.count ?? 0
            switch platform {
            case .ios:
                try Self.check(notification, "notification.ios", max: Self.iosNotificationMaxBytes)
                try Self.check(message, "message", max: Self.sizeMaxBytes)
                if self.isLiveActivity, let activity = root["live_activity"]?["ios"] {
                    try Self.check(activity.compactSize, "live_activity.ios", max: LiveActivity.sizeMaxBytes)
                }
            case .android, .hmos, .quickapp, .web:
                try Self.check(
                    notification + message, "notification.\(platform.name) with message", max: Self.sizeMaxBytes)
            }
        }
    }

    private static func check(_ size: Int, _ part: @autoclosure () -> String, max: Int) throws(Refusal) {
        guard size <= max else {
            throw Refusal(
                .tooLarge, "Message body is too large: \(part()) has \(size) bytes, at most \(max) are allowed")
        }
    }
}

extension Platform {
    /// Whether a common alert is a text here: an object is for iOS only, and an empty string says nothing to those that
    /// would show it.
    fileprivate func accepts(alert: JSONValue) -> Bool {
        switch self {
        case .ios: true
        case .android: alert.kind == .string
        case .hmos, .quickapp, .web: alert.kind == .string && alert.stringSize != 0
        }
    }
}

extension JSONValue {
    /// The platform's own object in a notification.
    fileprivate func object(of platform: Platform) -> JSONValue? {
        switch platform {
        case .android: self["android"]
        case .ios: self["ios"]
        case .hmos: self["hmos"]
        case .quickapp: self["quickapp"]
        case .web: self["web"]
        }
    }

    /// A JSON string that holds this value's JSON text.
    fileprivate func compactAsString() -> [UInt8] {
        var bytes = Array("\"".utf8)
        self.compact().withUnsafeBufferPointer { bytes.appendEscaped($0) }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }
}
