/// Where a server listens: scheme, host and port of a URL.
package struct ServerURL: Sendable, Equatable {
    /// A name or an address; IPv6 without its brackets.
    package let host: String
    /// 1 to 65535; 443 or 80 where the URL names none.
    package let port: Int
    /// Whether the scheme is `https` or `wss`.
    package let isSecure: Bool

    /// Reads `http://`, `https://`, `ws://` or `wss://` with a host and an optional port; a path is ignored.
    ///
    /// - Returns: nil when the text is no such URL.
    package init?(_ text: String) {
        guard let mark = text.firstRange(of: "://") else { return nil }
        switch text[..<mark.lowerBound].lowercased() {
        case "http", "ws": self.isSecure = false
        case "https", "wss": self.isSecure = true
        default: return nil
        }
        let authority = text[mark.upperBound...].prefix { $0 != "/" && $0 != "?" }
        let portMark = authority.lastIndex(of: ":").flatMap { authority[$0...].contains("]") ? nil : $0 }
        let host = authority[..<(portMark ?? authority.endIndex)].drop { $0 == "[" }.prefix { $0 != "]" }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        if let portMark {
            guard let port = Int(authority[authority.index(after: portMark)...]), (1...65_535).contains(port) else {
                return nil
            }
            self.port = port
        } else {
            self.port = self.isSecure ? 443 : 80
        }
    }

    /// For a `Host` header.
    package var authority: String { "\(self.host.contains(":") ? "[\(self.host)]" : self.host):\(self.port)" }
}

/// Why a server could not be talked to: one sentence.
package struct ClientError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
