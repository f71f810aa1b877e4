/// Who must be looked at when: one bucket per tick, so that ten thousand waiting connections cost nothing until theirs
/// comes round.
///
/// No clock: the owner calls ``advance()`` once per tick. An entry cannot be taken back; whoever is looked at too early
/// is put in again.
package struct HeartbeatWheel: Sendable {
    /// Ticks since the start.
    package private(set) var now: UInt32 = 0
    private var buckets: [[SessionID]]

    /// - Parameter ticksMax: the longest wait.
    package init(ticksMax: Int) { self.buckets = Array(repeating: [], count: max(1, ticksMax) + 1) }

    /// Puts somebody into the bucket so many ticks ahead, at least one and at most the longest wait.
    ///
    /// - Returns: the tick of that bucket.
    package mutating func add(_ id: SessionID, in ticks: UInt32) -> UInt32 {
        let tick = self.now &+ min(max(ticks, 1), UInt32(self.buckets.count - 1))
        self.buckets[Int(tick) % self.buckets.count].append(id)
        return tick
    }

    /// Turns to the next tick.
    ///
    /// - Returns: who was put there.
    package mutating func advance() -> [SessionID] {
        self.now &+= 1
        let bucket = Int(self.now) % self.buckets.count
        defer { self.buckets[bucket] = [] }
        return self.buckets[bucket]
    }
}

/// A connection on its event loop: a place, and how often the place was given away before.
package struct SessionID: Hashable, Sendable {
    /// The place, from 0.
    package let slot: UInt32
    /// How often it was given away before; wraps around.
    package let generation: UInt32
}
