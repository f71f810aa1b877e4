private import Crypto

/// A push certificate as it is stored: legible only with the node's sealing key.
package struct SealedCertificate: Sendable, Equatable {
    /// Which of the vendor's two services it opens.
    package enum Environment: String, Sendable, CaseIterable {
        case development, production
    }

    /// Whose it is.
    package let app: AppID
    /// Where it holds.
    package let environment: Environment
    /// SHA-256 of the certificate itself: tells whether two uploads hold the same one.
    package let fingerprint: [UInt8]
    /// When the certificate ends.
    package let expiresAt: Timestamp
    /// Nonce, ciphertext and tag of what was uploaded.
    package let sealed: [UInt8]

    package init(
        app: AppID, environment: Environment, fingerprint: [UInt8], expiresAt: Timestamp, sealed: [UInt8]
    ) {
        self.app = app
        self.environment = environment
        self.fingerprint = fingerprint
        self.expiresAt = expiresAt
        self.sealed = sealed
    }
}

/// What seals secrets that must be read back (AES-256-GCM), so that a stolen database alone does not reveal them.
package struct SealingKey: Sendable {
    /// Bytes of a key.
    package static let sizeBytes = 32

    private let bytes: [UInt8]

    /// - Returns: nil when these are not 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.sizeBytes else { return nil }
        self.bytes = bytes
    }

    /// Draws a fresh one.
    package init() { self.bytes = SymmetricKey(size: .bits256).withUnsafeBytes { [UInt8]($0) } }

    /// The key itself, for the file that keeps it.
    package var keyBytes: [UInt8] { self.bytes }

    /// Seals a text so that it opens for the same purpose only.
    ///
    /// - Returns: nonce, ciphertext and tag.
    package func seal(_ text: [UInt8], for purpose: String) throws(Refusal) -> [UInt8] {
        do {
            let box = try AES.GCM.seal(text, using: self.key, authenticating: Array(purpose.utf8))
            guard let combined = box.combined else { throw Refusal(.internalFault) }
            return [UInt8](combined)
        } catch {
            throw Refusal(.internalFault)
        }
    }

    /// - Returns: nil when the text was sealed with another key or for another purpose, or was changed.
    package func open(_ sealed: [UInt8], for purpose: String) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let text = try? AES.GCM.open(box, using: self.key, authenticating: Array(purpose.utf8))
        else { return nil }
        return [UInt8](text)
    }

    private var key: SymmetricKey { SymmetricKey(data: self.bytes) }
}

/// A PKCS#12 file that was opened with its password.
package struct CheckedCertificate: Sendable {
    /// Where it is to hold.
    package let environment: SealedCertificate.Environment
    /// As it was uploaded.
    package let file: [UInt8]
    /// What opens the file.
    package let password: String
    /// The certificate inside, in DER.
    package let certificate: [UInt8]
    /// When the certificate begins to hold.
    package let validFrom: Timestamp
    /// When it ends.
    package let expiresAt: Timestamp

    package init(
        environment: SealedCertificate.Environment, file: [UInt8], password: String, certificate: [UInt8],
        validFrom: Timestamp, expiresAt: Timestamp
    ) {
        self.environment = environment
        self.file = file
        self.password = password
        self.certificate = certificate
        self.validFrom = validFrom
        self.expiresAt = expiresAt
    }

    /// SHA-256 of the certificate.
    var fingerprint: [UInt8] { Array(SHA256.hash(data: self.certificate)) }

    /// What is sealed: the password's length in two bytes, the password, the file.
    ///
    /// - Throws: ``Refusal/Kind/certificateInvalid`` for a password that no keyboard ever wrote.
    func secretBytes() throws(Refusal) -> [UInt8] {
        let password = Array(self.password.utf8)
        guard password.count <= Int(UInt16.max) else { throw Refusal(.certificateInvalid) }
        return [UInt8(password.count >> 8), UInt8(password.count & 0xFF)] + password + self.file
    }
}
