import ApusCore
import ApusTesting
import Testing

@Suite struct `A push that overrides` {
    @Test(arguments: [1, Message.directMax + 1])
    func `replaces what still waits of the older one, and keeps a number of its own`(_ count: Int) async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(count, of: app)
        let old = try await node.push(Sample.broadcast(), of: app)
        let between = try await node.push(Sample.to(devices[0]), of: app)
        let doorbell = Doorbell(on: node.core.bus)
        let new = try await node.push(Sample.broadcast(Self.overriding(old)), of: app)
        #expect(new > old)
        #expect(doorbell.overridings.map(\.message) == [old])
        #expect(doorbell.overridings.first?.recipients == devices.map(\.ordinal))
        #expect(try await node.inbox(of: devices[0]) == [between, new])
        #expect(try await node.store.messages([old]).first?.state == .overridden)
        #expect(try await node.store.messages([new]).first?.overrides == old)
        #expect(try await node.restarted().inbox(of: devices[0]) == [between, new])
    }

    /// The vendor takes decimal text as well, for callers whose numbers end at 2^53.
    @Test func `names the older one by number or by text`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        let old = try await node.push(Sample.broadcast(), of: app)
        let new = try await node.push(Sample.broadcast(#""override_msg_id": "\#(old.text)""#), of: app)
        #expect(try await node.inbox(of: device) == [new])
    }

    @Test func `may name a push up to 24 hours old, and no older`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(1, of: app)
        let old = try await node.push(Sample.broadcast(#""time_to_live": 60"#), of: app)
        node.clock.advance(seconds: 86_400)
        _ = try await node.push(Sample.broadcast(Self.overriding(old)), of: app)
        node.clock.advance(milliseconds: 1)
        try await Self.expectRefusal(of: old, in: node, app)
        // Nor after a restart, from the store.
        try await Self.expectRefusal(of: old, in: try await node.restarted(), app)
    }

    @Test func `may not name a push of another app, or one that never was`() async throws {
        let (node, app) = try await `The push service`.node()
        let other = try await node.createApp("b")
        try await node.register(1, of: app)
        let device = try await node.register(1, of: other)[0]
        let foreign = try await node.push(Sample.broadcast(), of: other)
        let validated = try await node.core.pushes.validate(Sample.broadcast(), of: app).messageID
        try await Self.expectRefusal(of: foreign, in: node, app)
        try await Self.expectRefusal(of: validated, in: node, app)
        try await Self.expectRefusal(of: MessageID(4711), in: node, app)
        #expect(try await node.inbox(of: device) == [foreign])
    }

    @Test func `leaves the older one waiting when it is itself refused by the store`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        let old = try await node.push(Sample.broadcast(), of: app)
        node.store.plan(.fail(.full))
        await #expect(throws: Refusal(.internalFault)) {
            try await node.push(Sample.broadcast(Self.overriding(old)), of: app)
        }
        #expect(try await node.inbox(of: device) == [old])
    }

    private static func overriding(_ id: MessageID) -> String { #""override_msg_id": \#(id.text)"# }

    private static func expectRefusal(
        of id: MessageID, in node: TestCore, _ app: App, _ place: SourceLocation = #_sourceLocation
    ) async throws {
        let push = try Sample.broadcast(Self.overriding(id))
        let before = try await `The push service`.accepted(by: node, app).count
        let error = await #expect(throws: Refusal.self, sourceLocation: place) { try await node.push(push, of: app) }
        #expect(error?.kind == .badValue, sourceLocation: place)
        #expect(try await `The push service`.accepted(by: node, app).count == before, sourceLocation: place)
    }
}

@Suite struct `Timed pushes` {
    @Test func `run up to the limit, and one that has been spread makes room`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.timedPushesRunning: 2]))
        try await node.register(10, of: app)
        let first = try await node.push(Sample.broadcast(#""big_push_duration": 1"#), of: app)
        _ = try await node.push(Sample.broadcast(#""big_push_duration": 10"#), of: app)
        try await Self.expectLimit(in: node, app)
        // A push that goes out at once is none of them.
        _ = try await node.push(Sample.broadcast(), of: app)
        node.clock.advance(milliseconds: 59_999)
        try await Self.expectLimit(in: node, app)
        let again = try await node.restarted()
        try await Self.expectLimit(in: again, app)
        again.clock.advance(milliseconds: 1)
        let third = try await again.push(Sample.broadcast(#""big_push_duration": 10"#), of: app)
        try await Self.expectLimit(in: again, app)
        // So does one that is withdrawn.
        try await again.core.pushes.withdraw(third, of: app)
        _ = try await again.push(Sample.broadcast(#""big_push_duration": 10"#), of: app)
        #expect(first < third)
    }

    @Test func `do not exceed the limit when many come at the same moment`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.timedPushesRunning: 3]))
        try await node.register(10, of: app)
        let push = try Sample.broadcast(#""big_push_duration": 10"#)
        let outcomes = await Concurrently.run(40) { try await node.push(push, of: app) }
        #expect(outcomes.count { (try? $0.get()) != nil } == 3)
        for case .failure(let refusal) in outcomes { #expect(refusal.kind == .kindLimitExceeded) }
        #expect(node.core.book.pacedCount(of: app.id) == 3)
    }

    @Test func `take no place when the store refuses them, or when they address nobody here`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.timedPushesRunning: 1]))
        try await node.register(10, of: app)
        node.store.plan(.fail(.unavailable))
        await #expect(throws: Refusal(.backendDown)) {
            try await node.push(Sample.broadcast(#""big_push_duration": 10"#), of: app)
        }
        let nobody = Sample(
            options: [#""big_push_duration": 10"#], content: #""notification": {"ios": {"alert": "hi"}}"#)
        _ = try await node.push(nobody.request(), of: app)
        _ = try await node.push(Sample.broadcast(#""big_push_duration": 10"#), of: app)
        try await Self.expectLimit(in: node, app)
    }

    @Test func `of one app take nothing from another`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.timedPushesRunning: 1]))
        let other = try await node.createApp("b", limits: Limits([.timedPushesRunning: 1]))
        for app in [app, other] {
            try await node.register(1, of: app)
            _ = try await node.push(Sample.broadcast(#""big_push_duration": 10"#), of: app)
            try await Self.expectLimit(in: node, app)
        }
    }

    private static func expectLimit(
        in node: TestCore, _ app: App, _ place: SourceLocation = #_sourceLocation
    ) async throws {
        let push = try Sample.broadcast(#""big_push_duration": 10"#)
        for call in [node.core.pushes.push, node.core.pushes.validate] {
            let error = await #expect(throws: Refusal.self, sourceLocation: place) { try await call(push, app) }
            #expect(error?.row(for: .push).code == 1012, sourceLocation: place)
        }
    }
}

/// The same call from many tasks at once.
enum Concurrently {
    static func run<Answer: Sendable>(
        _ times: Int, _ body: @escaping @Sendable () async throws -> Answer
    ) async -> [Result<Answer, Refusal>] {
        await withTaskGroup(of: Result<Answer, Refusal>.self) { group in
            for _ in 0..<times {
                group.addTask {
                    do {
                        return .success(try await body())
                    } catch let refusal as Refusal {
                        return .failure(refusal)
                    } catch {
                        return .failure(Refusal(.internalFault, "\(error)"))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
