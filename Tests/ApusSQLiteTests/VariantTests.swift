import ApusCore
import ApusTesting
import Testing

@testable import ApusSQLite

@Suite struct `What pushes name` {
    private static func segment(_ name: String, of app: AppID, tag: String = "t") throws -> Definition {
        try Definition(
            app: app, kind: .segment, name: name, text: Array(#"{"audience":{"tag":["\#(tag)"]}}"#.utf8),
            createdAt: Fixture.now)
    }

    private static func push(under plan: String) throws -> PushRequest {
        let options = #""options":{"business_operation_code":"\#(plan)"}"#
        return try PushRequest(
            decoding: Array(#"{"platform":"all","audience":"all","notification":{"alert":"x"},\#(options)}"#.utf8))
    }

    @Test func `is kept, listed by name, and deleted once`() async throws {
        let fixture = try await Fixture()
        let (store, app) = (fixture.store, fixture.app)
        let definitions = try ["b", "a"].map { try Self.segment($0, of: app) }
        for definition in definitions { #expect(try await store.createDefinition(definition)) }
        #expect(try await store.definitions(.segment, of: app) == definitions.reversed())
        #expect(try await store.definition(.segment, "b", of: app) == definitions[0])
        #expect(try await store.definition(.abtest, "b", of: app) == nil)
        #expect(try await store.definition(.segment, "b", of: AppID(99)) == nil)
        #expect(try await store.deleteDefinition(.segment, "b", of: app))
        #expect(try await !store.deleteDefinition(.segment, "b", of: app))
        #expect(try await store.definitions(.segment, of: app) == [definitions[1]])
    }

    @Test func `is not replaced by another of its name, nor kept for an app that is not there`() async throws {
        let fixture = try await Fixture()
        let first = try Self.segment("s", of: fixture.app)
        #expect(try await fixture.store.createDefinition(first))
        await #expect(throws: StoreError.conflict) {
            try await fixture.store.createDefinition(try Self.segment("s", of: fixture.app, tag: "u"))
        }
        #expect(try await fixture.store.definition(.segment, "s", of: fixture.app) == first)
        #expect(try await !fixture.store.createDefinition(try Self.segment("s", of: AppID(99))))
    }

    @Test func `as a push plan is counted in the transaction of the message`() async throws {
        let fixture = try await Fixture()
        let (store, app) = (fixture.store, fixture.app)
        #expect(
            try await store.createPlan(PushPlan(name: "p", description: "d", createdAt: Fixture.now), of: app)
                == .created)
        #expect(
            try await store.createPlan(PushPlan(name: "p", description: "e", createdAt: Fixture.now), of: app)
                == .nameTaken)
        let record = CIDRecord(
            cid: try Sample.cid("c"), answer: PushAnswer(messageID: MessageID(1), sendno: 0),
            expiresAt: Fixture.now.adding(seconds: 60))
        let (push, other) = (try Self.push(under: "p"), try Self.push(under: "gone"))
        let outcomes = await store.commit([
            .message(fixture.message(1), request: push, cid: record),
            .message(fixture.message(2), request: push, cid: record),
            .message(fixture.message(1), request: push, cid: nil),
            .message(fixture.message(3), request: other, cid: nil),
            .message(fixture.message(4, at: Fixture.now.adding(seconds: -9)), request: push, cid: nil),
        ])
        #expect(outcomes == [.done, .failed(.conflict), .failed(.conflict), .done, .done])
        let plan = try #require(try await store.plan("p", of: app))
        #expect(plan.pushCount == 2)
        #expect(plan.lastUsedAt == Fixture.now)
        #expect(plan.description == "d")
        #expect(try await store.describePlan("p", "e", of: app))
        #expect(try await !store.describePlan("q", "e", of: app))
        #expect(try await store.plans(of: app, holding: nil).map(\.description) == ["e"])
    }

    @Test func `goes with its app`() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.store.createDefinition(try Self.segment("s", of: fixture.app)))
        _ = try await fixture.store.createPlan(
            PushPlan(name: "p", description: "", createdAt: Fixture.now), of: fixture.app)
        try await fixture.keep(
            .register(try Sample.device(1, of: fixture.app)), .seen(Ordinals([1]), of: fixture.app, at: Fixture.now))
        #expect(try await fixture.store.deleteApp(fixture.app))
        for table in ["definitions", "plans", "online_hours"] {
            #expect(try await fixture.count(table) == 0, "\(table)")
        }
    }
}

@Suite struct `Hours of a store` {
    @Test func `hold who was connected, apart from whose app was opened`() async throws {
        let fixture = try await Fixture()
        let (store, app, now) = (fixture.store, fixture.app, Fixture.now)
        let (from, until) = (now, now.adding(seconds: 1))
        try await fixture.keep(
            .seen(Ordinals([1, 2]), of: app, at: now), .seen(Ordinals([2, 3]), of: app, at: now),
            .active(Ordinals([9]), of: app, at: now), .seen(Ordinals([4]), of: app, at: now.adding(seconds: 3600)))
        #expect(try await store.online(of: app, from: from, until: until).members == [1, 2, 3])
        #expect(try await store.active(of: app, from: from, until: until).members == [9])
        #expect(try await store.online(of: app, from: from, until: now.adding(seconds: 7200)).members == [1, 2, 3, 4])
    }

    @Test func `are forgotten after 92 days`() async throws {
        let fixture = try await Fixture()
        let (app, now, day) = (fixture.app, Fixture.now, 86_400)
        try await fixture.keep(
            .seen(Ordinals([1]), of: app, at: now.adding(seconds: -93 * day)),
            .seen(Ordinals([2]), of: app, at: now.adding(seconds: -91 * day)))
        _ = try await fixture.store.sweep(at: now, retentionSeconds: 60)
        let from = now.adding(seconds: -100 * day)
        #expect(try await fixture.store.online(of: app, from: from, until: now).members == [2])
    }

    @Test func `of registration count by platform, the end excluded`() async throws {
        let fixture = try await Fixture()
        let (app, now) = (fixture.app, Fixture.now)
        for (ordinal, seconds) in [(1, -1), (2, 0), (3, 59), (4, 60)] {
            let name = try #require(RegistrationID("r\(ordinal)"))
            try await fixture.keep(
                .register(
                    Device(
                        app: app, ordinal: Ordinal(ordinal), registrationID: name, secret: nil,
                        platform: ordinal == 3 ? .android : .ios, registeredAt: now.adding(seconds: seconds))))
        }
        let counts = try await fixture.store.registered(of: app, from: now, until: now.adding(seconds: 60))
        #expect((counts[.ios], counts[.android], counts.sum) == (1, 1, 2))
    }

    @Test func `of an earlier version's store begin with its migration`() async throws {
        let fixture = try await Fixture()
        try await fixture.execute(
            """
            DROP TABLE definitions; DROP TABLE plans; DROP TABLE online_hours; DROP INDEX devices_by_registration;
            DELETE FROM grdb_migrations WHERE identifier = 'v2-variants'
            """)
        try await fixture.keep(.register(try Sample.device(1, of: fixture.app)))
        await fixture.store.close()
        let store = try await SQLiteStore.open(folder: fixture.folder.path)
        let counts = try await store.registered(
            of: fixture.app, from: Fixture.now, until: Fixture.now.adding(seconds: 1))
        #expect(counts.sum == 1)
        #expect(try await store.plans(of: fixture.app, holding: nil).isEmpty)
    }
}
