import ApusContract

/// Takes a `multipart/form-data` body apart as it comes, piece by piece.
///
/// Keeps no more than a delimiter's length of a part's content and a bounded head of its headers, whatever is fed.
/// Tolerates what clients do: a preamble, blanks behind a boundary, an epilogue.
///
/// Source: RFC 2046 §5.1.1, RFC 7578.
struct MultipartParser {
    /// Bytes of one part's headers.
    static let headersMaxBytes = 16_384
    /// Parts of one body.
    static let partsMax = 32

    /// What was met.
    enum Event: Equatable {
        case part(MultipartHeaders)
        /// The next bytes of the part; never empty.
        case content([UInt8])
        case endOfPart
    }

    /// Why a body is not what its boundary promised.
    struct Malformation: Error, Equatable {
        /// What follows "the form is malformed: ".
        let reason: String
    }

    private enum State: Equatable {
        case preamble, afterDelimiter, headers, content, epilogue
    }

    private let delimiter: [UInt8]
    private var state = State.preamble
    private var parts = 0
    /// What cannot be judged yet. Begins with a line end, so that a boundary on the very first line counts as one.
    private var pending: [UInt8] = [0x0D, 0x0A]

    /// - Parameter boundary: as in the content type, without the two hyphens.
    init(boundary: String) { self.delimiter = Array("\r\n--\(boundary)".utf8) }

    /// Takes the next bytes of the body.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws(Malformation) -> [Event] {
        self.pending.append(contentsOf: bytes)
        var events: [Event] = []
        while try self.step(&events) {}
        return events
    }

    /// Says that nothing follows.
    func finish() throws(Malformation) {
        guard self.state == .epilogue else { throw Malformation(reason: "it ends before its last boundary") }
    }

    /// - Returns: false when more bytes are needed, or nothing is left.
    private mutating func step(_ events: inout [Event]) throws(Malformation) -> Bool {
        switch self.state {
        case .preamble:
            guard let start = self.skipToDelimiter() else { return false }
            self.pending.removeFirst(start + self.delimiter.count)
            self.state = .afterDelimiter
            return true
        case .afterDelimiter: return try self.stepAfterDelimiter()
        case .headers: return try self.stepHeaders(&events)
        case .content: return self.stepContent(&events)
        case .epilogue:
            self.pending.removeAll(keepingCapacity: true)
            return false
        }
    }

    private mutating func stepAfterDelimiter() throws(Malformation) -> Bool {
        if self.pending.starts(with: [0x2D, 0x2D]) {
            self.state = .epilogue
            return true
        }
        guard let first = self.pending.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }) else {
            guard self.pending.count <= Self.headersMaxBytes else { throw Malformation(reason: "blanks without end") }
            return false
        }
        // One hyphen, or half a line end: the next byte tells.
        guard self.pending.count >= first + 2 else {
            guard [0x0D, 0x2D].contains(self.pending[first]) else { throw Self.badBoundary }
            return false
        }
        guard self.pending[first...].starts(with: [0x0D, 0x0A]) else { throw Self.badBoundary }
        self.parts += 1
        guard self.parts <= Self.partsMax else { throw Malformation(reason: "more than \(Self.partsMax) parts") }
        // The line end stays: a part without headers has its blank line right here.
        self.pending.removeFirst(first)
        self.state = .headers
        return true
    }

    private mutating func stepHeaders(_ events: inout [Event]) throws(Malformation) -> Bool {
        guard let end = Self.index(of: [0x0D, 0x0A, 0x0D, 0x0A], in: self.pending) else {
            guard self.pending.count <= Self.headersMaxBytes else {
                throw Malformation(reason: "a part has more than \(Self.headersMaxBytes) bytes of headers")
            }
            return false
        }
        guard end <= Self.headersMaxBytes else {
            throw Malformation(reason: "a part has more than \(Self.headersMaxBytes) bytes of headers")
        }
        events.append(.part(MultipartHeaders(lines: self.pending[..<end])))
        // The second line end stays: content may be empty, and then belongs to the delimiter.
        self.pending.removeFirst(end + 4)
        self.state = .content
        return true
    }

    private mutating func stepContent(_ events: inout [Event]) -> Bool {
        guard let start = Self.index(of: self.delimiter, in: self.pending) else {
            let sure = self.pending.count - (self.delimiter.count - 1)
            guard sure > 0 else { return false }
            events.append(.content(Array(self.pending[..<sure])))
            self.pending.removeFirst(sure)
            return false
        }
        if start > 0 { events.append(.content(Array(self.pending[..<start]))) }
        events.append(.endOfPart)
        self.pending.removeFirst(start + self.delimiter.count)
        self.state = .afterDelimiter
        return true
    }

    /// Drops what is before the first delimiter.
    private mutating func skipToDelimiter() -> Int? {
        if let start = Self.index(of: self.delimiter, in: self.pending) { return start }
        self.pending.removeFirst(max(0, self.pending.count - (self.delimiter.count - 1)))
        return nil
    }

    private static var badBoundary: Malformation { Malformation(reason: "a boundary is not followed by a line end") }

    /// Where the pattern begins for the first time.
    private static func index(of pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            pattern.withUnsafeBufferPointer { pattern in
                let (first, last) = (pattern[0], bytes.count - pattern.count)
                var start = 0
                while start <= last {
                    if bytes[start] == first {
                        var length = 1
                        while length < pattern.count, bytes[start + length] == pattern[length] { length += 1 }
                        if length == pattern.count { return start }
                    }
                    start += 1
                }
                return nil
            }
        }
    }
}

