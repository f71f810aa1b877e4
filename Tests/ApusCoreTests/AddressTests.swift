import ApusCore
import Testing

@Suite struct `An IP address` {
    @Test(
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("0.0.0.0", [0, 0, 0, 0]), ("255.255.255.255", [255, 255, 255, 255]),
            ("::ffff:192.0.2.1", [192, 0, 2, 1]), ("::FFFF:c000:201", [192, 0, 2, 1]),
            ("::1", Array(repeating: 0, count: 15) + [1]), ("::", Array(repeating: 0, count: 16)),
            ("2001:db8::ff00:42:8329", [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0xFF, 0, 0, 0x42, 0x83, 0x29]),
            ("fe80::1%eth0", [0xFE, 0x80] + Array(repeating: 0, count: 13) + [1]),
            // Mapped only where the marker stands in its place.
            ("::fffe:1.2.3.4", Array(repeating: 0, count: 10) + [0xFF, 0xFE, 1, 2, 3, 4]),
        ] as [(String, [UInt8])])
    func `is read from its text`(_ text: String, _ bytes: [UInt8]) {
        #expect(IPAddress(text)?.bytes == bytes)
        #expect(IPAddress(networkBytes: bytes)?.bytes == bytes)
    }

    @Test func `is read from the bytes of a socket`() {
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF, 192, 0, 2, 1]
        #expect(IPAddress(networkBytes: mapped)?.text == "192.0.2.1")
        for count in [0, 3, 5, 15, 17] { #expect(IPAddress(networkBytes: Array(repeating: 1, count: count)) == nil) }
    }

    @Test(arguments: [
        "", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "01.2.3.4.5", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d",
        "1.2.3.4:80",
        "[::1]", "::g", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "localhost", "%eth0", "1.2.3.4/8", "0x7f.1",
    ])
    func `is not read from anything else`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ])
    func `has one text`(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.text == expected)
        #expect(IPAddress(address.text) == address)
    }
}

@Suite struct `The source of a request` {
    private static func source(_ peer: String?, _ forwarded: String...) -> String? {
        let proxies = ["10.0.0.0/8", "::1"].compactMap { AddressBlock($0) }
        return IPAddress(peer: peer, forwarded: forwarded, trusting: proxies)?.text
    }

    @Test func `is the peer, whatever a stranger says`() {
        #expect(Self.source("192.0.2.1") == "192.0.2.1")
        #expect(Self.source("192.0.2.1", "198.51.100.7") == "192.0.2.1")
        #expect(Self.source(nil, "198.51.100.7") == nil)
    }

    @Test func `is whom the last trusted proxy heard from`() {
        #expect(Self.source("10.0.0.1", "198.51.100.7") == "198.51.100.7")
        #expect(Self.source("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.9.9.9") == "198.51.100.7")
        #expect(Self.source("::1", "198.51.100.7:4711", " [2001:db8::7]:80") == "2001:db8::7")
        #expect(Self.source("10.0.0.1", "198.51.100.7, nonsense, 10.1.1.1") == "10.1.1.1")
        #expect(Self.source("10.0.0.1") == "10.0.0.1")
    }
}

@Suite struct `An address block` {
    @Test(
        arguments: [
            (
                "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                ["11.0.0.0", "9.255.255.255", "::a00:1"]
            ),
            ("10.77.88.99/8", ["10.0.0.1"], ["11.77.88.99"]),
            ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.128"]),
            ("192.0.2.4/30", ["192.0.2.4", "192.0.2.7"], ["192.0.2.3", "192.0.2.8"]),
            ("192.0.2.1", ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]),
            ("192.0.2.1/32", ["192.0.2.1"], ["192.0.2.0"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
            ("::/0", ["::", "2001:db8::1"], ["10.0.0.1", "::ffff:10.0.0.1"]),
            ("::1", ["::1"], ["::", "::2", "0.0.0.1"]),
            ("2001:db8::/33", ["2001:db8::", "2001:db8:7fff::1"], ["2001:db8:8000::", "2001:db7::"]),
            ("fe80::1%eth0/64", ["fe80::2"], ["fe80:0:0:1::2"]),
        ] as [(String, [String], [String])])
    func `contains its addresses and no others`(_ text: String, _ inside: [String], _ outside: [String]) throws {
        let block = try #require(AddressBlock(text))
        for address in inside { #expect(block.contains(try #require(IPAddress(address))), "\(address)") }
        for address in outside { #expect(!block.contains(try #require(IPAddress(address))), "\(address)") }
        #expect(AddressBlock(block.text) == block)
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/ 8",
        "10.0.0.0/8 ", "10.0.0.0/255.0.0.0", "::/129", "::/x", "10.0.0/8", "localhost/8", "::1/99999999999999999999",
    ])
    func `is not read from anything else`(_ text: String) {
        #expect(AddressBlock(text) == nil)
    }

    @Test(arguments: [
        ("10.77.88.99/8", "10.0.0.0/8"), ("192.0.2.1", "192.0.2.1/32"), ("::1", "::1/128"),
        ("2001:db8:ffff::/33", "2001:db8:8000::/33"), ("::ffff:192.0.2.1", "192.0.2.1/32"),
    ])
    func `has one text, without what lies beyond its prefix`(_ text: String, _ expected: String) {
        #expect(AddressBlock(text)?.text == expected)
    }
}

@Suite struct `A secret's hash` {
    @Test func `matches its secret and nothing else`() {
        let secret = RandomText.hex(digits: 24)
        let hash = SecretHash(hashing: secret)
        #expect(hash.matches(secret))
        for other in ["", secret + "0", String(secret.dropLast()), secret.uppercased() + "x", " \(secret)"] {
            #expect(!hash.matches(other))
        }
        #expect(SecretHash(hashing: "").matches(""))
        #expect(!SecretHash(hashing: "").matches("x"))
    }

    @Test func `is salted, and holds after it was stored`() {
        let (one, two) = (SecretHash(hashing: "s"), SecretHash(hashing: "s"))
        #expect(one.salt.count == SecretHash.saltSizeBytes && one.digest.count == 32)
        #expect(one.salt != two.salt && one.digest != two.digest)
        #expect(SecretHash(salt: one.salt, digest: one.digest).matches("s"))
        #expect(!SecretHash(salt: two.salt, digest: one.digest).matches("s"))
    }

    /// SHA-256 of the salt's bytes and the secret's, as another implementation would check it.
    @Test func `is SHA-256 over salt and secret`() {
        let abc: [UInt8] = [
            0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23, 0xB0, 0x03,
            0x61,
            0xA3, 0x96, 0x17, 0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD,
        ]
        #expect(SecretHash(salt: Array("a".utf8), digest: abc).matches("bc"))
        #expect(SecretHash(salt: [], digest: abc).matches("abc"))
    }

    @Test(arguments: [0, 1, 31, 33])
    func `never matches a digest of another length`(_ count: Int) {
        let hash = SecretHash(hashing: "s")
        let digest = Array((hash.digest + [0]).prefix(count))
        #expect(!SecretHash(salt: hash.salt, digest: digest).matches("s"))
    }
}
