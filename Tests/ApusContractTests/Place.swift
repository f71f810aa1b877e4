@testable import ApusContract

/// A fixed object of the push request, with what it needs around it and inside it to be accepted.
enum Place: CaseIterable, Sendable {
    case top, audience, file, notification, android, intent, ios, sound, hmos, quickapp, web, winphone
    case message, thirdParty, thirdPartyByPlatform, liveActivity, liveActivityIOS, inApp, sms
    case options, channels, vendor, portalExtra, callback

    /// As refusals name it; empty for the whole body.
    var path: String {
        switch self {
        case .top: ""
        case .audience: "audience"
        case .file: "audience.file"
        case .notification: "notification"
        case .android: "notification.android"
        case .intent: "notification.android.intent"
        case .ios: "notification.ios"
        case .sound: "notification.ios.sound"
        case .hmos: "notification.hmos"
        case .quickapp: "notification.quickapp"
        case .web: "notification.web"
        case .winphone: "notification.winphone"
        case .message: "message"
        case .thirdParty, .thirdPartyByPlatform: "notification_3rd"
        case .liveActivity: "live_activity"
        case .liveActivityIOS: "live_activity.ios"
        case .inApp: "inapp_message"
        case .sms: "sms_message"
        case .options: "options"
        case .channels: "options.third_party_channel"
        case .vendor: "options.third_party_channel.huawei"
        case .portalExtra: "options.portal_extra"
        case .callback: "callback"
        }
    }

    /// The endpoint whose rules make the object legal.
    var rule: AudienceRule { self == .file ? .file : .devices }

    func path(_ key: String) -> String { self.path.isEmpty ? key : "\(self.path).\(key)" }

    /// A body with this member in the object; `nil` for a body that needs nothing more.
    func body(_ member: String?) -> String {
        let more = member.map { ",\($0)" } ?? ""
        let only = member ?? ""
        func common(_ rest: String) -> String { #"{"platform":"all","audience":"all",\#(rest)}"# }
        func notification(_ rest: String) -> String { common(#""notification":{"alert":"x"\#(rest)}"#) }
        switch self {
        case .top: return common(#""notification":{"alert":"x"}\#(more)"#)
        case .audience:
            return #"{"platform":"all","notification":{"alert":"x"},"audience":{"tag":["t"]\#(more)}}"#
        case .file:
            return #"{"platform":"all","notification":{"alert":"x"},"audience":{"file":{"file_id":"f"\#(more)}}}"#
        case .notification: return notification(more)
        case .android: return notification(#","android":{\#(only)}"#)
        case .intent: return notification(#","android":{"intent":{"url":"u"\#(more)}}"#)
        case .ios: return notification(#","ios":{\#(only)}"#)
        case .sound: return notification(#","ios":{"sound":{\#(only)}}"#)
        case .hmos: return notification(#","hmos":{\#(only)}"#)
        case .quickapp: return notification(#","quickapp":{"page":"/"\#(more)}"#)
        case .web: return notification(#","web":{\#(only)}"#)
        case .winphone: return notification(#","winphone":{\#(only)}"#)
        case .message: return common(#""message":{"msg_content":"m"\#(more)}"#)
        case .thirdParty:
            return common(#""message":{"msg_content":"m"},"notification_3rd":{"content":"c"\#(more)}"#)
        case .thirdPartyByPlatform:
            return common(
                #""message":{"msg_content":"m"},"options":{"notification_3rd_ver":"v2"},"#
                    + #""notification_3rd":{"android":{}\#(more)}"#)
        case .liveActivity:
            return common(#""live_activity":{"ios":{"event":"end","content-state":{}}\#(more)}"#)
        case .liveActivityIOS:
            return common(#""live_activity":{"ios":{"event":"end","content-state":{}\#(more)}}"#)
        case .inApp: return common(#""notification":{"alert":"x"},"inapp_message":{\#(only)}"#)
        case .sms: return common(#""notification":{"alert":"x"},"sms_message":{"delay_time":0,"temp_id":1\#(more)}"#)
        case .options: return common(#""notification":{"alert":"x"},"options":{\#(only)}"#)
        case .channels: return common(#""notification":{"alert":"x"},"options":{"third_party_channel":{\#(only)}}"#)
        case .vendor:
            return common(
                #""notification":{"alert":"x"},"options":{"third_party_channel":{"huawei":{"category":"c"\#(more)}}}"#)
        case .portalExtra: return common(#""notification":{"alert":"x"},"options":{"portal_extra":{\#(only)}}"#)
        case .callback: return common(#""notification":{"alert":"x"},"callback":{\#(only)}"#)
        }
    }

    /// Whether keys of the caller's own pass here.
    var isOpen: Bool { self == .vendor }
}
