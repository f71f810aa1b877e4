/// How many devices came, connected and were used, by period and platform.
package final class UserStatistics: Sendable {
    /// The counts of one period.
    package struct Counts: Sendable, Equatable {
        /// First registrations.
        package var new = PlatformCounts()
        /// Devices that were connected at least once.
        package var online = PlatformCounts()
        /// Devices whose app was opened at least once.
        package var active = PlatformCounts()

        /// Added up; devices of two apps are two.
        static func + (left: Self, right: Self) -> Self {
            Counts(new: left.new + right.new, online: left.online + right.online, active: left.active + right.active)
        }
    }

    private let index: AudienceIndex
    private let presence: Presence
    private let committer: Committer
    private let store: any Store
    private let clocks: Clocks

    package init(
        index: AudienceIndex, presence: Presence, committer: Committer, store: any Store, clocks: Clocks
    ) {
        self.index = index
        self.presence = presence
        self.committer = committer
        self.store = store
        self.clocks = clocks
    }

    /// Today in UTC+8.
    package var today: DayUTC8 { DayUTC8(epochMilliseconds: self.clocks.now().milliseconds) }

    /// The counts of each period, summed up over the apps; nil for one that has not begun.
    ///
    /// They hold everything that this node has heard until now.
    package func counts(
        of apps: [AppID], in periods: [UserStatisticsQuery.Period]
    ) async throws(Refusal) -> [Counts?] {
        var sums = [Counts?](repeating: nil, count: periods.count)
        for app in apps {
            for (index, counts) in try await self.counts(of: app, in: periods).enumerated() {
                guard let counts else { continue }
                sums[index] = (sums[index] ?? Counts()) + counts
            }
        }
        return sums
    }

    /// The counts of each period, in order; nil for one that has not begun.
    ///
    /// They hold everything that this node has heard until now.
    private func counts(
        of app: AppID, in periods: [UserStatisticsQuery.Period]
    ) async throws(Refusal) -> [Counts?] {
        let now = self.clocks.now()
        guard periods.contains(where: { $0.startMilliseconds <= now.milliseconds }) else {
            return periods.map { _ in nil }
        }
        try await self.flush(app, at: now)
        let audience = self.index[app]
        do {
            var counts: [Counts?] = []
            for period in periods {
                let (start, end) = (
                    Timestamp(milliseconds: period.startMilliseconds), Timestamp(milliseconds: period.endMilliseconds)
                )
                guard start <= now else {
                    counts.append(nil)
                    continue
                }
                var online = try await self.store.online(of: app, from: start, until: end)
                // A connection that stays gives a sign of life only now and then.
                if now < end { online.formUnion(self.presence.online(of: app)) }
                let active = try await self.store.active(of: app, from: start, until: end)
                counts.append(
                    Counts(
                        new: try await self.store.registered(of: app, from: start, until: end),
                        online: audience.counts(of: online), active: audience.counts(of: active)))
            }
            return counts
        } catch {
            throw Refusal(error)
        }
    }

    /// Lets the store have the signs of life that it does not know yet.
    private func flush(_ app: AppID, at now: Timestamp) async throws(Refusal) {
        for write in self.presence.takeSigns(at: now) { self.committer.commitLater(write) }
        // Behind them, and behind those that were on their way.
        try await self.committer.commit(.active(Ordinals(), of: app, at: now)).get()
    }
}
