package import ApusCore
package import NIOCore

/// How the edge deals with its connections.
package struct EdgeSettings: Sendable {
    /// Without any frame for half of it a device is pinged, after the whole its connection is closed.
    package var idleTimeout = TimeAmount.seconds(300)
    /// When the first frame must have come.
    package var firstFrameTimeout = TimeAmount.seconds(10)
    /// How long a device may take to answer a close frame.
    package var closeTimeout = TimeAmount.seconds(5)
    /// How often an event stream gets a comment, so that nothing on its way takes it for dead.
    package var eventsHeartbeat = TimeAmount.seconds(30)
    /// What may be owed to a connection that takes nothing, in memory or in the store, before it is closed.
    package var owedMaxBytes = 1_048_576
    /// What may be in memory for one connection before sending pauses.
    package var inFlightMaxBytes = 262_144
    /// So many receipts of one batch come from a crowd.
    package var crowdMin = 16
    /// How long the answers to the receipts of a crowd wait for the next push to go with.
    package var crowdDelay = TimeAmount.seconds(1)
    /// A push to fewer devices is sent at once; to more, or to as many as are here, by a walk over the connections.
    package var narrowMax = 128
    /// How long a step of a walk takes; whatever else comes to the loop waits that long.
    package var walkStep = TimeAmount.milliseconds(1)
    /// Most connections that a step visits.
    package var walkVisitsMax = 4096
    /// Between two steps, so that the loop looks at its sockets.
    static let walkPause = TimeAmount.microseconds(10)
    /// A walk over a crowd waits for further pushes at most this long; a shorter wait than the other is not worth it.
    static let (gatheringMax, gatheringMin) = (TimeAmount.milliseconds(10), TimeAmount.milliseconds(1))
    /// Pushes read from the store at a time while a session catches up.
    package var pageMax = 64
    /// The longest body of a plain request.
    package var bodyMaxBytes = 1_048_576
    /// Whose `X-Forwarded-For` is believed.
    package var trustedProxies: [AddressBlock] = []
    /// Devices that are sent away come back spread over this time.
    package var retryAfterMaxSeconds = 10

    package init() {}

    /// Time between two looks at the heartbeat wheel: fine enough for the shortest of the time-outs, and never more
    /// than twenty times a second, since nobody waits for it.
    var tick: TimeAmount {
        let shortest = min(self.idleTimeout, self.firstFrameTimeout, self.closeTimeout, self.eventsHeartbeat)
        return max(.milliseconds(50), min(.seconds(1), .nanoseconds(shortest.nanoseconds / 10)))
    }

    /// The longest wait on the wheel.
    var ticksMax: Int {
        let longest = max(self.idleTimeout, self.firstFrameTimeout, self.closeTimeout, self.eventsHeartbeat)
        return Int(longest.nanoseconds / self.tick.nanoseconds) + 1
    }

    /// So many ticks, at least one.
    func ticks(_ time: TimeAmount) -> UInt32 {
        UInt32(max(1, (time.nanoseconds + self.tick.nanoseconds - 1) / self.tick.nanoseconds))
    }
}
