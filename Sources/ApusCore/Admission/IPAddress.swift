private import Glibc

/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16 bytes, in network order.
    package let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads the text form; an IPv6 zone (`%eth0`) is dropped, an IPv4-mapped address becomes IPv4.
    ///
    /// - Returns: nil when the text is no address.
    package init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        let bare = text.prefix { $0 != "%" }
        if inet_pton(AF_INET, String(bare), &four) == 1 {
            self.bytes = withUnsafeBytes(of: &four, Array.init)
        } else if inet_pton(AF_INET6, String(bare), &six) == 1 {
            let bytes = withUnsafeBytes(of: &six, Array.init)
            let mapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            self.bytes = mapped ? Array(bytes[12...]) : bytes
        } else {
            return nil
        }
    }

    /// The text form.
    package var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = self.bytes.count == 4 ? AF_INET : AF_INET6
        let written = self.bytes.withUnsafeBytes { raw in
            inet_ntop(family, raw.baseAddress, &buffer, socklen_t(buffer.count)) != nil
        }
        guard written else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
