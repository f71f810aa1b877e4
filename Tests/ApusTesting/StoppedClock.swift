package import ApusCore
private import Synchronization

/// Clocks that stand still until a test moves them, so that a boundary can be met to the millisecond.
package final class StoppedClock: Sendable {
    private struct State {
        var wallMilliseconds: Int64
        var monotonicNanoseconds: UInt64 = 1_000_000_000_000
    }

    private let state: Mutex<State>

    /// Stands at noon of a day in UTC+8 (2024-01-15), or wherever it is told.
    package init(at now: Timestamp = Timestamp(milliseconds: 1_705_291_200_000)) {
        self.state = Mutex(State(wallMilliseconds: now.milliseconds))
    }

    package var now: Timestamp { Timestamp(milliseconds: self.state.withLock { $0.wallMilliseconds }) }

    /// Lets time go by on both clocks.
    package func advance(seconds: Int) { self.advance(milliseconds: Int64(seconds) * 1000) }

    /// Lets time go by on both clocks.
    ///
    /// - Parameter milliseconds: not negative.
    package func advance(milliseconds: Int64) {
        self.state.withLock { state in
            state.wallMilliseconds += milliseconds
            state.monotonicNanoseconds += UInt64(milliseconds) * 1_000_000
        }
    }

    /// Sets the wall clock alone, forwards or backwards, as an operator may.
    package func set(_ now: Timestamp) { self.state.withLock { $0.wallMilliseconds = now.milliseconds } }

    package var clocks: Clocks {
        Clocks(
            now: { self.now }, monotonicNanoseconds: { self.state.withLock { $0.monotonicNanoseconds } })
    }
}
