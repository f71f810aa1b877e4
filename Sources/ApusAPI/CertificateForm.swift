import ApusCore
import ApusHTTP
import NIOPosix
import NIOSSL

/// The certificates in a form: a file and its password, for either service or for both.
///
/// Held in memory until they are sealed: a key and its password never lie open on the disk.
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

    private static let prefixes = [(SealedCertificate.Environment.development, "dev"), (.production, "pro")]

    /// Reads the form.
    ///
    /// - Throws: ``Refusal/Kind/certificateMissing`` without any file, ``Refusal/Kind/certificateInvalid`` for a file
    ///   without its password.
    init(_ request: HTTPRequest) async throws(Refusal) {
        let fields = try await Self.fields(of: request)
        var pairs: [Pair] = []
        for (environment, prefix) in Self.prefixes {
            guard let file = fields["\(prefix)CertificateFile"], !file.isEmpty else { continue }
            guard let password = fields["\(prefix)CertificatePassword"], !password.isEmpty,
                let text = String(validating: password, as: UTF8.self)
            else { throw Refusal(.certificateInvalid) }
            pairs.append(Pair(environment: environment, file: file, password: text))
        }
        guard !pairs.isEmpty else { throw Refusal(.certificateMissing) }
        self.pairs = pairs
    }

    /// What the four fields hold; of fields with one name the first counts.
    private static func fields(of request: HTTPRequest) async throws(Refusal) -> [String: [UInt8]] {
        var form = try FormReader(request, partMaxBytes: Self.fileMaxBytes)
        var fields: [String: [UInt8]] = [:]
        while let part = try await form.nextPart() {
            guard let name = part.name, fields[name] == nil else { continue }
            if Self.prefixes.contains(where: { name == $0.1 + "CertificateFile" }) {
                fields[name] = try await form.content(max: Self.fileMaxBytes)
            } else if Self.prefixes.contains(where: { name == $0.1 + "CertificatePassword" }) {
                fields[name] = try await form.content(max: FormReader.fieldMaxBytes)
            }
        }
        return fields
    }

    /// One thread for all: a file says itself how long it takes, also in parts that cannot be read before. Who comes
    /// meanwhile waits; `uploads_running` bounds how many.
    private static let opener: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        return pool
    }()

    /// Opens the files with their passwords, away from the event loops: deriving a key takes a while.
    ///
    /// - Throws: ``Refusal/Kind/certificateInvalid`` for what is not PKCS#12, does not open or would take too long.
    func certificates() async throws(Refusal) -> [CheckedCertificate] {
        guard self.pairs.allSatisfy({ KeyDerivation.iterations(in: $0.file) <= KeyDerivation.iterationsMax }) else {
            throw Refusal(.certificateInvalid)
        }
        var checked: [CheckedCertificate] = []
        for pair in self.pairs {
            let certificate = try? await Self.opener.runIfActive { try Self.check(pair) }
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
