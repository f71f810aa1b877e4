extension Authenticator.Credentials {
    /// Reads an `Authorization` header.
    ///
    /// - Parameter header: as in `Basic dXNlcjpwYXNzd29yZA==`; the scheme in any case, split at the first colon.
    package init(_ header: String?) {
        // In place, byte by byte: every request comes through here.
        var header = header ?? ""
        self = header.withUTF8 { Self(bytes: $0) }
    }

    private init(bytes header: UnsafeBufferPointer<UInt8>) {
        let space = UInt8(ascii: " ")
        let bytes = header.drop { $0 == space }
        let scheme = bytes.prefix { $0 != space }
        let isBasic = scheme.count == 5 && zip(scheme, "basic".utf8).allSatisfy { $0 | 0x20 == $1 }
        guard !bytes.isEmpty, !isBasic || scheme.count < bytes.count else {
            self = .none
            return
        }
        guard isBasic, let decoded = Base64.decode(bytes[scheme.endIndex...].filter { $0 != space }),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":")),
            let user = String(checked: decoded[..<colon]),
            let password = String(checked: decoded[(colon + 1)...])
        else {
            self = .malformed
            return
        }
        self = .basic(user: user, password: password)
    }
}
