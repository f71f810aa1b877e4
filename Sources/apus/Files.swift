import Foundation

/// The little that the command line reads from files and the environment.
enum Files {
    static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    static var processID: Int32 { ProcessInfo.processInfo.processIdentifier }
}

/// What goes to the terminal. Results on standard output, everything else on standard error.
enum Terminal {
    static func print(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }

    static func warn(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
