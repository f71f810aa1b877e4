import ApusContract
private import Glibc
import NIOHTTP1

/// The head of a connection's last request, and what it said.
///
/// Callers repeat themselves: on a connection that is kept a head is mostly the one before, but for the length of the
/// body, and need not be taken apart again.
struct KnownHead {
    /// Longer ones are not kept: there may be many connections.
    private static let bytesMax = 2048

    private let bytes: [UInt8]
    private let head: RequestHead
    private let framing: RequestFraming
    /// The digits of its `Content-Length`; at the very end where it has none.
    private let digits: Range<Int>
    /// Which of its headers that is.
    private let lengthIndex: Int?

    /// - Parameter bytes: all of the head, the empty line included.
    init?(_ bytes: UnsafeRawBufferPointer, _ head: RequestHead, _ framing: RequestFraming) {
        guard bytes.count <= Self.bytesMax else { return nil }
        self.bytes = Array(bytes)
        self.head = head
        self.framing = framing
        self.lengthIndex = head.headers.enumerated().first { $1.name.isHeader("content-length") }?.offset
        guard let lengthIndex else {
            self.digits = bytes.count..<bytes.count
            return
        }
        // Headers stand one to a line, behind the request line; only blanks are between the colon and the digits.
        let lines = self.bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard let colon = lines[lengthIndex + 1].firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let value = lines[lengthIndex + 1][(colon + 1)...].drop(while: \.isBlank)
        self.digits = value.startIndex..<value.prefix(while: \.isDigit).endIndex
    }

    /// The head at the front of the bytes, if it is this one but for the length of the body.
    ///
    /// - Returns: what it says, and how many bytes it takes.
    func reading(_ input: UnsafeRawBufferPointer) -> (head: RequestHead, framing: RequestFraming, count: Int)? {
        guard let start = input.baseAddress else { return nil }
        return self.bytes.withUnsafeBytes { bytes in
            guard let known = bytes.baseAddress, input.count >= self.digits.lowerBound,
                memcmp(start, known, self.digits.lowerBound) == 0
            else { return nil }
            var end = self.digits.lowerBound
            if self.lengthIndex != nil {
                while end < input.count, input[end].isDigit { end += 1 }
            }
            let rest = bytes.count - self.digits.upperBound
            guard input.count - end >= rest, memcmp(start + end, known + self.digits.upperBound, rest) == 0 else {
                return nil
            }
            let digits = input[self.digits.lowerBound..<end]
            if digits.elementsEqual(bytes[self.digits]) { return (self.head, self.framing, end + rest) }
            return self.with(length: String(decoding: digits, as: UTF8.self)).map { ($0, $1, end + rest) }
        }
    }

    /// The same head with another length.
    private func with(length text: String) -> (RequestHead, RequestFraming)? {
        guard let lengthIndex, let framing = self.framing.with(length: text) else { return nil }
        var fields = Array(self.head.headers)
        fields[lengthIndex].value = text
        var head = self.head
        head.headers = HTTPHeaders(fields.map { ($0.name, $0.value) })
        return (head, framing)
    }
}
