package import ApusContract
private import ApusWire

/// The user name and password of an `Authorization: Basic` field: a device's registration id and secret.
package struct BasicCredentials: Equatable, Sendable {
    package let user: String
    package let password: String

    /// - Throws: ``Refusal/Kind/missingCredentials`` without a field, ``Refusal/Kind/malformedCredentials`` for another
    ///   scheme or what does not decode.
    package init(authorization: String?) throws(Refusal) {
        guard let authorization, !authorization.isEmpty else { throw Refusal(.missingCredentials) }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic",
            let bytes = Base64.decode(parts[1].drop { $0 == " " }),
            let text = String(validating: bytes, as: UTF8.self), let colon = text.firstIndex(of: ":")
        else { throw Refusal(.malformedCredentials) }
        self.user = String(text[..<colon])
        self.password = String(text[text.index(after: colon)...])
    }
}
