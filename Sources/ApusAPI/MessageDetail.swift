import ApusCore

/// One entry of `/v3/messages/detail`: exactly eight top-level keys.
struct MessageDetail {
    /// The keys that the id stands under.
    var names: [StaticString] = ["msg_id"]
    let id: String
    let report: MessageReport?

    func write(to body: inout [UInt8]) {
        let report = self.report
        body.object { body in
            for name in self.names { body.member(name, self.id) }
            body.object("details") { self.writeDetails(to: &$0) }
            body.object("jpush") { body in
                body.member("target", report?.targeted.sum)
                body.member("online_push", report?.online.sum)
                body.member("received", report?.received.sum)
                body.member("click", report?.clickedNotification.sum)
                body.member("msg_click", report?.clickedMessage.sum)
                body.member("sent", report?.sent.sum)
                body.member("display", report?.displayed.sum)
            }
            body.object("android_pns") { body in
                for name: StaticString in ["pns_target", "pns_sent", "pns_received", "pns_display"] {
                    body.member(name, report?.vendor(.android))
                }
            }
            self.writeIOS(to: &body)
            body.null("winphone")
            self.writeQuickapp(to: &body)
        }
    }

    /// What was said, split by kind; channels that were not used are left out.
    private func writeDetails(to body: inout [UInt8]) {
        guard let report = self.report else { return }
        if report.hasNotification {
            body.object("notification") { self.write(report, clicks: report.clickedNotification, to: &$0) }
        }
        if report.hasMessage {
            body.object("message") { self.write(report, clicks: report.clickedMessage, to: &$0) }
        }
    }

    private func write(_ report: MessageReport, clicks: PlatformCounts, to body: inout [UInt8]) {
        body.member("target", report.targeted.sum)
        body.member("sent", report.sent.sum)
        body.member("received", report.received.sum)
        body.member("display", report.displayed.sum)
        body.member("click", clicks.sum)
        let channels: [(Platform, StaticString, StaticString)] = [
            (.android, "sub_android", "jg_android"), (.ios, "sub_ios", "jg_ios"),
            (.quickapp, "sub_quickapp", "quick_jg"), (.hmos, "sub_hmos", "jg_hmos"),
        ]
        for (platform, group, channel) in channels where report.platforms.contains(platform) {
            body.object(group) { body in
                body.object(channel) { body in
                    body.member("target", report.targeted[platform])
                    body.member("sent", report.sent[platform])
                    body.member("received", report.received[platform])
                    body.member("display", report.displayed[platform])
                    body.member("click", clicks[platform])
                }
            }
        }
    }

    private func writeIOS(to body: inout [UInt8]) {
        guard let report = self.report, report.platforms.contains(.ios) else { return body.null("ios") }
        body.object("ios") { body in
            for name: StaticString in ["apns_target", "apns_sent", "apns_received", "apns_click", "apns_display"] {
                body.member(name, report.iosPushed)
            }
            body.member("msg_target", report.hasMessage ? report.targeted[.ios] : 0)
            body.member("msg_received", report.iosMessages)
            body.member("msg_click", report.messageClicked(on: .ios))
            body.member("msg_display", report.hasMessage ? report.displayed[.ios] : 0)
        }
    }

    private func writeQuickapp(to body: inout [UInt8]) {
        guard let report = self.report, report.platforms.contains(.quickapp) else {
            body.null("quickapp_jpush")
            return body.null("quickapp_pns")
        }
        body.object("quickapp_jpush") { body in
            body.member("target", report.targeted[.quickapp])
            body.member("received", report.received[.quickapp])
            body.member("click", report.clickedNotification[.quickapp])
        }
        body.object("quickapp_pns") { body in
            body.member("pns_target", report.vendor(.quickapp))
            body.member("pns_sent", report.vendor(.quickapp))
        }
    }
}
