package import ApusCore
private import ApusSQLite
private import Logging

/// The domain of a node over a real store in a folder of its own, under a clock that a test moves.
package final class TestCore: Sendable {
    package let folder: TemporaryFolder
    package let clock: StoppedClock
    package let store: FaultyStore
    package let core: Core
    private let limits: Limits

    private init(folder: TemporaryFolder, clock: StoppedClock, store: FaultyStore, core: Core, limits: Limits) {
        self.folder = folder
        self.clock = clock
        self.store = store
        self.core = core
        self.limits = limits
    }

    /// Opens the store of a folder and builds the services over it.
    ///
    /// - Parameter limits: the server's.
    package static func open(
        in folder: TemporaryFolder? = nil, clock: StoppedClock = StoppedClock(), limits: Limits = Limits()
    ) async throws -> TestCore {
        let folder = try folder ?? TemporaryFolder()
        let store = FaultyStore(over: try await SQLiteStore.open(folder: folder.path))
        let core = try await Core(store: store, limits: limits, clocks: clock.clocks, logger: Self.logger)
        return TestCore(folder: folder, clock: clock, store: store, core: core, limits: limits)
    }

    /// Stops, and starts again over the same folder, as a node that is told to stop does.
    package func restarted() async throws -> TestCore {
        await self.core.committer.drained()
        await self.store.close()
        return try await TestCore.open(in: self.folder, clock: self.clock, limits: self.limits)
    }

    /// Another node over a copy of the folder's files as they are now: what a loss of power would leave.
    package func copied() async throws -> TestCore {
        let copy = try TemporaryFolder()
        try self.folder.copyFiles(to: copy)
        return try await TestCore.open(in: copy, clock: self.clock, limits: self.limits)
    }

    /// Another book over the same store, whose commits it does not hear of.
    ///
    /// - Parameter last: the greatest message number that it knows of.
    package func book(last: MessageID) -> DeliveryBook {
        DeliveryBook(store: self.store, bus: LocalBus(), clocks: self.clock.clocks, last: last, logger: Self.logger)
    }

    private static var logger: Logger { Logger(label: "apus.test") { _ in SwiftLogNoOpLogHandler() } }

    /// Creates an app; its secret is ``secret``.
    ///
    /// - Parameter limits: its own, over the server's.
    package func createApp(_ letter: Character = "a", limits: Limits = Limits()) async throws -> App {
        guard let key = AppKey(String(repeating: letter, count: AppKey.length)) else { throw NoSuchKey() }
        var app = App(
            key: key, name: "app \(letter)", secret: SecretHash(hashing: Self.secret), createdAt: self.clock.now)
        app.limits = limits
        app = try await self.store.createApp(app)
        try await self.core.reloadApps()
        return app
    }

    /// The secret of every app that ``createApp(_:limits:)`` makes.
    package static let secret = "0123456789abcdef01234567"

    private struct NoSuchKey: Error {}
}
