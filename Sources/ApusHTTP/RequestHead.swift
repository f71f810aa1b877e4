import ApusContract
import NIOHTTP1

/// The first part of a request: its line and its headers.
struct RequestHead: Sendable {
    var method: HTTPMethod
    var target: RequestTarget
    var version: HTTPVersion
    var headers: HTTPHeaders
}

/// Why a request is not one that HTTP allows: the sentence of its 400.
struct Malformation: Error, Equatable {
    let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}

/// What the headers say about the message itself, read in one pass.
///
/// Stricter than HTTP asks where two readers could disagree about the end of a request: a length that comes twice, both
/// framings at once, and any coding but `chunked` are refused.
struct RequestFraming: Equatable {
    enum Body: Equatable {
        case none
        /// Exactly that many bytes, never 0.
        case length(Int)
        case chunked
    }

    private(set) var body: Body = .none
    private(set) var keepsAlive: Bool
    /// Whether the client waits for `100 Continue`; other expectations are ignored.
    private(set) var expectsContinue = false
    /// Whether the client lets the connection change its protocol, as the headers `Connection` and `Upgrade` together
    /// say.
    private(set) var offersUpgrade = false
    /// The coding of the body, when it is another than `identity`.
    private(set) var contentEncoding: String?

    private var hosts = 0
    private var lengths = 0
    private var transferEncodings = 0
    private var hasConnectionUpgrade = false
    private var hasClose = false
    private var hasUpgrade = false

    /// Reads the headers of an HTTP/1 request.
    init(_ head: RequestHead) throws(Malformation) {
        let isOld = head.version.minor == 0
        self.keepsAlive = !isOld
        for (name, value) in head.headers { try self.read(name, value) }
        self.offersUpgrade = !isOld && self.hasConnectionUpgrade && self.hasUpgrade
        self.expectsContinue = self.expectsContinue && !isOld
        if self.hosts > 1 { throw Malformation("The Host header comes more than once") }
        if self.hosts == 0 && !isOld { throw Malformation("The Host header is required") }
        if self.transferEncodings > 0 {
            if isOld { throw Malformation("Transfer-Encoding is not part of HTTP/1.0") }
            if self.lengths > 0 { throw Malformation("Content-Length and Transfer-Encoding exclude each other") }
            if self.transferEncodings > 1 { throw Malformation("Transfer-Encoding comes more than once") }
            self.body = .chunked
        }
    }

    /// Reads the headers of an HTTP/2 request, whose framing the layer below has checked.
    init(stream headers: HTTPHeaders) {
        self.keepsAlive = true
        for (name, value) in headers {
            if name.isHeader("content-length"), let body = Self.body(length: value) {
                self.body = body
            } else if name.isHeader("transfer-encoding") {
                // HTTP/2 has no such header: the layer below says by it that a body of unknown length follows.
                self.body = .chunked
            } else if name.isHeader("expect") {
                self.expectsContinue = value.lowercased() == "100-continue"
            } else if name.isHeader("content-encoding") {
                self.contentEncoding = Self.encoding(value)
            }
        }
    }

    private mutating func read(_ name: String, _ value: String) throws(Malformation) {
        // The length of the name sorts out nearly every header before a single letter is compared.
        switch name.utf8.count {
        case 4 where name.isHeader("host"): self.hosts += 1
        case 6 where name.isHeader("expect"): self.expectsContinue = value.lowercased() == "100-continue"
        case 7 where name.isHeader("upgrade"): self.hasUpgrade = true
        case 10 where name.isHeader("connection"): self.readConnection(value)
        case 14 where name.isHeader("content-length"):
            self.lengths += 1
            guard self.lengths == 1 else { throw Malformation("Content-Length comes more than once") }
            guard let body = Self.body(length: value) else { throw Malformation("Content-Length is not a number") }
            self.body = body
        case 16 where name.isHeader("content-encoding"):
            self.contentEncoding = Self.encoding(value) ?? self.contentEncoding
        case 17 where name.isHeader("transfer-encoding"):
            self.transferEncodings += 1
            guard value.lowercased() == "chunked" else { throw Malformation("Transfer-Encoding must be chunked") }
        default: break
        }
    }

    private mutating func readConnection(_ value: String) {
        for option in value.split(separator: ",") {
            switch option.trimmed.lowercased() {
            case "close":
                self.keepsAlive = false
                self.hasClose = true
            // An option of HTTP/1.0; the default of 1.1, where a close beside it still wins.
            case "keep-alive": self.keepsAlive = self.keepsAlive || !self.hasClose
            case "upgrade": self.hasConnectionUpgrade = true
            default: break
            }
        }
    }

    /// The same with another `Content-Length`; nil when that is not legal.
    func with(length value: String) -> RequestFraming? {
        guard let body = Self.body(length: value) else { return nil }
        var framing = self
        framing.body = body
        return framing
    }

    /// One to eighteen digits: no sign, no list, nothing that overflows.
    private static func body(length value: String) -> Body? {
        guard (1...18).contains(value.utf8.count) else { return nil }
        var length = 0
        for byte in value.utf8 {
            guard byte.isDigit else { return nil }
            length = length * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return length == 0 ? .some(.none) : .length(length)
    }

    private static func encoding(_ value: String) -> String? {
        let coding = value.lowercased()
        return coding.isEmpty || coding == "identity" ? nil : coding
    }
}

extension String {
    /// Whether this is that header's name, in whatever case.
    ///
    /// - Parameter name: in lower case, letters and hyphens only.
    func isHeader(_ name: StaticString) -> Bool {
        guard self.utf8.count == name.utf8CodeUnitCount else { return false }
        let expected = name.utf8Start
        var text = self
        // A hyphen has the bit of lower case already, and no other token character becomes one by it but CR, never in a
        // name.
        return text.withUTF8 { text in
            for index in text.indices where text[index] | 0x20 != expected[index] { return false }
            return true
        }
    }
}

extension UInt8 {
    /// Whether the byte may stand in a token, as a method or a header's name (RFC 9110).
    var isTokenCharacter: Bool {
        // One bit for each of the 128 of ASCII.
        let mask: UInt64 = self < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return self < 128 && mask >> UInt64(self & 63) & 1 == 1
    }

    /// Whether the byte may not stand in a header's value: a control character other than the tab.
    var isControl: Bool { (self < 0x20 && self != 0x09) || self == 0x7F }

    var isBlank: Bool { self == 0x20 || self == 0x09 }
}
