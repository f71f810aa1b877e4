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
        Descriptors.raise()
        // Caught before anything starts, so that a stop during the start is a stop too.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (stops, stopped) = AsyncStream.makeStream(of: Void.self)
        let watch = Task { [logger] in
            var count = 0
            for await _ in signals {
                count += 1
                guard count > 1 else {
                    stopped.yield()
                    continue
                }
                logger.warning("a second signal: ending at once")
                Exit.now(status: 1)
            }
        }
        defer { watch.cancel() }
        let node = try await Node.start(settings, logger: logger)
        if self.json { Terminal.print(node.readyLine) }
        var stop = stops.makeAsyncIterator()
        _ = await stop.next()
        let limit = Task { [logger] in
            try await Task.sleep(for: .seconds(settings.drainSeconds))
            logger.error("the stop took too long: ending without the rest; what was answered with 200 is durable")
            Exit.now(status: 1)
        }
        await node.stop(within: .seconds(Int64(settings.drainSeconds)))
        limit.cancel()
    }
}
