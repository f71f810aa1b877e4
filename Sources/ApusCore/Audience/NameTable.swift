/// From registration ids to ordinals: exact, in a third of the memory of a dictionary of strings.
///
/// The names lie one behind another in one array of bytes. What is looked up is compared with them byte by byte. Names
/// are never removed, because a device keeps its name as long as its app lives.
struct NameTable: Sendable {
    /// Names begin at multiples of it, so that 32 bits reach 16 GiB of them.
    private static let unit = 4

    private var ordinals = SlotTable()
    /// By ordinal: where its name begins in ``text``, in units; 0 for an ordinal without a name.
    private var places: [UInt32] = []
    /// Each name behind a byte that says how long it is. The first unit is no name's.
    private var text = [UInt8](repeating: 0, count: Self.unit)

    /// - Returns: nil for a name that was not inserted.
    func ordinal(of name: RegistrationID) -> Ordinal? { name.text.withBytes { self.place(of: $0).number } }

    /// Harmless when the name is there already with this ordinal.
    mutating func insert(_ name: RegistrationID, _ ordinal: Ordinal) {
        name.text.withBytes { bytes in
            let place = self.place(of: bytes)
            guard place.number != ordinal else { return }
            self.keep(bytes, of: ordinal)
            self.ordinals.keep(ordinal, at: place)
        }
    }

    private func place(of name: UnsafeBufferPointer<UInt8>) -> SlotTable.Place {
        self.ordinals.place(of: KeyedHash.hash(name)) { self.isName(of: $0, name) }
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
}
