private import Glibc

/// What the lines of a connection's last head said.
///
/// Callers repeat themselves: on a connection that is kept, most lines of a head are those of the one before, at the
/// same place, and need not be taken apart again. Nothing is kept of a connection's only request.
struct KnownHead {
    /// One line, and what it says.
    struct Line<Meaning> {
        private let bytes: [UInt8]
        let meaning: Meaning

        init(_ bytes: UnsafeRawBufferPointer, _ meaning: Meaning) {
            self.bytes = Array(bytes)
            self.meaning = meaning
        }

        /// Whether a line is this one, byte by byte.
        func isSame(as line: UnsafeRawBufferPointer) -> Bool {
            self.bytes.withUnsafeBytes { bytes in
                guard bytes.count == line.count, let here = bytes.baseAddress, let there = line.baseAddress else {
                    return false
                }
                return memcmp(here, there, bytes.count) == 0
            }
        }
    }

    /// Lines and bytes that are kept, for connections of which there may be many.
    private static let (fieldsMax, lineBytesMax) = (16, 256)

    private(set) var target: Line<RequestTarget>?
    private var fields: [Line<(String, String)>] = []

    /// What a header says, if it is at its old place and has not changed.
    func field(at index: Int, _ line: UnsafeRawBufferPointer) -> (String, String)? {
        guard index < self.fields.count, self.fields[index].isSame(as: line) else { return nil }
        return self.fields[index].meaning
    }

    mutating func keep(_ target: RequestTarget, of line: UnsafeRawBufferPointer) {
        self.target = line.count <= Self.lineBytesMax ? Line(line, target) : nil
    }

    /// Keeps a header. One that is too long is not kept, and neither is what follows it.
    mutating func keep(_ field: (String, String), at index: Int, of line: UnsafeRawBufferPointer) {
        guard index <= self.fields.count, index < Self.fieldsMax, line.count <= Self.lineBytesMax else { return }
        if index == self.fields.count {
            self.fields.append(Line(line, field))
        } else {
            self.fields[index] = Line(line, field)
        }
    }
}
