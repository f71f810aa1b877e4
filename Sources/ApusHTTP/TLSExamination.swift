import NIOCore
import NIOSSL

/// What clients will find of a certificate chain: for an operator who asks whether they will accept it.
package struct TLSExamination: Equatable, Sendable {
    /// Seconds since 1970: from when on every certificate of the chain is valid.
    package var validFrom: Int64
    /// Seconds since 1970: the end of the one that ends first.
    package var validUntil: Int64
    /// Whether each certificate was issued by the one behind it.
    package var isInOrder: Bool
    /// Whether the first certificate was issued by itself: clients must have been told to trust it.
    package var isSelfSigned: Bool
    /// The host names and addresses that the first certificate is for.
    package var names: [String]

    package init(validFrom: Int64, validUntil: Int64, isInOrder: Bool, isSelfSigned: Bool, names: [String]) {
        self.validFrom = validFrom
        self.validUntil = validUntil
        self.isInOrder = isInOrder
        self.isSelfSigned = isSelfSigned
        self.names = names
    }
}

extension TLSFiles {
    /// Reads both files as a listener does, and looks at the chain.
    ///
    /// - Throws: what a listener would be refused with.
    package func examine() throws(ListenError) -> TLSExamination {
        _ = try HTTPListener.context(self, http2: true)
        let chain = (try? NIOSSLCertificate.fromPEMFile(self.certificatePath)) ?? []
        let parties = chain.map { (try? $0.toDERBytes()).flatMap(CertificateParties.init) }
        let isInOrder = zip(parties, parties.dropFirst()).allSatisfy { child, parent in
            guard let child, let parent else { return false }
            return child.issuer == parent.subject
        }
        return TLSExamination(
            validFrom: chain.map { Int64($0.notValidBefore) }.max() ?? 0,
            validUntil: chain.map { Int64($0.notValidAfter) }.min() ?? 0, isInOrder: isInOrder,
            isSelfSigned: parties.first.flatMap { $0.map { $0.issuer == $0.subject } } ?? false,
            names: chain.first.map(Self.names) ?? [])
    }

    private static func names(of certificate: NIOSSLCertificate) -> [String] {
        certificate._subjectAlternativeNames().compactMap { name in
            switch name.nameType {
            case .dnsName: String(decoding: name.contents, as: UTF8.self)
            case .ipAddress:
                try? SocketAddress(packedIPAddress: ByteBuffer(bytes: Array(name.contents)), port: 0).ipAddress
            default: nil
            }
        }
    }
}

/// Who issued a certificate, and for whom: two names, compared byte by byte, as they stand in its DER.
struct CertificateParties: Equatable {
    let issuer: [UInt8]
    let subject: [UInt8]

    /// - Returns: nil when the bytes have not the shape of an X.509 certificate.
    init?(_ der: [UInt8]) {
        // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version?, serial, signature, issuer, validity,
        // subject, … }, … }
        var whole = DERElements(der[...])
        guard let certificate = whole.next() else { return nil }
        var outer = DERElements(certificate.content)
        guard let toBeSigned = outer.next() else { return nil }
        var fields = DERElements(toBeSigned.content)
        guard var field = fields.next() else { return nil }
        if field.tag == 0xA0 {
            guard let serial = fields.next() else { return nil }
            field = serial
        }
        guard field.tag == 0x02, fields.next() != nil, let issuer = fields.next(), fields.next() != nil,
            let subject = fields.next()
        else { return nil }
        self.issuer = Array(issuer.content)
        self.subject = Array(subject.content)
    }
}

/// The elements of a DER sequence, one after the other; ends at the first that is malformed.
private struct DERElements {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.rest = bytes }

    mutating func next() -> (tag: UInt8, content: ArraySlice<UInt8>)? {
        guard let tag = self.rest.popFirst(), let first = self.rest.popFirst() else { return nil }
        var count = Int(first)
        if first >= 0x80 {
            // The long form: so many bytes of length follow. Four reach far beyond any certificate.
            guard (0x81...0x84).contains(first), self.rest.count >= Int(first & 0x7F) else { return nil }
            count = self.rest.prefix(Int(first & 0x7F)).reduce(0) { $0 << 8 | Int($1) }
            self.rest = self.rest.dropFirst(Int(first & 0x7F))
        }
        guard self.rest.count >= count else { return nil }
        defer { self.rest = self.rest.dropFirst(count) }
        return (tag, self.rest.prefix(count))
    }
}
