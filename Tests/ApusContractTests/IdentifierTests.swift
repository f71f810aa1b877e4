import Testing

@testable import ApusContract

@Suite struct `An identifier` {
    @Test func `has its shape or is none`() {
        #expect(AppKey(String(repeating: "a", count: 24))?.text.count == 24)
        for text in [
            "", String(repeating: "a", count: 23), String(repeating: "a", count: 25), String(repeating: "é", count: 12),
        ] {
            #expect(AppKey(text) == nil)
        }
        #expect(RegistrationID("1a_-Z") != nil && RegistrationID(String(repeating: "a", count: 64)) != nil)
        for text in ["", "a b", "é", "a.b", String(repeating: "a", count: 65)] { #expect(RegistrationID(text) == nil) }
        #expect(CID(String(repeating: "a", count: 128)) != nil && CID(String(repeating: "a", count: 129)) == nil)
    }

    @Test(arguments: [[], [0x61], [0xC3, 0xA9], [0x61, 0xE5, 0xAF, 0x92]] as [[UInt8]])
    func `is made of bytes that are UTF-8`(_ bytes: [UInt8]) {
        #expect(String(checked: bytes[...]).map { Array($0.utf8) } == bytes)
    }

    @Test(arguments: [[0x80], [0x61, 0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF]] as [[UInt8]])
    func `is not made of other bytes`(_ bytes: [UInt8]) {
        #expect(String(checked: bytes[...]) == nil)
    }

    @Test(
        arguments: [
            ("1", 1), ("007", 7), ("9223372036854775807", .max), ("9223372036854775808", nil), ("0", nil), ("", nil),
            ("-1", nil), ("+1", nil), ("1 ", nil), ("１", nil), ("00000000000000000001", nil),
        ] as [(String, Int64?)])
    func `of a message is read from decimal digits`(_ text: String, _ number: Int64?) {
        #expect(MessageID(decimal: text)?.number == number)
    }

    @Test(arguments: Platform.allCases)
    func `of a platform is read in any case`(_ platform: Platform) {
        #expect(Platform(name: platform.name) == platform)
        #expect(Platform(name: platform.name.uppercased()) == platform)
        #expect(PlatformSet.all.contains(platform))
        #expect(PlatformSet(platform).members == [platform])
    }
}
