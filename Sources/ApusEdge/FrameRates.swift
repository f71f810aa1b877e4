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
    /// - Returns: false when that is more than is left, and what is left is gone then; and when the device is in debt,
    ///   even for no frames at all.
    func take(_ count: Int, from device: EnteredDevice, at now: UInt64) -> Bool {
        self.withRate(of: device, at: now) { rate in
            guard !rate.isInDebt(at: now) else { return false }
            for _ in 0..<count where !rate.take(at: now) { return false }
            return true
        }
    }

    /// Takes the worth of ids that were never pushed to the device, whether it is left or not.
    func charge(_ count: Int, to device: EnteredDevice, at now: UInt64) {
        guard count > 0 else { return }
        _ = self.withRate(of: device, at: now) { $0.charge(count, at: now) }
    }

    private func withRate(of device: EnteredDevice, at now: UInt64, _ body: (inout FrameRate) -> Bool) -> Bool {
        self.state.withLock { state in
            if state.rates.count >= state.sweepAt {
                state.rates = state.rates.filter { !$0.value.isFull(at: now) }
                state.sweepAt = max(Self.keptMax, state.rates.count * 2)
            }
            return body(&state.rates[device.key, default: FrameRate(perSecond: device.framesPerSecond)])
        }
    }
}
