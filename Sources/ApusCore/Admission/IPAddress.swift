private import Glibc

/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16 bytes, in network order.
    package let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Takes the bytes of a socket's other end; an IPv4-mapped address becomes IPv4.
    ///
    /// - Returns: nil unless there are 4 or 16 of them.
    package init?(networkBytes bytes: [UInt8]) {
        switch bytes.count {
        case 4: self.bytes = bytes
        case 16:
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            self.bytes = isMapped ? Array(bytes[12...]) : bytes
        default: return nil
        }
    }

    /// Reads the text form; an IPv6 zone (`%eth0`) is dropped, an IPv4-mapped address becomes IPv4.
    ///
    /// - Returns: nil when the text is no address.
    package init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        let bare = text.prefix { $0 != "%" }
        if inet_pton(AF_INET, String(bare), &four) == 1 {
            self.init(networkBytes: withUnsafeBytes(of: &four, Array.init))
        } else if inet_pton(AF_INET6, String(bare), &six) == 1 {
            self.init(networkBytes: withUnsafeBytes(of: &six, Array.init))
        } else {
            return nil
        }
    }

    /// Finds where a request comes from, through the proxies that the operator trusts.
    ///
    /// - Parameters:
    ///   - forwarded: the values of `X-Forwarded-For`, believed only where a trusted proxy is the peer.
    /// - Returns: nil when the peer has no IP address.
    package init?(peer: String?, forwarded: [String], trusting proxies: [AddressBlock]) {
        guard let peer, let peer = IPAddress(peer) else { return nil }
        self.init(peer: peer, forwarded: forwarded, trusting: proxies)
    }

    /// Finds where a request comes from, as ``init(peer:forwarded:trusting:)-(String?,_,_)``.
    package init(peer: IPAddress, forwarded: [String], trusting proxies: [AddressBlock]) {
        func isTrusted(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
        var address = peer
        // Each proxy appends whom it heard from: read from the right until somebody who is not one of ours, or until
        // something that is no address, for which the last one that could be read answers.
        for hop in forwarded.flatMap({ $0.split(separator: ",") }).reversed() where isTrusted(address) {
            guard let before = IPAddress(hop: hop) else { break }
            address = before
        }
        self = address
    }

    /// Reads an address as proxies write it: bare, or with a port, IPv6 then in brackets.
    private init?(hop: Substring) {
        let text = String(hop.filter { $0 != " " && $0 != "\t" })
        if let bare = IPAddress(text) {
            self = bare
        } else if text.first == "[" {
            self.init(String(text.dropFirst().prefix { $0 != "]" }))
        } else {
            self.init(String(text.prefix { $0 != ":" }))
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
