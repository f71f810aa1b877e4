import ApusContract

/// Where a request goes: the path in segments and the query in pairs, both decoded once.
///
/// - Path: runs of `/` count as one, one at the end counts for nothing, each segment is percent-decoded as UTF-8, `+`
///   is a plus. The absolute form (`http://host/path`) is read as its path.
/// - Query: percent-decoded as UTF-8, `+` and a raw space are spaces (one official client sends dates unencoded).
/// - Source: contract, path matching rules that official clients need.
package struct RequestTarget: Sendable, Equatable {
    /// The decoded segments of the path; a segment may hold any text but NUL, `/` included when it came encoded.
    package let segments: [String]
    /// What stands behind the first `?`.
    package let query: Query
    /// Why the target is not legal, as a sentence; its undecodable segments are then kept as they came. The gate
    /// refuses such requests, so responders always see nil.
    package let malformation: String?
    /// Whether the target is `*`, which addresses the server and no path of it.
    let isAsterisk: Bool

    /// Parses the text of a request line between the method and the version.
    package init(_ text: String) {
        var text = text
        self = text.withUTF8 { Self(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Parses the bytes of a request line between the method and the version.
    init(bytes: UnsafeRawBufferPointer) {
        self.isAsterisk = bytes.count == 1 && bytes.first == UInt8(ascii: "*")
        var malformation: String?
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            malformation = "The request target holds control characters"
        }
        guard let start = Self.pathStart(bytes) else {
            self.segments = []
            self.query = Query()
            self.malformation = malformation ?? "The request target must start with /"
            return
        }
        let rest = bytes[start...]
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        var segments: [String] = []
        for piece in rest[..<(mark ?? rest.endIndex)].split(separator: UInt8(ascii: "/")) {
            if let segment = Self.decode(piece, plusIsSpace: false), !piece.contains(UInt8(ascii: " ")) {
                segments.append(segment)
            } else {
                segments.append(String(decoding: piece, as: UTF8.self))
                malformation = malformation ?? "The path is not percent-encoded UTF-8"
            }
        }
        self.segments = segments
        if let mark {
            let query = Query(bytes: rest[rest.index(after: mark)...])
            self.query = query ?? Query()
            self.malformation = malformation ?? (query == nil ? "The query is not percent-encoded UTF-8" : nil)
        } else {
            self.query = Query()
            self.malformation = malformation
        }
    }

    /// The target of a request whose line could not be read: no segments.
    static let unreadable = RequestTarget(unreadable: ())

    private init(unreadable: Void) {
        self.segments = []
        self.query = Query()
        self.malformation = "The request line is not legal"
        self.isAsterisk = false
    }

    /// Where the path begins: at the front, or after the authority of an absolute form; nil for other forms.
    private static func pathStart(_ bytes: UnsafeRawBufferPointer) -> Int? {
        if bytes.first == UInt8(ascii: "/") { return 0 }
        for scheme in ["http://", "https://"] where bytes.count >= scheme.utf8.count {
            guard zip(bytes, scheme.utf8).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else { continue }
            let authority = bytes[scheme.utf8.count...]
            let end = authority.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? bytes.endIndex
            return end == authority.startIndex ? nil : end
        }
        return nil
    }

    /// - Returns: nil for broken percent-encoding, for what is not UTF-8, and for NUL.
    fileprivate static func decode(_ bytes: Slice<UnsafeRawBufferPointer>, plusIsSpace: Bool) -> String? {
        let needsWork = bytes.contains { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }
        guard needsWork else { return String(checked: UnsafeRawBufferPointer(rebasing: bytes)) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var position = bytes.startIndex
        while position < bytes.endIndex {
            switch bytes[position] {
            case UInt8(ascii: "%"):
                guard position + 2 < bytes.endIndex, let high = bytes[position + 1].hexDigit,
                    let low = bytes[position + 2].hexDigit, high | low != 0
                else { return nil }
                decoded.append(high << 4 | low)
                position += 3
            case UInt8(ascii: "+") where plusIsSpace:
                decoded.append(UInt8(ascii: " "))
                position += 1
            case let byte:
                decoded.append(byte)
                position += 1
            }
        }
        return String(checked: decoded[...])
    }
}

extension RequestTarget {
    /// The pairs of a query, in the order in which they came.
    package struct Query: Sendable, Equatable {
        /// One `name=value`, decoded; the value is empty when there was none.
        package struct Pair: Sendable, Equatable {
            /// Never what separates it; empty for `=value`.
            package let name: String
            /// Empty where there was none.
            package let value: String
        }

        /// Every pair, repeated names included.
        package let pairs: [Pair]

        init() { self.pairs = [] }

        /// - Returns: nil when a name or a value does not decode.
        fileprivate init?(bytes: Slice<UnsafeRawBufferPointer>) {
            var pairs: [Pair] = []
            for piece in bytes.split(separator: UInt8(ascii: "&")) {
                let equals = piece.firstIndex(of: UInt8(ascii: "="))
                let value = equals.map { piece[piece.index(after: $0)...] } ?? piece[piece.endIndex...]
                guard let name = RequestTarget.decode(piece[..<(equals ?? piece.endIndex)], plusIsSpace: true),
                    let value = RequestTarget.decode(value, plusIsSpace: true)
                else { return nil }
                pairs.append(Pair(name: name, value: value))
            }
            self.pairs = pairs
        }

        /// The value of a parameter; the last one where the name comes more than once.
        ///
        /// - Returns: nil when it is missing, empty or without `=`: official clients send all three for "not given".
        package subscript(name: String) -> String? {
            guard let pair = self.pairs.last(where: { $0.name == name }), !pair.value.isEmpty else { return nil }
            return pair.value
        }
    }
}

extension UInt8 {
    /// The value of an ASCII hexadecimal digit.
    var hexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
