/// A range of IP addresses in CIDR notation, IPv4 or IPv6, as in `10.0.0.0/8` or `::1`.
///
/// IPv4 addresses that arrive mapped into IPv6 (`::ffff:…`) count as IPv4.
package struct AddressBlock: Hashable, Sendable {
    /// 4 or 16 bytes.
    private let network: [UInt8]
    private let prefixBits: Int

    /// - Returns: nil when the text is no address and no CIDR block.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        if parts.count == 2 {
            guard let bits = Int(parts[1]), parts[1].utf8.allSatisfy(\.isDigit),
                (0...address.bytes.count * 8).contains(bits)
            else { return nil }
            self.prefixBits = bits
        } else {
            self.prefixBits = address.bytes.count * 8
        }
        self.network = Self.masked(address.bytes, to: self.prefixBits)
    }

    /// Whether the address lies in this range; never for an address of the other family.
    package func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == self.network.count
            && Self.masked(address.bytes, to: self.prefixBits) == self.network
    }

    /// CIDR notation, with the bits behind the prefix cleared.
    package var text: String { "\(IPAddress(bytes: self.network).text)/\(self.prefixBits)" }

    private static func masked(_ bytes: [UInt8], to bits: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let kept = min(8, max(0, bits - index * 8))
            return kept == 0 ? 0 : byte & (0xFF << (8 - UInt8(kept)))
        }
    }
}
