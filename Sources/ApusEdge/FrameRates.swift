internal import ApusCore
private import Synchronization

/// The buckets of devices that send frames with plain requests, where no connection keeps them.
final class FrameRates: Sendable {
    /// Above this many, full buckets are forgotten: they count for nothing.
    private static let keptMax = 4096

    private struct State {
        var rates: [DeviceKey: FrameRate] = [:]
        var sweepAt = FrameRates.keptMax
    }

    private let state = Mutex(State())

    /// Takes so many frames' worth from a device's bucket.
    ///
    /// - Returns: false when that is more than is left; what is left is gone then.
    func take(_ count: Int, from device: EnteredDevice, at now: UInt64) -> Bool {
        self.state.withLock { state in
            if state.rates.count >= state.sweepAt {
                state.rates = state.rates.filter { !$0.value.isFull(at: now) }
                state.sweepAt = max(Self.keptMax, state.rates.count * 2)
            }
            var rate = state.rates[device.key] ?? FrameRate(perSecond: device.framesPerSecond)
            defer { state.rates[device.key] = rate }
            for _ in 0..<count where !rate.take(at: now) { return false }
            return true
        }
    }
}
