import ApusCore

extension ReportRoutes {
    /// `/users`: who came, connected and was active, by hour, day or month.
    @Sendable static func users(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.users(call, of: [call.app.id], reachDays: UserStatisticsQuery.reachDays)
    }

    /// The same, summed up over some apps.
    static func users<Who>(
        _ call: CallOf<Who>, of apps: [AppID], reachDays: Int
    ) async throws(Refusal) -> [UInt8] {
        let users = call.core.users
        let query = try UserStatisticsQuery(
            unit: call.query("time_unit"), start: call.query("start"), duration: call.query("duration"),
            today: users.today, reachDays: reachDays)
        let counts = try await users.counts(of: apps, in: query.periods)
        var body: [UInt8] = []
        body.object { body in
            body.member("time_unit", query.unit.rawValue)
            body.member("start", query.start)
            body.member("duration", query.duration)
            body.list("items", of: zip(query.periods, counts)) { body, item in
                body.object { body in
                    body.member("time", item.0.name)
                    if let counts = item.1 { body.users(counts) }
                }
            }
        }
        return body
    }
}

extension [UInt8] {
    /// Appends a member for each platform of the vendor's that has anything to count; zeros are left out.
    fileprivate mutating func users(_ counts: UserStatistics.Counts) {
        let platforms: [(Platform, StaticString)] = [
            (.android, "android"), (.ios, "ios"), (.quickapp, "quickapp"), (.hmos, "hmos"),
        ]
        for (platform, name) in platforms {
            let (new, online, active) = (counts.new[platform], counts.online[platform], counts.active[platform])
            guard new + online + active > 0 else { continue }
            self.object(name) { body in
                if new > 0 { body.member("new", new) }
                if online > 0 { body.member("online", online) }
                if active > 0 { body.member("active", active) }
            }
        }
    }
}
