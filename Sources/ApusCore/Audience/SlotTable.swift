/// Numbers that are found by a hash of what they stand for: open addressing with linear probing.
///
/// What they stand for lies elsewhere and is compared there; the table keeps half of each hash, so that it grows
/// without looking. Nothing is ever removed.
struct SlotTable: Sendable {
    /// Half of a hash above a number plus one; 0 is free. A power of two of them, at most three quarters used, so that
    /// a search meets a free one soon.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var used = 0

    /// Where a search has ended.
    struct Place {
        /// Nil for a free slot.
        let number: UInt32?
        fileprivate let index: Int
        fileprivate let hash: UInt32
    }

    /// - Parameter isMeant: whether a number stands for what is searched; asked where the hashes are equal.
    func place(of hash: UInt64, where isMeant: (UInt32) -> Bool) -> Place {
        let half = UInt32(truncatingIfNeeded: hash)
        let mask = self.slots.count - 1
        var index = Int(half) & mask
        while self.slots[index] != 0 {
            let number = UInt32((self.slots[index] & 0xFFFF_FFFF) - 1)
            if UInt32(self.slots[index] >> 32) == half, isMeant(number) {
                return Place(number: number, index: index, hash: half)
            }
            index = (index + 1) & mask
        }
        return Place(number: nil, index: index, hash: half)
    }

    /// Keeps a number where a search has just ended, in place of the one that was there.
    ///
    /// - Parameter number: less than the greatest.
    mutating func keep(_ number: UInt32, at place: Place) {
        self.slots[place.index] = UInt64(place.hash) << 32 | (UInt64(number) + 1)
        guard place.number == nil else { return }
        self.used += 1
        if self.used * 4 > self.slots.count * 3 { self.grow() }
    }

    private mutating func grow() {
        let old = self.slots
        self.slots = [UInt64](repeating: 0, count: old.count * 2)
        let mask = self.slots.count - 1
        for slot in old where slot != 0 {
            var index = Int(slot >> 32) & mask
            while self.slots[index] != 0 { index = (index + 1) & mask }
            self.slots[index] = slot
        }
    }
}
