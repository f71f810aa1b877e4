/// How often each app, group and developer may call, by bucket.
package final class Quota: Sendable {
    /// Endpoints that share a limit.
    package enum Bucket: Sendable, Hashable, CaseIterable {
        case push, report, device, schedule, file, admin

        /// The limit that sets the bucket's calls per minute.
        package var limit: LimitName {
            switch self {
            case .push: .pushPerMinute
            case .report: .reportPerMinute
            case .device: .devicePerMinute
            case .schedule: .schedulePerMinute
            case .file: .filePerMinute
            case .admin: .adminPerMinute
            }
        }
    }

    /// Whose calls are counted together.
    package enum Holder: Sendable, Hashable {
        case app(AppID), group(GroupID), developer(DeveloperID)
    }

    private struct Key: Hashable, Sendable {
        let holder: Holder
        let bucket: Bucket
    }

    private let directory: AppDirectory
    private let limiter: RateLimiter<Key>
    /// What holds for groups and developers, which have no limits of their own.
    private let serverLimits: Limits

    /// Builds it over the apps, whose own limits count.
    package init(directory: AppDirectory, serverLimits: Limits = Limits(), clocks: Clocks) {
        self.directory = directory
        self.serverLimits = serverLimits
        self.limiter = RateLimiter(clocks: clocks)
    }

    /// Counts a call of an app; whether it is within the limit stands in the budget.
    package func take(_ bucket: Bucket, of app: AppID) -> QuotaBudget { self.take(bucket, of: .app(app)) }

    /// Counts a call of whoever made it.
    package func take(_ bucket: Bucket, of holder: Holder) -> QuotaBudget {
        let limits =
            switch holder {
            case .app(let app): self.directory.limits(of: app)
            case .group, .developer: self.serverLimits
            }
        let limit = limits.ceiling(bucket.limit)
        let budget = self.limiter.take(Key(holder: holder, bucket: bucket), limit: limit)
        return QuotaBudget(
            limit: Self.shown(limit), remaining: limit == .max ? Self.shown(limit) : budget.remaining,
            resetSeconds: budget.resetSeconds, isWithin: budget.isWithin)
    }

    /// What an unlimited bucket shows: the greatest number that every client can hold.
    private static func shown(_ number: Int) -> Int { min(number, Int(Int32.max)) }
}

/// What the rate-limit headers of an answer say.
package struct QuotaBudget: Sendable, Equatable {
    /// Calls per window of 60 seconds.
    package let limit: Int
    /// Calls left in this window, never negative.
    package let remaining: Int
    /// Whole seconds to the end of the window.
    package let resetSeconds: Int
    /// Whether the call that was counted may go on.
    package let isWithin: Bool
}
