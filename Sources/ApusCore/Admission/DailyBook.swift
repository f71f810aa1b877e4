private import Synchronization

/// What an app has used up today (UTC+8): broadcasts, and pushes per device where that is limited.
///
/// Derived from the accepted messages of the day; counted in memory from then on. A push reserves before it is
/// committed and gives back when that fails, so that two at once cannot both take the last place.
final class DailyBook: Sendable {
    fileprivate struct Day {
        let start: Timestamp
        var broadcasts = 0
        /// Whether ``perDevice`` knows of every push of the day; not where that limit was off for a while.
        var countsDevices: Bool
        var perDevice: [Ordinal: Int] = [:]
    }

    /// The places that one push has taken.
    struct Reservation: Sendable {
        fileprivate let dayStart: Timestamp
        fileprivate let isBroadcast: Bool
        /// Empty where pushes per device are not limited.
        fileprivate let members: [Ordinal]
    }

    private let store: any Store
    private let days = Mutex<[AppID: Day]>([:])

    init(store: any Store) { self.store = store }

    /// Lets a push go by that takes no place, because nothing that it uses up is limited.
    ///
    /// - Returns: false where it has to ``reserve(_:isBroadcast:target:limits:at:)`` one.
    func letPass(_ app: AppID, isBroadcast: Bool, limits: Limits) -> Bool {
        guard !isBroadcast || limits.ceiling(.broadcastsPerDay) == .max,
            limits.ceiling(.pushesPerDevicePerDay) == .max
        else { return false }
        self.passUncounted(app, isBroadcast: isBroadcast)
        return true
    }

    /// Takes a place for one push.
    ///
    /// - Returns: what to give back should the push fail; nil where nothing is limited.
    /// - Throws: ``Refusal/Kind/broadcastsUsedUp`` or ``Refusal/Kind/tooManyToDevice``; store refusals.
    func reserve(
        _ app: AppID, isBroadcast: Bool, target: Ordinals, limits: Limits, at now: Timestamp
    ) async throws(Refusal) -> Reservation? {
        if self.letPass(app, isBroadcast: isBroadcast, limits: limits) { return nil }
        let broadcastsMax = limits.ceiling(.broadcastsPerDay)
        let perDeviceMax = limits.ceiling(.pushesPerDevicePerDay)
        let countsDevices = perDeviceMax < .max
        try await self.load(app, countsDevices: countsDevices, at: now)
        return try self.days.withLock { days throws(Refusal) in
            // Taken out while it is changed: it must not be copied.
            guard var day = days.removeValue(forKey: app) else { return nil }
            defer { days[app] = day }
            if isBroadcast, day.broadcasts >= broadcastsMax { throw Self.broadcastsUsedUp(broadcastsMax, day, now) }
            let members = countsDevices ? target.members : []
            let full = members.count { day.perDevice[$0, default: 0] >= perDeviceMax }
            guard full == 0 else {
                throw Refusal(
                    .tooManyToDevice,
                    "Too many messages to the target users: \(full) of \(members.count) devices have had their "
                        + "\(perDeviceMax) of today")
            }
            for member in members { day.perDevice[member, default: 0] += 1 }
            if !countsDevices { day.stopCountingDevices() }
            if isBroadcast { day.broadcasts += 1 }
            return Reservation(dayStart: day.start, isBroadcast: isBroadcast, members: members)
        }
    }

    /// Gives back what a push reserved that was not accepted. Places of a day that has passed are gone.
    func release(_ reservation: Reservation?, of app: AppID) {
        guard let reservation else { return }
        self.days.withLock { days in
            guard days[app]?.start == reservation.dayStart, var day = days.removeValue(forKey: app) else { return }
            if reservation.isBroadcast { day.broadcasts = max(0, day.broadcasts - 1) }
            for member in reservation.members { day.perDevice[member]? -= 1 }
            days[app] = day
        }
    }

    private static func broadcastsUsedUp(_ most: Int, _ day: Day, _ now: Timestamp) -> Refusal {
        var refusal = Refusal(.broadcastsUsedUp, "Broadcast limit exceeded: \(most) a day")
        let leftMilliseconds = day.start.adding(seconds: 86_400).milliseconds - now.milliseconds
        refusal.retryAfterSeconds = Int(leftMilliseconds / 1000) + 1
        return refusal
    }

    /// A push goes by that no limit of today is for: what was counted no longer holds should one come back.
    private func passUncounted(_ app: AppID, isBroadcast: Bool) {
        self.days.withLock { days in
            guard days[app] != nil else { return }
            if isBroadcast { days[app] = nil } else { days[app]?.stopCountingDevices() }
        }
    }

    /// Forgets an app.
    func remove(_ app: AppID) { self.days.withLock { $0[app] = nil } }

    /// Counts the day's accepted messages: once a day and app, and again when devices are to be counted from now on.
    private func load(_ app: AppID, countsDevices: Bool, at now: Timestamp) async throws(Refusal) {
        let start = Timestamp(milliseconds: DayUTC8(epochMilliseconds: now.milliseconds).startMilliseconds)
        func isKnown(_ day: Day?) -> Bool {
            day.map { $0.start == start && ($0.countsDevices || !countsDevices) } ?? false
        }
        if self.days.withLock({ isKnown($0[app]) }) { return }
        var day = Day(start: start, countsDevices: countsDevices)
        do {
            let accepted = try await self.store.acceptedMessages(
                of: app, since: start, broadcastsOnly: !countsDevices)
            for message in accepted {
                if message.isBroadcast { day.broadcasts += 1 }
                guard countsDevices else { continue }
                for member in message.target.members { day.perDevice[member, default: 0] += 1 }
            }
        } catch {
            throw Refusal(error)
        }
        self.days.withLock { [day] days in if !isKnown(days[app]) { days[app] = day } }
    }
}

extension DailyBook.Day {
    fileprivate mutating func stopCountingDevices() {
        self.countsDevices = false
        self.perDevice = [:]
    }
}
