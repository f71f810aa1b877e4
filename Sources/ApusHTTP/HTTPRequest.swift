package import ApusContract
package import NIOCore
package import NIOHTTP1

/// One request as a responder sees it: well-formed and framed, and complete unless its body is one in parts.
///
/// An object, because it is long and passes through many hands.
package final class HTTPRequest: Sendable {
    /// Any token; `.RAW` for a method nobody knows, which is refused as any other that a path does not offer.
    package let method: HTTPMethod
    /// Where it goes, decoded.
    package let target: RequestTarget
    /// As they came, in their order; names match in any case.
    package let headers: HTTPHeaders
    /// What came behind the head.
    package let body: RequestBody
    /// The other end of the TCP connection; nil when the socket could not tell any more.
    package let peer: SocketAddress?
    /// Whether the request came over TLS at this listener.
    package let isSecure: Bool

    package init(
        method: HTTPMethod, target: RequestTarget, headers: HTTPHeaders = [:], body: RequestBody = .whole(ByteBuffer()),
        peer: SocketAddress? = nil, isSecure: Bool = false
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.peer = peer
        self.isSecure = isSecure
    }

    /// The address of ``peer``: 4 or 16 bytes in network order; nil when it has none.
    package var peerBytes: [UInt8]? {
        switch self.peer {
        // Behind family and port, and behind the flow label too: the same on every system that speaks sockets.
        case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
        case .unixDomainSocket, nil: nil
        }
    }

    /// Whether the caller takes `application/json`.
    ///
    /// False only when there is an `Accept` whose most specific match for JSON is missing or has `q=0`.
    package var acceptsJSON: Bool {
        let lines = self.headers["accept"]
        return lines.isEmpty || AcceptedTypes(lines).includesJSON
    }
}

/// The body of a request, or why it was not kept.
///
/// The refusal waits inside until the responder asks for the bytes, because the contract checks path, method,
/// credentials and quota before the body.
package enum RequestBody: Sendable {
    /// All of it; empty when there was none.
    case whole(ByteBuffer)
    /// Over the limit (``Refusal/Kind/tooLarge``), or in a `Content-Encoding` that is not read
    /// (``Refusal/Kind/badValue``).
    case refused(Refusal)
    /// Still to come; only where the responder asked for ``BodyIntake/inParts(max:)``.
    case parts(BodyStream)

    /// Whether it was longer than the responder's limit for it.
    package var isTooLarge: Bool {
        switch self {
        case .whole, .parts: false
        case .refused(let refusal): refusal.kind == .tooLarge
        }
    }

    /// All of a body that comes at once.
    ///
    /// - Throws: the refusal, when the body was not kept.
    package func bytes() throws(Refusal) -> ByteBuffer {
        switch self {
        case .whole(let bytes): bytes
        case .refused(let refusal): throw refusal
        // A route that asked for parts and does not read them.
        case .parts: throw Refusal(.internalFault)
        }
    }
}

/// What the lines of an `Accept` header say about JSON.
struct AcceptedTypes {
    private var isListed = false
    /// The specificity of the best match so far (3 for the type itself, 1 for anything) and whether its weight is above
    /// zero.
    private var best: (specificity: Int, isWanted: Bool) = (0, false)

    init(_ lines: [String]) {
        for line in lines {
            for item in line.split(separator: ",") { self.add(item) }
        }
    }

    /// An `Accept` without one legible entry excludes nothing.
    var includesJSON: Bool { !self.isListed || self.best.isWanted }

    private mutating func add(_ item: Substring) {
        let parts = item.split(separator: ";", omittingEmptySubsequences: false)
        let range = parts[0].trimmed
        guard range == "*" || range.contains("/") else { return }
        self.isListed = true
        let specificity =
            switch range.lowercased() {
            case "application/json": 3
            case "application/*": 2
            case "*/*", "*": 1
            default: 0
            }
        guard specificity > 0 else { return }
        let isWanted = !parts.dropFirst().contains { Self.isZeroWeight($0.trimmed) }
        if specificity > self.best.specificity {
            self.best = (specificity, isWanted)
        } else if specificity == self.best.specificity {
            self.best.isWanted = self.best.isWanted || isWanted
        }
    }

    private static func isZeroWeight(_ parameter: Substring) -> Bool {
        guard let equals = parameter.firstIndex(of: "="), parameter[..<equals].trimmed.lowercased() == "q" else {
            return false
        }
        let weight = parameter[parameter.index(after: equals)...].trimmed
        return weight.first == "0" && weight.allSatisfy { $0 == "0" || $0 == "." }
    }
}

extension Substring {
    /// Without the blanks at both ends.
    var trimmed: Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
