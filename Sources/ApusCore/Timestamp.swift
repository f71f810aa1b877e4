@_exported public import ApusContract

/// A moment of the wall clock: milliseconds since 1970-01-01T00:00:00Z.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Negative before 1970.
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// The moment so many seconds later; earlier for a negative number.
    package func adding(seconds: Int) -> Timestamp {
        Timestamp(milliseconds: self.milliseconds + Int64(seconds) * 1000)
    }

    package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }
}

/// The two clocks of a node, injected so that tests can move them.
package struct Clocks: Sendable {
    /// The wall clock: what callers and devices are told, what expiry is measured by. It may jump.
    package let now: @Sendable () -> Timestamp
    /// Nanoseconds of a clock that never jumps: what rates and time-outs are measured by.
    package let monotonicNanoseconds: @Sendable () -> UInt64

    package init(
        now: @escaping @Sendable () -> Timestamp, monotonicNanoseconds: @escaping @Sendable () -> UInt64
    ) {
        self.now = now
        self.monotonicNanoseconds = monotonicNanoseconds
    }
}
