/// How a timed-speed push (`big_push_duration`) is spread over time: evenly, in shares of one second, in order of the
/// devices' ordinals. Pure arithmetic, so that every node and every restart computes the same.
package struct Pace: Sendable, Equatable {
    private let start: Timestamp
    private let spreadSeconds: Int
    private let deviceCount: Int

    /// - Returns: nil for a message that is delivered at once.
    package init?(_ message: Message) {
        guard message.spreadMinutes > 0 else { return nil }
        self.start = message.acceptedAt
        self.spreadSeconds = message.spreadMinutes * 60
        self.deviceCount = message.targeted.sum
    }

    /// When the device with this rank among the addressed ones is due.
    package func dueAt(rank: Int) -> Timestamp {
        self.start.adding(seconds: self.deviceCount == 0 ? 0 : rank * self.spreadSeconds / self.deviceCount)
    }

    /// How many devices are due by now: ranks 0 up to this.
    package func dueCount(at now: Timestamp) -> Int {
        guard now >= self.start else { return 0 }
        let second = Int((now.milliseconds - self.start.milliseconds) / 1000)
        guard second < self.spreadSeconds else { return self.deviceCount }
        // The least rank whose share lies beyond `second`.
        return ((second + 1) * self.deviceCount + self.spreadSeconds - 1) / self.spreadSeconds
    }

    /// When the last share is due.
    package var endsAt: Timestamp { self.start.adding(seconds: self.spreadSeconds) }
}
