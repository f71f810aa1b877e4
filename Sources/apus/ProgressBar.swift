import Foundation
import Glibc

/// How far a long command has come, on standard error: a bar that moves on a terminal, else a line now and then.
struct ProgressBar {
    private static let width = 30

    private let total: UInt64
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var isShown = false
    private var shownTenth: UInt64 = 0
    private var shownAt: ContinuousClock.Instant?

    /// - Parameter total: what 100 % are; 0 where nobody knows.
    init(total: UInt64) { self.total = total }

    /// Tells how much is done, unless it has just been told.
    mutating func show(_ done: UInt64, _ count: String) {
        let percent = self.total == 0 ? 0 : min(100, done * 100 / self.total)
        guard self.isTerminal else {
            guard percent / 10 > self.shownTenth else { return }
            self.shownTenth = percent / 10
            return Terminal.warn("\(percent) %, \(count)")
        }
        if let shownAt, percent < 100, ContinuousClock.now - shownAt < .milliseconds(100) { return }
        self.shownAt = .now
        self.isShown = true
        let filled = Int(percent) * Self.width / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        FileHandle.standardError.write(Data("\r\u{1B}[K[\(bar)] \(percent) %  \(count)".utf8))
    }

    /// Takes the bar away, so that a line can be written.
    mutating func clear() {
        guard self.isShown else { return }
        self.isShown = false
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }

    /// Leaves the bar as it is and goes to the next line.
    mutating func end() {
        guard self.isShown else { return }
        self.isShown = false
        FileHandle.standardError.write(Data("\n".utf8))
    }
}
