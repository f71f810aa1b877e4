/// Makes message numbers: growing whatever the clock does, below 2^53, roughly the time.
///
/// 41 bits of milliseconds since 2020 (to 2089) and 12 bits of sequence.
struct MessageNumbers: Sendable {
    private static let epochMilliseconds: Int64 = 1_577_836_800_000

    private var last: MessageID

    init(after last: MessageID) { self.last = last }

    /// The next number, greater than every one before it even when the clock went back.
    mutating func next(at now: Timestamp) -> MessageID {
        let fromClock = max(0, now.milliseconds - Self.epochMilliseconds) << 12
        self.last = MessageID(max(self.last.number + 1, fromClock))
        return self.last
    }
}
