private import Synchronization

/// Who has a live session on this node, and who gave a sign of life that the store does not know yet.
package final class Presence: Sendable {
    private struct State {
        var online: [AppID: Ordinals] = [:]
        var seen: [AppID: Ordinals] = [:]
        var active: [AppID: Ordinals] = [:]
        /// What was last handed over of ``seen``: on its way into the store.
        var handedOver: [AppID: Ordinals] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// A session went live.
    package func opened(_ device: DeviceKey) {
        self.state.withLock { state in
            state.online[device.app, default: Ordinals()].insert(device.ordinal)
            state.seen[device.app, default: Ordinals()].insert(device.ordinal)
        }
    }

    /// The session of a device ended, and no newer one took its place.
    package func closed(_ device: DeviceKey) {
        self.state.withLock { state in
            state.online[device.app]?.remove(device.ordinal)
            state.seen[device.app, default: Ordinals()].insert(device.ordinal)
        }
    }

    /// The app of a device was opened by its user.
    package func noteActive(_ device: DeviceKey) {
        _ = self.state.withLock { $0.active[device.app, default: Ordinals()].insert(device.ordinal) }
    }

    /// Whether the device has a live session on this node.
    package func isOnline(_ device: DeviceKey) -> Bool {
        self.state.withLock { $0.online[device.app]?.contains(device.ordinal) ?? false }
    }

    /// Whether the device has a live session, or had one a moment ago that the store may not know of yet.
    package func isHere(_ device: DeviceKey) -> Bool {
        self.state.withLock { state in
            [state.online, state.seen, state.handedOver].contains { $0[device.app]?.contains(device.ordinal) ?? false }
        }
    }

    /// Those of the devices that are online.
    package func online(among ordinals: Ordinals, of app: AppID) -> Ordinals {
        self.state.withLock { $0.online[app]?.intersection(ordinals) ?? Ordinals() }
    }

    /// Whether any of the devices is online.
    package func isAnyOnline(among ordinals: Ordinals, of app: AppID) -> Bool {
        self.state.withLock { $0.online[app]?.intersects(ordinals) ?? false }
    }

    /// All devices of an app that are online.
    package func online(of app: AppID) -> Ordinals { self.state.withLock { $0.online[app] ?? Ordinals() } }

    /// What the store should learn, and is not told again: signs of life since the last call.
    package func takeSigns(at now: Timestamp) -> [Write] {
        let (seen, active) = self.state.withLock { state in
            defer { (state.handedOver, state.seen, state.active) = (state.seen, [:], [:]) }
            return (state.seen, state.active)
        }
        return seen.flatMap { app, ordinals in Self.parts(of: ordinals).map { Write.seen($0, of: app, at: now) } }
            + active.flatMap { app, ordinals in Self.parts(of: ordinals).map { Write.active($0, of: app, at: now) } }
    }

    /// Cut so that no write holds up the store for longer than a moment.
    private static func parts(of ordinals: Ordinals) -> [Ordinals] {
        guard ordinals.count > self.partMax else { return [ordinals] }
        return stride(from: 0, to: ordinals.count, by: self.partMax).map { start in
            Ordinals(ordinals.members(ranked: start..<(start + self.partMax)))
        }
    }

    private static let partMax = 20_000

    /// Those online, for whom time goes on while they are: what the store should learn now and then.
    package func markOnlineSeen() {
        self.state.withLock { state in
            for (app, online) in state.online where !online.isEmpty {
                state.seen[app, default: Ordinals()].formUnion(online)
            }
        }
    }

    /// Forgets an app.
    package func remove(_ app: AppID) {
        self.state.withLock { state in
            state.online[app] = nil
            state.seen[app] = nil
            state.active[app] = nil
            state.handedOver[app] = nil
        }
    }
}
