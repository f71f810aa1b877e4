import Testing

@testable import ApusCore

@Suite struct `A hash of SipHash` {
    /// Of the authors' vectors for 128 bits: the key is 00 01 … 0f, the text the first bytes of 00 01 02 ….
    @Test(
        arguments: [
            (0, 0xE6A8_25BA_047F_81A3, 0x9302_55C7_1472_F66D), (1, 0x44AF_996B_D8C1_87DA, 0x45FC_229B_1159_7634),
        ] as [(Int, UInt64, UInt64)])
    func `agrees with its authors`(_ count: Int, _ low: UInt64, _ high: UInt64) {
        #expect(Self.hash((0..<count).map { UInt8($0) }) == SipHash.Value(low: low, high: high))
    }

    @Test func `differs for texts that differ in one bit, at every length`() {
        for count in 1...40 {
            let text = [UInt8](repeating: 0x55, count: count)
            var hashes: Set<SipHash.Value> = [Self.hash(text)]
            for place in 0..<count {
                for bit in 0..<8 {
                    var other = text
                    other[place] ^= 1 << UInt8(bit)
                    hashes.insert(Self.hash(other))
                }
            }
            #expect(hashes.count == 1 + 8 * count)
        }
    }

    @Test func `depends on its key`() {
        let other = SipHash.Key(low: 1, high: 2)
        let text: [UInt8] = [1, 2, 3]
        #expect(text.withUnsafeBufferPointer { SipHash.hash($0, with: other) } != Self.hash(text))
    }

    private static func hash(_ text: [UInt8]) -> SipHash.Value {
        let key = SipHash.Key(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
        return text.withUnsafeBufferPointer { SipHash.hash($0, with: key) }
    }
}
