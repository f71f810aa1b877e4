import ApusTesting
import Foundation
import Testing

@testable import ApusHTTP

@Suite struct `The examination of a certificate` {
    private let folder: TemporaryFolder

    init() throws { self.folder = try TemporaryFolder() }

    @Test func `finds its names and its end`() throws {
        let chain = try TestTLS.files(in: self.folder).examine()
        #expect(!chain.names.isEmpty)
        #expect(chain.isSelfSigned && chain.isInOrder)
        #expect(chain.validFrom < chain.validUntil)
    }

    @Test func `says what a listener would say of files that are not there`() throws {
        let files = TLSFiles(
            certificatePath: self.folder.path(of: "none.pem"), keyPath: self.folder.path(of: "key.pem"))
        let error = #expect(throws: ListenError.self) { try files.examine() }
        #expect(error?.sentence.contains("none.pem") == true)
    }

    /// The least that has the shape: `SEQUENCE { SEQUENCE { [0] {…}, INTEGER, SEQUENCE, issuer, validity, subject } }`.
    private static let small: [UInt8] = [
        0x30, 0x15, 0x30, 0x13, 0xA0, 0x01, 0x02, 0x02, 0x01, 0x07, 0x30, 0x00, 0x30, 0x02, 0x31, 0x41, 0x30, 0x00,
        0x30, 0x03, 0x31, 0x42, 0x43,
    ]

    @Test func `reads issuer and subject, with a version and without`() throws {
        let parties = try #require(CertificateParties(Self.small))
        #expect(parties.issuer == [0x31, 0x41] && parties.subject == [0x31, 0x42, 0x43])
        let old: [UInt8] = [0x30, 0x12, 0x30, 0x10] + Self.small[7...]
        #expect(CertificateParties(old) == parties)
    }

    @Test func `takes nothing that is cut off anywhere`() {
        for count in Self.small.indices { #expect(CertificateParties(Array(Self.small.prefix(count))) == nil) }
        #expect(CertificateParties([0x30, 0x85, 1, 1, 1, 1, 1]) == nil)
        #expect(CertificateParties([0x30, 0x80, 0, 0]) == nil)
    }
}
