/// A hash of short texts for tables of our own: some nanoseconds each, where the language's own takes tens.
///
/// Keyed by the process, so that nobody can choose texts that all meet in one slot. Never kept.
enum KeyedHash {
    private static let seed = UInt64.random(in: .min ... .max)

    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawBufferPointer(bytes)
        var hash = Self.seed ^ UInt64(truncatingIfNeeded: raw.count)
        var offset = 0
        while offset + 8 <= raw.count {
            hash = Self.mixed(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < raw.count {
            rest = rest << 8 | UInt64(raw[offset])
            offset += 1
        }
        return Self.mixed(Self.mixed(hash ^ rest))
    }

    /// Both halves of a product: every bit of the input reaches the middle, from where the fold spreads it.
    private static func mixed(_ number: UInt64) -> UInt64 {
        let product = number.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}

extension String {
    /// The bytes in place; copied first where they are not in one piece, which texts from a store never are.
    func withBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        if let value = self.utf8.withContiguousStorageIfAvailable(body) { return value }
        return Array(self.utf8).withUnsafeBufferPointer(body)
    }
}

extension UnsafeBufferPointer<UInt8> {
    func hasEqualBytes(as other: UnsafeBufferPointer<UInt8>) -> Bool {
        self.count == other.count && zip(self, other).allSatisfy { $0 == $1 }
    }
}
