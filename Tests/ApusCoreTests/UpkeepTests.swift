import ApusCore
import ApusSQLite
import ApusTesting
import Logging
import Testing

@Suite struct `The upkeep of a node` {
    @Test func `tells the store every second who was seen`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        node.core.presence.opened(device.keyed)
        try await Self.running(node) { pause in
            await pause.end(.seconds(1))
            await node.core.committer.drained()
            let seenAt = try await node.store.device(device.ordinal, of: app.id)?.seenAt
            #expect(seenAt == node.clock.now)
        }
    }

    @Test func `marks those who stay online as seen, well within the ten minutes that this counts for`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        node.core.presence.opened(device.keyed)
        _ = node.core.presence.takeSigns(at: node.clock.now)
        try await Self.running(node) { pause in
            await pause.end(.seconds(300))
            node.clock.advance(seconds: 300)
            await pause.end(.seconds(1))
            await node.core.committer.drained()
            let seenAt = try await node.store.device(device.ordinal, of: app.id)?.seenAt
            #expect(seenAt == node.clock.now)
        }
    }

    @Test func `takes over what operators changed, again and again, though the store fails in between`() async throws {
        let (node, _) = try await `The push service`.node()
        let operators = try await SQLiteStore.open(folder: node.folder.path)
        try await Self.running(node) { pause in
            for letter in "xyz" {
                let key = try #require(AppKey(String(repeating: letter, count: AppKey.length)))
                _ = try await operators.createApp(
                    App(key: key, name: "new", secret: SecretHash(hashing: "s"), createdAt: node.clock.now))
                node.store.failReads(with: .unavailable)
                await pause.end(.milliseconds(500))
                #expect(node.core.directory.app(key) == nil)
                node.store.failReads(with: nil)
                await pause.end(.milliseconds(500))
                #expect(node.core.directory.app(key) != nil)
            }
        }
        await operators.close()
    }

    @Test func `hands out the shares of a timed-speed push as they fall due`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(60, of: app)
        let doorbell = Doorbell(on: node.core.bus)
        _ = try await node.push(Sample.broadcast(#""big_push_duration": 1"#), of: app)
        try await Self.running(node) { pause in
            let before = doorbell.deliveries.count
            node.clock.advance(seconds: 60)
            await pause.end(.milliseconds(200))
            #expect(doorbell.deliveries.count > before)
            #expect(doorbell.deliveries.reduce(into: Set()) { $0.formUnion($1.recipients) }.count == 60)
        }
    }

    @Test func `sweeps every ten minutes what has lost its use`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(1, of: app)
        let message = try await node.push(Sample.broadcast(#""time_to_live": 60"#), of: app)
        node.clock.advance(seconds: Upkeep.retentionSeconds + 61)
        try await Self.running(node) { pause in
            await pause.paused(for: .seconds(600))
            let before = try await node.store.messages([message])
            await pause.end(.seconds(600))
            let after = try await node.store.messages([message])
            #expect(before.count == 1 && after.isEmpty)
        }
    }

    @Test func `neither sweeps nor fires on a node without that role`() async throws {
        let (node, _) = try await `The push service`.node()
        try await Self.running(node, relays: false) { pause in
            for duration in Self.everywhere { await pause.paused(for: duration) }
            #expect(pause.durations == Set(Self.everywhere))
        }
    }

    private static let everywhere: [Duration] = [
        .milliseconds(200), .milliseconds(500), .seconds(1), .seconds(300),
    ]

    /// Runs the upkeep for as long as the body takes; a cancellation ends it.
    private static func running(
        _ node: TestCore, relays: Bool = true, _ body: (ManualPause) async throws -> Void
    ) async throws {
        let pause = ManualPause()
        let upkeep = Upkeep(
            core: node.core, store: node.store, clocks: node.clock.clocks, relays: relays,
            logger: Logger(label: "apus.test") { _ in SwiftLogNoOpLogHandler() }, pause: pause.pause)
        let run = Task { await upkeep.run() }
        defer { run.cancel() }
        try await body(pause)
        run.cancel()
        await run.value
    }
}
