/// How much work a PKCS#12 file asks for before it opens.
///
/// Source: RFC 7292 §4 (`MacData`) and Appendix C, RFC 8018 Appendix A.2: wherever a count of iterations stands, it is
/// an integer right behind an octet string, the salt.
struct KeyDerivation {
    /// The most iterations that are done for anybody. Tools write 1 to 100 000.
    static let iterationsMax = 1_000_000
    /// Elements within elements.
    private static let depthMax = 24

    private let bytes: [UInt8]
    private var most = 0

    /// The largest count that the file states where it can be read without its password; 0 for what is no file.
    static func iterations(in file: [UInt8]) -> Int {
        var scan = Self(bytes: file)
        _ = scan.walk(0..<file.count, depth: 0)
        return scan.most
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Goes through the elements of a range.
    ///
    /// - Returns: where they end: before the end of the range only at the mark that closes an indefinite length. Nil
    ///   when they are no elements.
    private mutating func walk(_ range: Range<Int>, depth: Int) -> Int? {
        guard depth <= Self.depthMax else { return nil }
        var (position, before) = (range.lowerBound, UInt8(0))
        while position < range.upperBound {
            guard position + 1 < range.upperBound else { return nil }
            let (tag, first) = (self.bytes[position], self.bytes[position + 1])
            if tag == 0, first == 0 { return position + 2 }
            guard let start = self.contentStart(position + 1, range.upperBound) else { return nil }
            if first == 0x80 {
                guard let end = self.walk(start.index..<range.upperBound, depth: depth + 1) else { return nil }
                position = end
            } else {
                let content = start.index..<(start.index + start.length)
                if tag == 0x02, before == 0x04 { self.most = max(self.most, self.integer(content)) }
                // Octet strings hold elements too; those that do not are passed over.
                if tag & 0x20 != 0 || tag == 0x04 { _ = self.walk(content, depth: depth + 1) }
                position = content.upperBound
            }
            before = tag
        }
        return position
    }

    /// Reads a length: where the content begins, and its size; of an indefinite length 0.
    private func contentStart(_ position: Int, _ end: Int) -> (index: Int, length: Int)? {
        let first = Int(self.bytes[position])
        guard first > 0x80 else {
            let length = first & 0x7F
            return position + 1 + length <= end ? (position + 1, length) : nil
        }
        let count = first & 0x7F
        guard count <= 4, position + 1 + count <= end else { return nil }
        let length = self.bytes[(position + 1)..<(position + 1 + count)].reduce(0) { $0 << 8 | Int($1) }
        return position + 1 + count + length <= end ? (position + 1 + count, length) : nil
    }

    /// A count; one of more than four bytes is larger than any that is done.
    private func integer(_ content: Range<Int>) -> Int {
        let digits = self.bytes[content].drop { $0 == 0 }
        return digits.count <= 4 ? digits.reduce(0) { $0 << 8 | Int($1) } : .max
    }
}
