import ApusCore
import NIOHTTP1

/// The report family, below `/v3` and, in the Beijing form, `/v3/report`.
enum ReportRoutes {
    static func routes(at path: [String]) -> [Route]? {
        switch path {
        case ["received"]: [Route(.GET, .report, answer: self.received)]
        case ["received", "detail"]: [Route(.GET, .report, answer: self.receivedDetail)]
        case ["status", "message"]: [Route(.POST, .report, answer: self.messageStatus)]
        case ["messages"]: [Route(.GET, .report, isVIPOnly: true, answer: self.messages)]
        case ["messages", "detail"]: [Route(.GET, .report, isVIPOnly: true, answer: self.messagesDetail)]
        case ["users"]: [Route(.GET, .report, isVIPOnly: true, answer: self.users)]
        default: nil
        }
    }

    @Sendable private static func received(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.reports(call) { id, report, body in
            body.object { body in
                body.member("msg_id", id)
                body.member("android_received", report?.android)
                body.member("ios_apns_sent", report?.iosPushed)
                body.member("ios_apns_received", report?.iosPushed)
                body.member("ios_msg_received", report?.iosMessages)
                body.member("wp_mpns_sent", Int?.none)
            }
        }
    }

    @Sendable private static func receivedDetail(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.reports(call) { id, report, body in
            body.object { body in
                body.member("msg_id", id)
                body.member("jpush_received", report?.received.sum)
                body.member("android_pns_sent", report?.vendor(.android))
                body.member("android_pns_received", report?.vendor(.android))
                body.member("ios_apns_sent", report?.iosPushed)
                body.member("ios_apns_received", report?.iosPushed)
                body.member("ios_msg_received", report?.iosMessages)
                body.member("wp_mpns_sent", Int?.none)
                body.member("quickapp_jpush_received", report?.received(on: .quickapp))
                body.member("quickapp_pns_sent", report?.vendor(.quickapp))
                body.member("hmos_hmpns_sent", report?.vendor(.hmos))
                body.member("hmos_hmpns_received", report?.vendor(.hmos))
                body.member("hmos_msg_sent", report?.hmosMessages(\.sent))
                body.member("hmos_msg_received", report?.hmosMessages(\.received))
                // The wire name is misspelt; clients read it so.
                body.member("live_acivity_sent", report?.liveActivity)
                body.member("live_acivity_received", report?.liveActivity)
            }
        }
    }

    @Sendable private static func messages(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.reports(call) { id, report, body in
            body.object { body in
                body.member("msg_id", id)
                body.object("android") { body in
                    body.member("received", report?.android)
                    body.member("target", report?.targeted(on: .android))
                    body.member("online_push", report?.online(on: .android))
                    body.member("click", report?.clicked(on: .android))
                    body.member("msg_click", report?.messageClicked(on: .android))
                }
                body.object("ios") { body in
                    body.member("apns_sent", report?.iosPushed)
                    body.member("apns_target", report?.iosPushed)
                    body.member("apns_received", report?.iosPushed)
                    body.member("click", report?.clicked(on: .ios))
                    body.member("target", report?.targeted(on: .ios))
                    body.member("received", report?.received(on: .ios))
                }
                body.object("winphone") { body in
                    body.member("mpns_target", Int?.none)
                    body.member("mpns_sent", Int?.none)
                    body.member("click", Int?.none)
                }
            }
        }
    }

    @Sendable private static func messagesDetail(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.reports(call) { id, report, body in MessageDetail(id: id, report: report).write(to: &body) }
    }

    @Sendable private static func messageStatus(_ call: Call) async throws(Refusal) -> [UInt8] {
        let query = try MessageStatusQuery(decoding: try call.bodyBytes())
        let states = try await call.core.reports.states(
            of: query.messageID, on: query.registrationIDs, of: call.app.id, acceptedOn: query.day)
        var body: [UInt8] = []
        body.object { body in
            for (name, state) in zip(query.registrationIDs, states) {
                body.name(name)
                body.object { $0.member("status", state.rawValue) }
            }
        }
        return body
    }

    /// An array with one entry per distinct id, in order of the request.
    private static func reports(
        _ call: Call, _ write: (String, MessageReport?, inout [UInt8]) -> Void
    ) async throws(Refusal) -> [UInt8] {
        let ids = try MessageIDList(query: call.query("msg_ids")).ids
        let reports = try await call.core.reports.reports(on: ids, of: call.app.id)
        var body: [UInt8] = [UInt8(ascii: "[")]
        for (id, report) in zip(ids, reports) {
            if body.count > 1 { body.append(UInt8(ascii: ",")) }
            write(id.text, report, &body)
        }
        body.append(UInt8(ascii: "]"))
        return body
    }
}

/// The counters of the wire: an integer where the platform was named by the push, else nil.
extension MessageReport {
    func counter(_ count: Int, on platform: Platform) -> Int? { self.platforms.contains(platform) ? count : nil }

    func targeted(on platform: Platform) -> Int? { self.counter(self.targeted[platform], on: platform) }

    func online(on platform: Platform) -> Int? { self.counter(self.online[platform], on: platform) }

    func received(on platform: Platform) -> Int? { self.counter(self.received[platform], on: platform) }

    func clicked(on platform: Platform) -> Int? { self.counter(self.clickedNotification[platform], on: platform) }

    func messageClicked(on platform: Platform) -> Int? { self.counter(self.clickedMessage[platform], on: platform) }

    var android: Int? { self.received(on: .android) }

    /// What went through the vendor channel of a platform: none is connected, so nothing did.
    func vendor(_ platform: Platform) -> Int? { self.counter(0, on: platform) }

    /// What Apple's service took or delivered: it is not connected, so nothing.
    var iosPushed: Int? { self.vendor(.ios) }

    /// Custom messages delivered on iOS.
    var iosMessages: Int? { self.counter(self.hasMessage ? self.received[.ios] : 0, on: .ios) }

    /// Custom messages handed out or delivered on HarmonyOS.
    func hmosMessages(_ counts: KeyPath<MessageReport, PlatformCounts>) -> Int? {
        self.counter(self.hasMessage ? self[keyPath: counts][.hmos] : 0, on: .hmos)
    }

    var liveActivity: Int? { self.isLiveActivity ? self.vendor(.ios) : nil }
}
