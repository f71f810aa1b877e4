import ArgumentParser
import NIOCore
import NIOPosix

/// A self-hosted push platform that speaks the JPush REST API v3.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "A self-hosted push platform that speaks the JPush REST API v3.",
        discussion: """
            'apus serve' alone starts a server with an embedded store in ./apus-data.
            'apus app create NAME' makes an app and prints its key and secret, also while a server runs.
            """,
        version: "0.1.0",
        subcommands: [
            Serve.self, AppCommand.self, DeviceCommand.self, SegmentCommand.self, ABTestCommand.self,
            TemplateCommand.self, GroupCommand.self, DeveloperCommand.self, TraceCommand.self, LedgerCommand.self,
            Listen.self, Push.self, BackupCommand.self, DoctorCommand.self, Config.self,
        ])

    static func main() async {
        EventLoops.followProcessors()
        // Before the first task: everything asynchronous then runs on the event loops, without a hop between two pools.
        _ = NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
        await self.main(nil)
    }
}

/// Why a command failed: one line that says what, and what to do. Exit status 1.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
