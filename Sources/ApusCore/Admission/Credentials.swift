extension Authenticator.Credentials {
    /// Reads an `Authorization` header.
    ///
    /// - Parameter header: as in `Basic dXNlcjpwYXNzd29yZA==`; the scheme in any case, split at the first colon.
    package init(_ header: String?) {
        guard let header = header?.drop(while: { $0 == " " }), !header.isEmpty else {
            self = .none
            return
        }
        guard let space = header.firstIndex(of: " "), header[..<space].lowercased() == "basic",
            let bytes = Base64.decode(header[space...].filter { $0 != " " }),
            let text = String(validating: bytes, as: UTF8.self), let colon = text.firstIndex(of: ":")
        else {
            self = .malformed
            return
        }
        self = .basic(user: String(text[..<colon]), password: String(text[text.index(after: colon)...]))
    }
}
