package import ApusCore
private import Synchronization

/// Clocks that run with the machine's, ahead by what a test has moved them.
package final class ManualClock: Sendable {
    private let aheadSeconds = Mutex(0)

    package init() {}

    package func advance(seconds: Int) { self.aheadSeconds.withLock { $0 += seconds } }

    package var clocks: Clocks {
        Clocks(
            now: { Clocks.system.now().adding(seconds: self.aheadSeconds.withLock { $0 }) },
            monotonicNanoseconds: {
                Clocks.system.monotonicNanoseconds() + UInt64(self.aheadSeconds.withLock { $0 }) * 1_000_000_000
            })
    }
}
