/// What the rate-limit headers of an answer say: all four of them or none, because old clients lose every value when
/// one is missing.
package struct RateLimit: Sendable, Equatable {
    /// Calls per window.
    let limit: Int
    /// Calls that are left in it; never negative.
    let remaining: Int
    /// Whole seconds to its end.
    let resetSeconds: Int

    /// - Parameters:
    ///   - limit: calls per window.
    ///   - remaining: calls that are left in it.
    ///   - resetSeconds: whole seconds to its end.
    package init(limit: Int, remaining: Int, resetSeconds: Int) {
        self.limit = limit
        self.remaining = remaining
        self.resetSeconds = resetSeconds
    }

    /// Every header with its value, in their order.
    func forEachHeader(_ body: (StaticString, Int) -> Void) {
        body("X-Rate-Limit-Limit", self.limit)
        body("X-Rate-Limit-Quota", self.limit)
        body("X-Rate-Limit-Remaining", self.remaining)
        body("X-Rate-Limit-Reset", self.resetSeconds)
    }
}
