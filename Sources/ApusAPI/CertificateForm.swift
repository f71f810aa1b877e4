import ApusCore
import NIOPosix
import NIOSSL

/// The certificates in a form: a file and its password, for either service or for both.
///
/// Source: contract, admin §1.
struct CertificateForm {
    /// The most bytes of one file.
    static let fileMaxBytes = 1 << 20

    private struct Pair {
        let environment: SealedCertificate.Environment
        let file: [UInt8]
        let password: String
    }

    private let pairs: [Pair]

    /// - Throws: ``Refusal/Kind/certificateMissing`` without any file, ``Refusal/Kind/certificateInvalid`` for a file
    ///   without its password.
    init(_ form: MultipartForm) throws(Refusal) {
        var pairs: [Pair] = []
        for (environment, prefix) in [(SealedCertificate.Environment.development, "dev"), (.production, "pro")] {
            guard let file = form["\(prefix)CertificateFile"], !file.content.isEmpty else { continue }
            guard let password = form["\(prefix)CertificatePassword"], !password.content.isEmpty else {
                throw Refusal(.certificateInvalid)
            }
            guard let text = String(validating: password.content, as: UTF8.self) else {
                throw Refusal(.certificateInvalid)
            }
            pairs.append(Pair(environment: environment, file: file.content, password: text))
        }
        guard !pairs.isEmpty else { throw Refusal(.certificateMissing) }
        self.pairs = pairs
    }

    /// Opens the files with their passwords, away from the event loops: deriving a key takes a while.
    ///
    /// - Throws: ``Refusal/Kind/certificateInvalid`` for what is not PKCS#12 or does not open.
    func certificates() async throws(Refusal) -> [CheckedCertificate] {
        var checked: [CheckedCertificate] = []
        for pair in self.pairs {
            let certificate = try? await NIOThreadPool.singleton.runIfActive { try Self.check(pair) }
            guard let certificate else { throw Refusal(.certificateInvalid) }
            checked.append(certificate)
        }
        return checked
    }

    private static func check(_ pair: Pair) throws -> CheckedCertificate? {
        let bundle = try NIOSSLPKCS12Bundle(buffer: pair.file, passphrase: Array(pair.password.utf8))
        guard let leaf = bundle.certificateChain.first else { return nil }
        return CheckedCertificate(
            environment: pair.environment, file: pair.file, password: pair.password,
            certificate: try leaf.toDERBytes(),
            validFrom: Timestamp(milliseconds: Int64(leaf.notValidBefore) * 1000),
            expiresAt: Timestamp(milliseconds: Int64(leaf.notValidAfter) * 1000))
    }
}
