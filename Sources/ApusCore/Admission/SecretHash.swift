private import Crypto

/// A secret as it is stored: salted and hashed, so that a stolen database does not reveal it.
///
/// One round of SHA-256 is enough here: the secrets are random (96 bits and more), not chosen by people, so there is no
/// dictionary that a slow hash would have to slow down, and every request pays for the check.
package struct SecretHash: Sendable, Equatable {
    /// Size of a fresh salt.
    package static let saltSizeBytes = 16

    /// Random, one per secret.
    package let salt: [UInt8]
    /// SHA-256 of the salt followed by the secret's UTF-8: 32 bytes.
    package let digest: [UInt8]

    /// Takes what a store has kept.
    package init(salt: [UInt8], digest: [UInt8]) {
        self.salt = salt
        self.digest = digest
    }

    /// Hashes a secret with a fresh salt.
    package init(hashing secret: String) {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<Self.saltSizeBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        self.init(hashing: secret, salt: salt)
    }

    private init(hashing secret: String, salt: [UInt8]) {
        self.init(salt: salt, digest: Array(Self.digest(of: secret, salt)))
    }

    /// Whether this is the secret, in time that does not depend on where the two differ.
    package func matches(_ secret: String) -> Bool {
        Self.digest(of: secret, self.salt).withUnsafeBytes { other in
            guard other.count == self.digest.count else { return false }
            var difference: UInt8 = 0
            for (index, byte) in self.digest.enumerated() { difference |= byte ^ other[index] }
            return difference == 0
        }
    }

    private static func digest(of secret: String, _ salt: [UInt8]) -> SHA256.Digest {
        var hash = SHA256()
        salt.withUnsafeBytes { hash.update(bufferPointer: $0) }
        var secret = secret
        secret.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize()
    }
}

/// Fresh random names and secrets.
package enum RandomText {
    /// Lower-case hex digits from the system's generator.
    package static func hex(digits: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        var (text, bits): ([UInt8], UInt64) = ([], 0)
        for index in 0..<digits {
            // One draw is good for sixteen digits.
            if index.isMultiple(of: 16) { bits = generator.next() }
            text.append(Self.alphabet[Int(bits & 0xF)])
            bits >>= 4
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A random (version 4) UUID in lower case.
    package static func uuid() -> String {
        let hex = Array(Self.hex(digits: 32).utf8)
        var text: [UInt8] = []
        for (index, digit) in hex.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append(UInt8(ascii: "-")) }
            switch index {
            case 12: text.append(UInt8(ascii: "4"))
            case 16: text.append(Self.alphabet[8 + Int(digit & 3)])
            default: text.append(digit)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let alphabet = Array("0123456789abcdef".utf8)
}
