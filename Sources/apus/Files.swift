import Foundation
import Glibc

/// The little that the command line reads from files and the environment.
enum Files {
    static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    static var processID: Int32 { ProcessInfo.processInfo.processIdentifier }
}

/// What goes to the terminal. Results on standard output, everything else on standard error.
enum Terminal {
    /// - Returns: false when nobody reads any more.
    @discardableResult
    static func print(_ line: String) -> Bool { self.write(line, to: STDOUT_FILENO) }

    static func warn(_ line: String) { self.write(line, to: STDERR_FILENO) }

    @discardableResult
    private static func write(_ line: String, to descriptor: Int32) -> Bool {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR else { return false }
                continue
            }
            rest = rest.dropFirst(written)
        }
        return true
    }
}
