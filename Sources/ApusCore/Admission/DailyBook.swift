private import Synchronization

/// What an app has used up today (UTC+8): broadcasts, and pushes per device where that is limited.
///
/// Derived from the accepted messages of the day; counted in memory from then on. A push reserves before it is
/// committed and gives back when that fails, so that two at once cannot both take the last place.
final class DailyBook: Sendable {
    private struct Day {
        let start: Timestamp
        var broadcasts = 0
        var perDevice: [Ordinal: Int] = [:]
    }

    private let store: any Store
    private let days = Mutex<[AppID: Day]>([:])

    init(store: any Store) { self.store = store }

    /// Takes a place for one push.
    ///
    /// - Throws: ``Refusal/Kind/broadcastsUsedUp`` or ``Refusal/Kind/tooManyToDevice``; store refusals.
    func reserve(
        _ app: AppID, isBroadcast: Bool, target: Ordinals, limits: Limits, at now: Timestamp
    ) async throws(Refusal) {
        let broadcastsMax = limits.ceiling(.broadcastsPerDay)
        let perDeviceMax = limits.ceiling(.pushesPerDevicePerDay)
        guard (isBroadcast && broadcastsMax < .max) || perDeviceMax < .max else { return }
        try await self.load(app, countsDevices: perDeviceMax < .max, at: now)
        try self.days.withLock { days throws(Refusal) in
            guard var day = days[app] else { return }
            if isBroadcast, day.broadcasts >= broadcastsMax {
                var refusal = Refusal(.broadcastsUsedUp, "Broadcast limit exceeded: \(broadcastsMax) a day")
                refusal.retryAfterSeconds = Int((day.start.adding(seconds: 86_400).milliseconds - now.milliseconds) / 1000) + 1
                throw refusal
            }
            if perDeviceMax < .max {
                let members = target.members
                let full = members.count { day.perDevice[$0, default: 0] >= perDeviceMax }
                guard full == 0 else {
                    throw Refusal(
                        .tooManyToDevice,
                        "Too many messages to the target users: \(full) of \(members.count) devices have had their \(perDeviceMax) of today")
                }
                for member in members { day.perDevice[member, default: 0] += 1 }
            }
            if isBroadcast { day.broadcasts += 1 }
            days[app] = day
        }
    }

    /// Gives back what a push reserved that was not accepted.
    func release(_ app: AppID, isBroadcast: Bool, target: Ordinals) {
        self.days.withLock { days in
            guard var day = days[app] else { return }
            if isBroadcast { day.broadcasts = max(0, day.broadcasts - 1) }
            if !day.perDevice.isEmpty { for member in target.members { day.perDevice[member]? -= 1 } }
            days[app] = day
        }
    }

    /// Forgets an app.
    func remove(_ app: AppID) { self.days.withLock { $0[app] = nil } }

    /// Counts the day's accepted messages, once a day and app.
    private func load(_ app: AppID, countsDevices: Bool, at now: Timestamp) async throws(Refusal) {
        let start = Timestamp(milliseconds: DayUTC8(epochMilliseconds: now.milliseconds).startMilliseconds)
        if self.days.withLock({ $0[app]?.start == start }) { return }
        var day = Day(start: start)
        do {
            for message in try await self.store.acceptedMessages(of: app, since: start) {
                if message.isBroadcast { day.broadcasts += 1 }
                for member in message.target.members { day.perDevice[member, default: 0] += 1 }
            }
        } catch {
            throw Refusal(error)
        }
        self.days.withLock { [day] days in if days[app]?.start != start { days[app] = day } }
    }
}
