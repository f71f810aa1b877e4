/// What waits in several lanes, taken out of them in turn: whoever floods a lane delays that lane.
///
/// One rule bounds it and shares it out: a lane may hold as much as is still free in the whole queue. A lone lane gets
/// half of the queue, two that are flooded get a third each, and so on: however many are flooded, there is room left
/// for one that is not. Count and bytes are both bounded like this.
///
/// A value; its owner keeps it under a lock.
struct FairQueue<Lane: Hashable & Sendable, Item: Sendable>: Sendable {
    /// How much may wait in all lanes together.
    struct Bounds: Sendable {
        let countMax: Int
        let bytesMax: Int
    }

    /// How much is taken out at once.
    struct Portion: Sendable {
        let countMax: Int
        /// Reached by the last item, whatever its size.
        let bytesMax: Int
    }

    private struct Entry {
        let item: Item
        let bytes: Int
    }

    /// In order, from ``head`` on.
    private struct Waiting {
        var entries: [Entry] = []
        var head = 0
        var bytes = 0

        var count: Int { self.entries.count - self.head }

        /// - Returns: whether nothing waited before.
        mutating func append(_ entry: Entry) -> Bool {
            self.entries.append(entry)
            self.bytes += entry.bytes
            return self.count == 1
        }

        /// - Returns: the next one, and whether it was the last.
        mutating func next() -> (entry: Entry, isLast: Bool) {
            let entry = self.entries[self.head]
            self.head += 1
            self.bytes -= entry.bytes
            // Now and then, so that each item is moved about once.
            if self.head >= 64, self.head * 2 >= self.entries.count {
                self.entries.removeFirst(self.head)
                self.head = 0
            }
            return (entry, self.count == 0)
        }
    }

    private let bounds: Bounds
    private var lanes: [Lane: Waiting] = [:]
    /// The lanes in which something waits, the next one first.
    private var turns: [Lane] = []
    private(set) var count = 0
    private(set) var bytes = 0

    init(_ bounds: Bounds) { self.bounds = bounds }

    var isEmpty: Bool { self.count == 0 }

    /// Whether a lane may take one more of this size.
    func hasRoom(for bytes: Int, in lane: Lane) -> Bool {
        let waiting = self.lanes[lane]
        return (waiting?.count ?? 0) < self.bounds.countMax - self.count
            && (waiting?.bytes ?? 0) + bytes <= self.bounds.bytesMax - self.bytes
    }

    /// Puts an item at the end of a lane. Whether there is room is the caller's to ask.
    mutating func append(_ item: Item, bytes: Int, to lane: Lane) {
        let isFirst = self.lanes[lane, default: Waiting()].append(Entry(item: item, bytes: bytes))
        if isFirst { self.turns.append(lane) }
        self.count += 1
        self.bytes += bytes
    }

    /// Takes out one item of each lane after the other, each lane in its order, until there is a portion.
    mutating func take(_ portion: Portion) -> [Item] {
        var taken: [Item] = []
        taken.reserveCapacity(min(portion.countMax, self.count))
        var bytes = 0
        var turn = 0
        while taken.count < portion.countMax, bytes < portion.bytesMax, !self.turns.isEmpty {
            if turn == self.turns.count { turn = 0 }
            let lane = self.turns[turn]
            guard let (entry, isLast) = self.lanes[lane]?.next() else { break }
            taken.append(entry.item)
            bytes += entry.bytes
            if isLast {
                self.lanes[lane] = nil
                self.turns.remove(at: turn)
            } else {
                turn += 1
            }
        }
        // Who would have been next is next.
        if turn < self.turns.count, turn > 0 {
            self.turns = Array(self.turns[turn...] + self.turns[..<turn])
        }
        self.count -= taken.count
        self.bytes -= bytes
        return taken
    }
}
