package import Logging
private import Synchronization

/// Tells the operator of what strangers do wrong, at most once a minute for each cause: who attacks must not fill the
/// disk with log lines.
package final class IncidentLog: Sendable {
    private struct Entry {
        /// When the last line was written, on the monotonic clock.
        var toldAtNanoseconds: UInt64
        /// What happened since then.
        var untold = 0
    }

    private static let periodNanoseconds: UInt64 = 60_000_000_000

    /// By cause, of which there are as many as there are callers in the sources.
    private let entries = Mutex<[String: Entry]>([:])
    private let logger: Logger
    private let clocks: Clocks

    package init(logger: Logger, clocks: Clocks) {
        self.logger = logger
        self.clocks = clocks
    }

    /// Notes one occurrence.
    ///
    /// - Parameters:
    ///   - cause: a fixed sentence; what happens under the same one shares a line.
    ///   - address: of the one at fault, where it is known.
    /// - Returns: how often it has happened since the line before; nil where no line is written.
    @discardableResult
    package func note(_ cause: StaticString, from address: String?) -> Int? {
        let now = self.clocks.monotonicNanoseconds()
        let key = String(describing: cause)
        let count = self.entries.withLock { entries -> Int? in
            guard var entry = entries[key], now < entry.toldAtNanoseconds + Self.periodNanoseconds else {
                let count = (entries[key]?.untold ?? 0) + 1
                entries[key] = Entry(toldAtNanoseconds: now)
                return count
            }
            entry.untold += 1
            entries[key] = entry
            return nil
        }
        guard let count else { return nil }
        self.logger.info(
            "\(key)", metadata: ["address": "\(address ?? "-")", "times": "\(count)"])
        return count
    }
}
