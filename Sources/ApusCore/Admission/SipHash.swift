/// SipHash-2-4 with a result of 128 bits: a keyed hash of short texts, which nobody without the key can foresee or
/// bring about.
///
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and the authors' variant of 128 bits.
struct SipHash: Sendable {
    /// Two random numbers; whoever knows them can foresee every hash.
    struct Key: Sendable {
        let low: UInt64
        let high: UInt64
    }

    /// What comes out.
    struct Value: Hashable, Sendable {
        let low: UInt64
        let high: UInt64
    }

    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    private init(_ key: Key) {
        self.v0 = key.low ^ 0x736F_6D65_7073_6575
        self.v1 = key.high ^ 0x646F_7261_6E64_6F6D ^ 0xEE
        self.v2 = key.low ^ 0x6C79_6765_6E65_7261
        self.v3 = key.high ^ 0x7465_6462_7974_6573
    }

    /// The hash of these bytes, in time that depends on how many there are.
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>, with key: Key) -> Value {
        let raw = UnsafeRawBufferPointer(bytes)
        var state = SipHash(key)
        var offset = 0
        while offset + 8 <= raw.count {
            state.take(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: raw.count) << 56
        for (position, byte) in raw[offset...].enumerated() { last |= UInt64(byte) << (8 * UInt64(position)) }
        state.take(last)
        state.v2 ^= 0xEE
        let low = state.finish()
        state.v1 ^= 0xDD
        return Value(low: low, high: state.finish())
    }

    private mutating func take(_ word: UInt64) {
        self.v3 ^= word
        self.round()
        self.round()
        self.v0 ^= word
    }

    private mutating func finish() -> UInt64 {
        for _ in 0..<4 { self.round() }
        return self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    private mutating func round() {
        self.v0 &+= self.v1
        self.v2 &+= self.v3
        self.v1 = self.v1.rotated(13) ^ self.v0
        self.v3 = self.v3.rotated(16) ^ self.v2
        self.v0 = self.v0.rotated(32)
        self.v2 &+= self.v1
        self.v0 &+= self.v3
        self.v1 = self.v1.rotated(17) ^ self.v2
        self.v3 = self.v3.rotated(21) ^ self.v0
        self.v2 = self.v2.rotated(32)
    }
}

extension UInt64 {
    fileprivate func rotated(_ bits: UInt64) -> UInt64 { self << bits | self >> (64 - bits) }
}
