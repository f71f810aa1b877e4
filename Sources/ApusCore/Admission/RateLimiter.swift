private import Synchronization

/// Counts calls per key in windows of 60 seconds. A window starts with its first call.
package final class RateLimiter<Key: Hashable & Sendable>: Sendable {
    /// Length of a window.
    package static var windowSeconds: Int { 60 }
    /// Windows kept before those that have ended are thrown out.
    private static var windowsMax: Int { 65_536 }

    /// Where a key stands in its window.
    package struct Budget: Sendable, Equatable {
        /// Calls per window; `Int.max` for unlimited.
        package let limit: Int
        /// Calls left, after the one that was just counted.
        package let remaining: Int
        /// Whole seconds to the end of the window, at least 1.
        package let resetSeconds: Int
        /// Whether the call that was just counted is within the limit.
        package let isWithin: Bool
    }

    private struct Window {
        var startNanoseconds: UInt64
        var count: Int

        /// Nanoseconds since it began. A caller may have read the clock before another one began the window, and asks
        /// with a moment that lies before it.
        func age(at now: UInt64) -> UInt64 { now > self.startNanoseconds ? now - self.startNanoseconds : 0 }
    }

    private let clocks: Clocks
    private let windows = Mutex<[Key: Window]>([:])

    package init(clocks: Clocks) { self.clocks = clocks }

    /// Counts a call.
    package func take(_ key: Key, limit: Int) -> Budget { self.count(key, limit: limit, adding: 1) }

    /// Looks without counting.
    package func peek(_ key: Key, limit: Int) -> Budget { self.count(key, limit: limit, adding: 0) }

    private func count(_ key: Key, limit: Int, adding calls: Int) -> Budget {
        let now = self.clocks.monotonicNanoseconds()
        let length = UInt64(Self.windowSeconds) * 1_000_000_000
        func counted(_ window: inout Window) -> Budget {
            if window.age(at: now) >= length { window = Window(startNanoseconds: now, count: 0) }
            window.count += calls
            let leftNanoseconds = length - window.age(at: now)
            return Budget(
                limit: limit, remaining: max(0, limit - window.count),
                resetSeconds: max(1, Int((leftNanoseconds + 999_999_999) / 1_000_000_000)),
                isWithin: window.count <= limit)
        }
        return self.windows.withLock { windows in
            guard calls > 0 else {
                var window = windows[key] ?? Window(startNanoseconds: now, count: 0)
                return counted(&window)
            }
            if windows.count >= Self.windowsMax, windows[key] == nil {
                windows = windows.filter { $0.value.age(at: now) < length }
                // Still full of running windows: a flood of keys. Begin anew rather than grow.
                if windows.count >= Self.windowsMax { windows.removeAll(keepingCapacity: true) }
            }
            return counted(&windows[key, default: Window(startNanoseconds: now, count: 0)])
        }
    }
}