/// What a part says about itself.
struct MultipartHeaders: Equatable {
    /// The field's name; nil when the part does not say.
    private(set) var name: String?
    /// As the client calls the file; nil for a plain field.
    private(set) var fileName: String?

    init(name: String?, fileName: String?) {
        self.name = name
        self.fileName = fileName
    }

    /// Reads the header lines. Those that are no headers are passed over, as are all but `Content-Disposition`.
    init(lines: ArraySlice<UInt8>) {
        for line in lines.split(whereSeparator: { $0 == 0x0D || $0 == 0x0A }) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
                String(decoding: line[..<colon], as: UTF8.self).lowercased() == "content-disposition"
            else { continue }
            let value = String(decoding: line[line.index(after: colon)...], as: UTF8.self)
            for (name, value) in HeaderParameters(value).pairs {
                switch name {
                case "name": self.name = value
                case "filename": self.fileName = self.fileName ?? value
                case "filename*": self.fileName = Self.decoded(extended: value) ?? self.fileName
                default: break
                }
            }
        }
    }

    /// `UTF-8''na%C3%AFve.txt` (RFC 8187).
    private static func decoded(extended text: String) -> String? {
        let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        var bytes: [UInt8] = []
        var rest = Array(parts[2].utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// The parameters of a header, as in `form-data; name="a"`.
struct HeaderParameters {
    /// What stands before the first semicolon, in lower case.
    let value: String
    /// Names in lower case, values without their quotes, in order.
    let pairs: [(name: String, value: String)]

    init(_ text: String) {
        let pieces = Self.pieces(of: text)
        self.value = pieces.first.map { Self.trimmed($0).lowercased() } ?? ""
        self.pairs = pieces.dropFirst().compactMap { piece in
            guard let equals = piece.firstIndex(of: "=") else { return nil }
            let value = Self.trimmed(piece[piece.index(after: equals)...])
            return (Self.trimmed(piece[..<equals]).lowercased(), Self.unquoted(value))
        }
    }

    /// The text between semicolons that are not quoted.
    private static func pieces(of text: String) -> [Substring] {
        var pieces: [Substring] = []
        var (isQuoted, isEscaped) = (false, false)
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case _ where isEscaped: isEscaped = false
            case "\\" where isQuoted: isEscaped = true
            case "\"": isQuoted.toggle()
            case ";" where !isQuoted:
                pieces.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return pieces + [text[start...]]
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return text }
        var value = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            // Only a quote and a backslash are escaped: old browsers send whole Windows paths.
            if isEscaped {
                if character != "\"" && character != "\\" { value.append("\\") }
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                value.append(character)
            }
        }
        return value
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return String(start[...last])
    }
}
