/// What happened to one message: every counter that the report endpoints are made of.
///
/// A device counts once in each, whatever it repeats.
package struct MessageReport: Sendable, Equatable {
    /// The platforms that the push named.
    package let platforms: PlatformSet
    package let hasNotification: Bool
    package let hasMessage: Bool
    package let isLiveActivity: Bool
    /// Devices that the own channel addresses.
    package let targeted: PlatformCounts
    /// Those of them with a live session when the push was accepted.
    package let online: PlatformCounts
    /// Those whose connection was handed the push; never less than ``received``.
    package let sent: PlatformCounts
    /// Those that acked.
    package let received: PlatformCounts
    package let displayed: PlatformCounts
    package let clickedNotification: PlatformCounts
    package let clickedMessage: PlatformCounts
}
