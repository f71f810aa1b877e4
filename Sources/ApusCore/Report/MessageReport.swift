/// What happened to one message: every counter that the report endpoints are made of.
///
/// A device counts once in each, whatever it repeats.
package struct MessageReport: Sendable, Equatable {
    /// The platforms that the push named.
    package let platforms: PlatformSet
    /// Whether it carried a notification.
    package let hasNotification: Bool
    /// Whether it carried a custom message.
    package let hasMessage: Bool
    /// Whether it was a live activity, which the own channel does not carry.
    package let isLiveActivity: Bool
    /// Devices that the own channel addresses.
    package let targeted: PlatformCounts
    /// Those of them with a live session when the push was accepted.
    package let online: PlatformCounts
    /// Those whose connection was handed the push; never less than ``received``.
    package let sent: PlatformCounts
    /// Those that acked.
    package let received: PlatformCounts
    /// Those that reported to have shown it.
    package let displayed: PlatformCounts
    /// Those whose user opened the notification.
    package let clickedNotification: PlatformCounts
    /// Those whose user opened the custom message.
    package let clickedMessage: PlatformCounts
}

extension MessageReport {
    /// The report on a push that was made of several: its counters are the sums.
    ///
    /// - Returns: nil when there is nothing to sum up.
    static func sum(of reports: [MessageReport]) -> MessageReport? {
        guard let first = reports.first else { return nil }
        return reports.dropFirst().reduce(first) { sum, report in
            MessageReport(
                platforms: sum.platforms.union(report.platforms),
                hasNotification: sum.hasNotification || report.hasNotification,
                hasMessage: sum.hasMessage || report.hasMessage,
                isLiveActivity: sum.isLiveActivity || report.isLiveActivity,
                targeted: sum.targeted + report.targeted, online: sum.online + report.online,
                sent: sum.sent + report.sent, received: sum.received + report.received,
                displayed: sum.displayed + report.displayed,
                clickedNotification: sum.clickedNotification + report.clickedNotification,
                clickedMessage: sum.clickedMessage + report.clickedMessage)
        }
    }
}
