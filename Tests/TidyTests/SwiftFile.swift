/// A Swift file in two forms, line by line: as it stands, and as code alone.
struct SwiftFile {
    static let all: [SwiftFile] = Repository.shared.files.filter { $0.path.hasSuffix(".swift") }.map(SwiftFile.init)

    let path: String
    let lines: [String]
    /// The same lines with comments and the text of string literals blanked out; interpolations are kept.
    let code: [String]

    init(_ file: TextFile) {
        self.init(path: file.path, text: file.text)
    }

    init(path: String, text: String) {
        self.path = path
        self.lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let code = CodeMask.apply(to: text)
        self.code = code.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The folder below `Sources` or `Tests`.
    var target: String { self.path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    func place(_ line: Int) -> String { "\(self.path):\(line + 1)" }

    /// The lines whose code holds one of the texts.
    func places(of texts: [String]) -> [String] {
        self.code.indices.flatMap { line in
            texts.filter { self.code[line].contains($0) }.map { "\(self.place(line)): \($0)" }
        }
    }
}

/// Blanks out what is no code.
///
/// Knows line and block comments (nested), string literals of one and of many lines, raw ones, and interpolations.
/// Regex literals are read as code, which is right as long as they hold no quotes.
enum CodeMask {
    private enum Frame {
        case code
        /// Inside `\(…)`, with the parentheses that are open in it.
        case interpolation(depth: Int)
        case string(quotes: Int, hashes: Int)
    }

    static func apply(to text: String) -> String {
        var mask = Scanner(Array(text.utf8))
        return mask.run()
    }

    private struct Scanner {
        private let bytes: [UInt8]
        private var masked: [UInt8] = []
        private var position = 0
        private var frames: [Frame] = [.code]

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            self.masked.reserveCapacity(bytes.count)
        }

        mutating func run() -> String {
            while self.position < self.bytes.count {
                switch self.frames[self.frames.count - 1] {
                case .string(let quotes, let hashes): self.stepInString(quotes, hashes)
                case .interpolation(let depth): self.stepInInterpolation(depth)
                case .code: self.stepInCode()
                }
            }
            return String(decoding: self.masked, as: UTF8.self)
        }

        private func at(_ text: StaticString, _ offset: Int = 0) -> Bool {
            let expected = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            let start = self.position + offset
            return start + expected.count <= self.bytes.count
                && self.bytes[start..<(start + expected.count)].elementsEqual(expected)
        }

        private mutating func keep(_ count: Int = 1) {
            self.masked += self.bytes[self.position..<(self.position + count)]
            self.position += count
        }

        /// Puts blanks in place of bytes; line ends stay.
        private mutating func blank(_ count: Int = 1) {
            for byte in self.bytes[self.position..<min(self.position + count, self.bytes.count)] {
                self.masked.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
            }
            self.position = min(self.position + count, self.bytes.count)
        }

        private mutating func stepInCode() {
            if self.at("//") {
                while self.position < self.bytes.count, !self.at("\n") { self.blank() }
            } else if self.at("/*") {
                self.blankBlockComment()
            } else if !self.opensString() {
                self.keep()
            }
        }

        private mutating func stepInInterpolation(_ depth: Int) {
            if self.at("(") {
                self.frames[self.frames.count - 1] = .interpolation(depth: depth + 1)
                self.keep()
            } else if self.at(")") {
                if depth == 0 {
                    self.frames.removeLast()
                    self.blank()
                } else {
                    self.frames[self.frames.count - 1] = .interpolation(depth: depth - 1)
                    self.keep()
                }
            } else if !self.opensString() {
                self.keep()
            }
        }

        /// - Returns: whether a string literal begins here; it is then entered.
        private mutating func opensString() -> Bool {
            var hashes = 0
            while self.at("#", hashes) { hashes += 1 }
            guard self.at("\"", hashes) else { return false }
            let quotes = self.at("\"\"\"", hashes) ? 3 : 1
            self.keep(hashes + quotes)
            self.frames.append(.string(quotes: quotes, hashes: hashes))
            return true
        }

        private mutating func stepInString(_ quotes: Int, _ hashes: Int) {
            if self.isHashed("\\", hashes) {
                if self.at("(", 1 + hashes) {
                    self.blank(2 + hashes)
                    self.frames.append(.interpolation(depth: 0))
                } else {
                    self.blank(2 + hashes)
                }
            } else if self.closes(quotes, hashes) {
                self.keep(quotes + hashes)
                self.frames.removeLast()
            } else {
                self.blank()
            }
        }

        private func isHashed(_ text: StaticString, _ hashes: Int) -> Bool {
            self.at(text) && (0..<hashes).allSatisfy { self.at("#", text.utf8CodeUnitCount + $0) }
        }

        private func closes(_ quotes: Int, _ hashes: Int) -> Bool {
            self.isHashed(quotes == 3 ? "\"\"\"" : "\"", hashes)
        }

        private mutating func blankBlockComment() {
            var depth = 0
            repeat {
                if self.at("/*") {
                    depth += 1
                    self.blank(2)
                } else if self.at("*/") {
                    depth -= 1
                    self.blank(2)
                } else {
                    self.blank()
                }
            } while depth > 0 && self.position < self.bytes.count
        }
    }
}
