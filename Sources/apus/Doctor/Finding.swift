import ApusContract

/// What one check of `apus doctor` found.
struct Finding: Equatable, Sendable {
    enum Verdict: String, Comparable, Sendable {
        case ok, warning, problem

        private var rank: Int {
            switch self {
            case .ok: 0
            case .warning: 1
            case .problem: 2
            }
        }

        static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    }

    /// What was looked at, the same in every version: scripts choose by it.
    let check: String
    let verdict: Verdict
    /// What is the case, and where it is not well, what to do. One line.
    let sentence: String

    init(_ check: String, _ verdict: Verdict, _ sentence: String) {
        self.check = check
        self.verdict = verdict
        self.sentence = sentence
    }

    var line: String { "\(self.verdict.rawValue.padded(8)) \(self.check.padded(12)) \(self.sentence)" }

    private var json: String {
        var text = Array(#"{"check":"\#(self.check)","verdict":"\#(self.verdict.rawValue)","sentence":"#.utf8)
        text.appendJSON(string: self.sentence)
        return String(decoding: text + "}".utf8, as: UTF8.self)
    }

    /// One JSON object: the worst verdict, and every finding in order.
    static func json(_ findings: [Finding]) -> String {
        let worst = findings.map(\.verdict).max() ?? .ok
        return #"{"verdict":"\#(worst.rawValue)","checks":[\#(findings.map(\.json).joined(separator: ","))]}"#
    }
}

/// Sizes as people read them.
enum ByteCount {
    static func text(_ bytes: some BinaryInteger) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        let tenths = Int((value * 10).rounded())
        return unit == 0 || tenths >= 100 || tenths % 10 == 0
            ? "\(Int(value.rounded())) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
