import ApusCore
import ApusTesting
import Testing

@Suite struct `Broadcasts of a day` {
    @Test func `are counted from midnight in UTC+8`() async throws {
        let (node, app) = try await Self.node(limit: 2)
        let midnight = Timestamp(milliseconds: 1_705_334_400_000)
        node.clock.set(midnight.adding(seconds: -10))
        for _ in 0..<2 { _ = try await node.push(Sample.broadcast(), of: app) }
        node.clock.set(Timestamp(milliseconds: midnight.milliseconds - 1))
        let refusal = try await Self.expectLimit(in: node, app)
        #expect(refusal?.retryAfterSeconds == 1)
        node.clock.set(midnight)
        for _ in 0..<2 { _ = try await node.push(Sample.broadcast(), of: app) }
        let tomorrow = try await Self.expectLimit(in: node, app)
        #expect((86_400...86_401).contains(tomorrow?.retryAfterSeconds ?? 0))
    }

    @Test func `are counted on after a restart`() async throws {
        let (node, app) = try await Self.node(limit: 3)
        for _ in 0..<2 { _ = try await node.push(Sample.broadcast(), of: app) }
        let again = try await node.restarted()
        _ = try await again.push(Sample.broadcast(), of: app)
        try await Self.expectLimit(in: again, app)
    }

    @Test func `are only those to everybody`() async throws {
        let (node, app) = try await Self.node(limit: 1)
        let device = try #require(try await node.store.device(0, of: app.id))
        for _ in 0..<3 { _ = try await node.push(Sample.to(device), of: app) }
        _ = try await node.push(Sample(audience: #"{"tag_not": ["x"]}"#).request(), of: app)
        _ = try await node.push(Sample.broadcast(), of: app)
        try await Self.expectLimit(in: node, app)
        _ = try await node.push(Sample.to(device), of: app)
    }

    @Test func `are never more than allowed when many come at the same moment`() async throws {
        let (node, app) = try await Self.node(limit: 4)
        let push = try Sample.broadcast()
        let outcomes = await Concurrently.run(40) { try await node.push(push, of: app) }
        #expect(outcomes.count { (try? $0.get()) != nil } == 4)
        for case .failure(let refusal) in outcomes { #expect(refusal.kind == .broadcastsUsedUp) }
    }

    @Test func `do not count one that the store refused`() async throws {
        let (node, app) = try await Self.node(limit: 1)
        node.store.plan(.fail(.timeout))
        await #expect(throws: Refusal(.backendSlow)) { try await node.push(Sample.broadcast(), of: app) }
        _ = try await node.push(Sample.broadcast(), of: app)
        try await Self.expectLimit(in: node, app)
    }

    @Test func `are not held against a caller when an operator lifts the limit, nor forgotten when it returns`()
        async throws
    {
        var (node, app) = try await Self.node(limit: 1)
        _ = try await node.push(Sample.broadcast(), of: app)
        try await Self.expectLimit(in: node, app)
        app.limits[.broadcastsPerDay] = 0
        try await Self.change(app, in: node)
        for _ in 0..<3 { _ = try await node.push(Sample.broadcast(), of: app) }
        app.limits[.broadcastsPerDay] = 5
        try await Self.change(app, in: node)
        _ = try await node.push(Sample.broadcast(), of: app)
        try await Self.expectLimit(in: node, app)
    }

    private static func node(limit: Int) async throws -> (TestCore, App) {
        let node = try await TestCore.open()
        let app = try await node.createApp(limits: Limits([.broadcastsPerDay: limit]))
        try await node.register(2, of: app)
        return (node, app)
    }

    @discardableResult
    private static func expectLimit(
        in node: TestCore, _ app: App, _ place: SourceLocation = #_sourceLocation
    ) async throws -> Refusal? {
        let push = try Sample.broadcast()
        let refusal = await #expect(throws: Refusal.self, sourceLocation: place) { try await node.push(push, of: app) }
        #expect(refusal?.row(for: .push).code == 2008, sourceLocation: place)
        #expect(refusal?.row(for: .push).status == .tooManyRequests, sourceLocation: place)
        return refusal
    }

    static func change(_ app: App, in node: TestCore) async throws {
        #expect(try await node.store.updateApp(app.id) { $0 = app } == app)
        try await node.core.reloadApps()
    }
}

@Suite struct `Pushes to one device in a day` {
    @Test func `are refused beyond the limit, for the whole audience`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.pushesPerDevicePerDay: 2]))
        let devices = try await node.register(3, of: app)
        _ = try await node.push(Sample.to(devices[0]), of: app)
        _ = try await node.push(Sample.broadcast(), of: app)
        try await Self.expectLimit(try Sample.to(devices[0]), in: node, app)
        try await Self.expectLimit(try Sample.broadcast(), in: node, app)
        // The refused ones took nothing: the others have had one.
        _ = try await node.push(Sample.to(devices[1], devices[2]), of: app)
        try await Self.expectLimit(try Sample.to(devices[1]), in: node, app)
        let again = try await node.restarted()
        try await Self.expectLimit(try Sample.to(devices[2]), in: again, app)
        again.clock.advance(seconds: 86_400)
        _ = try await again.push(Sample.broadcast(), of: app)
    }

    @Test func `do not count one that the store refused`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.pushesPerDevicePerDay: 1]))
        let device = try await node.register(1, of: app)[0]
        node.store.plan(.fail(.unavailable))
        await #expect(throws: Refusal(.backendDown)) { try await node.push(Sample.to(device), of: app) }
        _ = try await node.push(Sample.to(device), of: app)
        try await Self.expectLimit(try Sample.to(device), in: node, app)
    }

    @Test func `are counted from the store when the limit comes while the day is under way`() async throws {
        var (node, app) = try await `The push service`.node(limits: Limits([.broadcastsPerDay: 10]))
        let device = try await node.register(1, of: app)[0]
        // The day's broadcasts are being counted from here on; pushes to single devices are not.
        _ = try await node.push(Sample.broadcast(), of: app)
        for _ in 0..<2 { _ = try await node.push(Sample.to(device), of: app) }
        app.limits[.pushesPerDevicePerDay] = 4
        try await `Broadcasts of a day`.change(app, in: node)
        _ = try await node.push(Sample.to(device), of: app)
        try await Self.expectLimit(try Sample.to(device), in: node, app)
        // Off and on again: what was pushed meanwhile counts.
        app.limits[.pushesPerDevicePerDay] = 0
        try await `Broadcasts of a day`.change(app, in: node)
        _ = try await node.push(Sample.broadcast(), of: app)
        app.limits[.pushesPerDevicePerDay] = 6
        try await `Broadcasts of a day`.change(app, in: node)
        _ = try await node.push(Sample.to(device), of: app)
        try await Self.expectLimit(try Sample.to(device), in: node, app)
    }

    private static func expectLimit(
        _ push: PushRequest, in node: TestCore, _ app: App, _ place: SourceLocation = #_sourceLocation
    ) async throws {
        let refusal = await #expect(throws: Refusal.self, sourceLocation: place) { try await node.push(push, of: app) }
        #expect(refusal?.row(for: .push).code == 2005, sourceLocation: place)
        #expect(refusal?.row(for: .push).status == .forbidden, sourceLocation: place)
    }
}
