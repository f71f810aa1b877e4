extension Authenticator.Credentials {
    /// Reads an `Authorization` header.
    ///
    /// - Parameter header: as in `Basic dXNlcjpwYXNzd29yZA==`; the scheme in any case, split at the first colon.
    package init(_ header: String?) {
        // Byte by byte: every request comes through here.
        let space = UInt8(ascii: " ")
        let bytes = Array((header ?? "").utf8.drop { $0 == space })
        let scheme = bytes.prefix { $0 != space }
        let isBasic = scheme.map { $0 | 0x20 } == Array("basic".utf8)
        guard !bytes.isEmpty, !isBasic || scheme.count < bytes.count else {
            self = .none
            return
        }
        guard isBasic, let decoded = Base64.decode(bytes[scheme.endIndex...].filter { $0 != space }),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":")),
            let user = String(validating: decoded[..<colon], as: UTF8.self),
            let password = String(validating: decoded[(colon + 1)...], as: UTF8.self)
        else {
            self = .malformed
            return
        }
        self = .basic(user: user, password: password)
    }
}
