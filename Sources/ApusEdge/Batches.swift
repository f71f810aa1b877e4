internal import NIOCore

/// What is asked of the store in batches: while one is under way, the next is gathered.
///
/// One at a time is all it takes: the slower the store, the larger the batch, up to a bound that keeps it from making
/// others wait. What waits has no bound of its own: each item stands for a connection that says nothing meanwhile.
struct Batches<Item> {
    /// As many as a store reads within a millisecond or two.
    static var countMax: Int { 128 }

    private var waiting = CircularBuffer<Item>()
    private var isUnderWay = false

    /// - Returns: whether nothing is under way, and the caller has to begin.
    mutating func add(_ item: Item) -> Bool {
        self.waiting.append(item)
        defer { self.isUnderWay = true }
        return !self.isUnderWay
    }

    /// The batch before it is done with.
    ///
    /// - Returns: the next one; empty when nothing waits.
    mutating func next() -> [Item] {
        let batch = Array(self.waiting.prefix(Self.countMax))
        self.waiting.removeFirst(batch.count)
        self.isUnderWay = !batch.isEmpty
        return batch
    }
}
