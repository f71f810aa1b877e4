import Foundation
import Glibc

/// The little that the command line reads from files and the environment.
enum Files {
    static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    static var processID: Int32 { ProcessInfo.processInfo.processIdentifier }
}

/// How many connections a process may hold.
enum Descriptors {
    /// What files, the store and the process itself need of them.
    private static let reserved = 256
    private static let apiMax = 1024

    /// How many the operating system gives this process.
    private static var max: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises what this process was given to the most that it may have. What a shell gives is meant for programs that
    /// cannot do with more than 1024; every device is a descriptor.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        // Refused only where the kernel's own bound is lower: then it stays as it is.
        _ = setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
    }

    /// The share of the callers of the API: few, and never crowded out by devices.
    static var forAPI: Int { Self.api(of: Self.max) }

    /// The share of the devices: whatever is left.
    static var forEdge: Int { Self.edge(of: Self.max) }

    /// The share of the callers of so many.
    static func api(of limit: Int) -> Int { min(Swift.max(64, limit / 8), Self.apiMax) }

    /// The share of the devices of so many.
    static func edge(of limit: Int) -> Int { Swift.max(64, limit - Self.api(of: limit) - Self.reserved) }

    /// So many that so many devices find room.
    static func enough(for devices: Int) -> Int { devices + Self.apiMax + Self.reserved }
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
