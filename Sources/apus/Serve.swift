import ApusContract
import ArgumentParser
import Logging
import NIOCore
import UnixSignals

/// `apus serve`: one node.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a server until SIGTERM or SIGINT.",
        discussion: """
            Every option can also be set as an environment variable (APUS_API for --api) or in the settings file.
            A first SIGTERM or SIGINT lets the server finish what it accepted; a second one ends it at once.
            """)

    @OptionGroup var options: SettingsOptions
    @Flag(help: "Print one JSON line with the addresses once both listeners serve.")
    var json = false

    func run() async throws {
        let resolved = try self.options.resolved()
        let settings = try Settings(resolved)
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "apus")
        logger.logLevel = settings.logLevel
        for name in resolved.unknownVariables {
            logger.warning("an environment variable looks like a setting and is none", metadata: ["name": "\(name)"])
        }
        // Caught before anything starts, so that a stop during the start is a stop too.
        var signals = await UnixSignalsSequence(trapping: .sigterm, .sigint).makeAsyncIterator()
        let node = try await Node.start(settings, logger: logger)
        if self.json { Terminal.print(node.readyLine) }
        _ = await signals.next()
        let second = Task {
            guard await signals.next() != nil, !Task.isCancelled else { return }
            logger.warning("a second signal: ending at once")
            Exit.now(status: 1)
        }
        await node.stop(within: .seconds(Int64(settings.drainSeconds)))
        second.cancel()
    }
}
