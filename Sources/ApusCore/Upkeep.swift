package import Logging

/// What a node does by itself while it serves: shares of timed-speed pushes, scheduled tasks, signs of life, changes
/// made by operators, retention.
package struct Upkeep: Sendable {
    /// How long a message's counts are kept after its last record: one month.
    package static let retentionSeconds = 30 * 86_400

    private let core: Core
    private let store: any Store
    private let clocks: Clocks
    private let logger: Logger
    private let relays: Bool
    /// Lets a period go by; throws when the task is cancelled meanwhile.
    private let pause: @Sendable (Duration) async throws -> Void

    /// - Parameters:
    ///   - relays: whether it fires schedules and sweeps.
    ///   - pause: lets a period go by, or throws when the task is cancelled.
    package init(
        core: Core, store: any Store, clocks: Clocks, relays: Bool, logger: Logger,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.core = core
        self.store = store
        self.clocks = clocks
        self.relays = relays
        self.logger = logger
        self.pause = pause
    }

    /// Runs until cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.every(.milliseconds(200)) { self.core.book.tick() } }
            group.addTask { await self.every(.milliseconds(500)) { await self.followOperators() } }
            group.addTask { await self.every(.seconds(1)) { self.flushSigns() } }
            // Well within the ten minutes after which a device no longer counts as online.
            group.addTask { await self.every(.seconds(300)) { self.core.presence.markOnlineSeen() } }
            guard self.relays else { return }
            group.addTask { await self.core.scheduleRunner.run() }
            group.addTask { await self.every(.seconds(600)) { await self.sweep() } }
        }
    }

    /// Hands signs of life to the store. Also called once at the end.
    package func flushSigns() {
        for write in self.core.presence.takeSigns(at: self.clocks.now()) where !self.core.committer.commitLater(write) {
            self.logger.warning("the store is too far behind to note which devices were seen")
        }
    }

    private func followOperators() async {
        do {
            try await self.core.followOperators()
        } catch {
            self.logger.error("could not follow changes of apps and devices", metadata: ["error": "\(error)"])
        }
    }

    private func sweep() async {
        do {
            let count = try await self.store.sweep(at: self.clocks.now(), retentionSeconds: Self.retentionSeconds)
            if count > 0 { self.logger.info("swept what had lost its use", metadata: ["rows": "\(count)"]) }
        } catch {
            self.logger.error("the sweep failed", metadata: ["error": "\(error)"])
        }
    }

    private func every(_ period: Duration, _ body: () async -> Void) async {
        while !Task.isCancelled {
            try? await self.pause(period)
            guard !Task.isCancelled else { return }
            await body()
        }
    }
}
