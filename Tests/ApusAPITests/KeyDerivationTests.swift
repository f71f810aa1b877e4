import Testing

@testable import ApusAPI

@Suite struct `The work that a PKCS#12 file asks for` {
    /// A sequence of a salt and a count, as wherever a key is derived.
    private static func derivation(_ count: [UInt8]) -> [UInt8] {
        let content = [0x04, 0x02, 0xAA, 0xBB, 0x02, UInt8(count.count)] + count
        return [0x30, UInt8(content.count)] + content
    }

    @Test(
        arguments: [
            ([0x08, 0x00], 2048), ([0x00, 0xFF, 0xFF], 65_535), ([0x05, 0xF5, 0xE1, 0x00], 100_000_000),
            ([1, 0, 0, 0, 0], Int.max),
        ] as [([UInt8], Int)])
    func `is the count behind a salt`(_ count: [UInt8], _ iterations: Int) {
        let plain = Self.derivation(count)
        #expect(KeyDerivation.iterations(in: plain) == iterations)
        let inText = [0x04, UInt8(plain.count)] + plain
        #expect(KeyDerivation.iterations(in: [0x30, 0x82, 0, UInt8(inText.count)] + inText) == iterations)
        let endless: [UInt8] = [0x30, 0x80, 0x02, 0x01, 0x03] + plain + [0, 0]
        #expect(KeyDerivation.iterations(in: endless + [0x02, 0x01, 0x01]) == iterations)
        #expect(KeyDerivation.iterations(in: [0x30, 0x80] + endless + [0, 0]) == iterations)
    }

    @Test(arguments: [[], [0x30], [0x30, 0x05, 0x04], [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x02, 0x01, 0x07]])
    func `is none in what is no such file`(_ file: [UInt8]) {
        #expect(KeyDerivation.iterations(in: file) == 0)
    }

    @Test func `is found in bounded depth`() {
        let deep = Array(repeating: [0x30, 0x80] as [UInt8], count: 500_000).flatMap(\.self)
        #expect(KeyDerivation.iterations(in: deep) == 0)
    }
}
