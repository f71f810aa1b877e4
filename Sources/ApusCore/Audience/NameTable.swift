/// From registration ids to ordinals: exact, in a third of the memory of a dictionary of strings.
///
/// The names lie one behind another in one array of bytes. An open-addressing table with linear probing holds, for each
/// of them, its ordinal and 32 bits of its hash: what is looked up is compared byte by byte, and the table grows without
/// reading a name. Names are never removed, because a device keeps its name as long as its app lives.
struct NameTable: Sendable {
    /// Names begin at multiples of it, so that 32 bits reach 16 GiB of them.
    private static let unit = 4
    private static let slotsMin = 16

    /// Hash bits above the ordinal plus one; 0 is a free slot. The number of slots is a power of two.
    private var slots = [UInt64](repeating: 0, count: Self.slotsMin)
    private var used = 0
    /// By ordinal: where its name begins in ``text``, in units; 0 for an ordinal without a name.
    private var places: [UInt32] = []
    /// Each name behind a byte that says how long it is. The first unit is no name's.
    private var text = [UInt8](repeating: 0, count: Self.unit)

    /// - Returns: nil for a name that was not inserted.
    func ordinal(of name: RegistrationID) -> Ordinal? {
        name.text.withBytes { bytes in
            let slot = self.slots[self.slot(of: bytes, Self.hash(bytes))]
            return slot == 0 ? nil : Self.ordinal(slot)
        }
    }

    /// Harmless when the name is there already with this ordinal.
    mutating func insert(_ name: RegistrationID, _ ordinal: Ordinal) {
        name.text.withBytes { bytes in
            let hash = Self.hash(bytes)
            let index = self.slot(of: bytes, hash)
            let isNew = self.slots[index] == 0
            guard isNew || Self.ordinal(self.slots[index]) != ordinal else { return }
            self.keep(bytes, of: ordinal)
            self.slots[index] = UInt64(hash) << 32 | (UInt64(ordinal) + 1)
            guard isNew else { return }
            self.used += 1
            // At most three quarters full, so that a search meets a free slot soon.
            if self.used * 4 > self.slots.count * 3 { self.grow() }
        }
    }

    private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        UInt32(truncatingIfNeeded: KeyedHash.hash(name))
    }

    /// Where the name is, or the free slot where it would be.
    private func slot(of name: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Int {
        let mask = self.slots.count - 1
        var index = Int(hash) & mask
        while self.slots[index] != 0 {
            let slot = self.slots[index]
            if UInt32(slot >> 32) == hash, self.isName(of: Self.ordinal(slot), name) { break }
            index = (index + 1) & mask
        }
        return index
    }

    private func isName(of ordinal: Ordinal, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = Int(self.places[Int(ordinal)]) * Self.unit
        guard Int(self.text[start]) == name.count else { return false }
        return self.text.withUnsafeBufferPointer {
            UnsafeBufferPointer(rebasing: $0[(start + 1)..<(start + 1 + name.count)]).hasEqualBytes(as: name)
        }
    }

    private mutating func keep(_ name: UnsafeBufferPointer<UInt8>, of ordinal: Ordinal) {
        let index = Int(ordinal)
        if index >= self.places.count {
            self.places.append(contentsOf: repeatElement(0, count: index + 1 - self.places.count))
        }
        self.places[index] = UInt32(self.text.count / Self.unit)
        self.text.append(UInt8(name.count))
        self.text.append(contentsOf: name)
        while !self.text.count.isMultiple(of: Self.unit) { self.text.append(0) }
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

    private static func ordinal(_ slot: UInt64) -> Ordinal { Ordinal((slot & 0xFFFF_FFFF) - 1) }
}
