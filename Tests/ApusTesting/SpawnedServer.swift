private import Foundation
private import Synchronization

/// `apus serve` as a process of its own.
package final class SpawnedServer: Sendable {
    package struct Failed: Error { package let sentence: String }

    package let apiPort: Int
    package let edgePort: Int
    private let process: Mutex<Process>

    private init(apiPort: Int, edgePort: Int, process: sending Process) {
        self.apiPort = apiPort
        self.edgePort = edgePort
        self.process = Mutex(process)
    }

    /// The executable beside the running tests, or what `APUS_BINARY` names.
    package static var executable: String {
        ProcessInfo.processInfo.environment["APUS_BINARY"]
            ?? (Bundle.main.executableURL ?? Bundle.main.bundleURL).deletingLastPathComponent().appending(path: "apus")
            .path
    }

    /// Starts a server and returns when it says that it serves.
    ///
    /// - Parameter arguments: what follows `apus serve --json`.
    package static func start(_ arguments: [String]) async throws -> SpawnedServer {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: self.executable)
        process.arguments = ["serve", "--json", "--log-level", "error"] + arguments
        process.standardOutput = output
        try process.run()
        // One line, written at once when both listeners serve; an early end closes the pipe instead.
        let line = output.fileHandleForReading.availableData
        guard let ready = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
            let api = (ready["api"] as? String).flatMap({ URL(string: $0) })?.port,
            let edge = (ready["edge"] as? String).flatMap({ URL(string: $0) })?.port
        else {
            process.terminate()
            throw Failed(sentence: "no ready line: '\(String(decoding: line, as: UTF8.self))'")
        }
        return SpawnedServer(apiPort: api, edgePort: edge, process: process)
    }

    /// Asks it to stop and waits until it has.
    ///
    /// - Throws: when it did not end with status 0.
    package func stop() async throws {
        let status = self.process.withLock { process in
            process.terminate()
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard status == 0 else { throw Failed(sentence: "ended with status \(status)") }
    }
}
