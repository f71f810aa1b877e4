/// How many frames a device may still send: a bucket that fills at a steady rate and holds ten seconds' worth.
///
/// No clock: the caller tells the time, in nanoseconds that never go back. One number of state, since the bucket is
/// kept as the moment at which it will be full again.
package struct FrameRate: Sendable, Equatable {
    /// What a full bucket holds, as time: ten times the sustained rate.
    private static let burstNanoseconds: UInt64 = 10_000_000_000

    /// Time after which any debt is forgotten.
    private static let debtMaxNanoseconds: UInt64 = 60_000_000_000

    /// Time that one frame takes to pay back; 0 where frames are not counted.
    private let costNanoseconds: UInt64
    private var fullAt: UInt64 = 0

    /// - Parameter perSecond: frames per second, sustained; 0 means unlimited.
    package init(perSecond: Int) {
        self.costNanoseconds = perSecond > 0 ? 1_000_000_000 / UInt64(perSecond) : 0
    }

    /// Takes one frame's worth.
    ///
    /// - Returns: false, with nothing taken, when that is more than is left.
    package mutating func take(at now: UInt64) -> Bool {
        let fullAt = max(self.fullAt, now) + self.costNanoseconds
        guard fullAt - now <= Self.burstNanoseconds else { return false }
        self.fullAt = fullAt
        return true
    }

    /// Takes the worth of frames whether it is left or not: for what shows only afterwards to have been worth nothing.
    /// The debt that comes of it is at most a minute's.
    ///
    /// - Returns: false when the bucket was in debt before.
    package mutating func charge(_ count: Int, at now: UInt64) -> Bool {
        let owed = self.fullAt > now ? self.fullAt - now : 0
        let cost = self.costNanoseconds.multipliedReportingOverflow(by: UInt64(count))
        let more = cost.overflow ? Self.debtMaxNanoseconds : min(cost.partialValue, Self.debtMaxNanoseconds)
        self.fullAt = now + max(owed, min(owed + more, Self.debtMaxNanoseconds))
        return owed <= Self.burstNanoseconds
    }

    /// Whether more was charged than a full bucket holds.
    package func isInDebt(at now: UInt64) -> Bool { self.fullAt > now && self.fullAt - now > Self.burstNanoseconds }

    /// Whether the bucket is full, so that forgetting it changes nothing.
    package func isFull(at now: UInt64) -> Bool { self.fullAt <= now }
}
