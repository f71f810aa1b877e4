import ApusCore
import ApusTesting
import Testing

@Suite struct `Pushes that come together` {
    private static func batch(_ items: [(cid: String, target: Device, alert: String)]) throws -> BatchRequest {
        let list = items.map { item in
            #""\#(item.cid)":{"platform":"all","target":"\#(item.target.registrationID.text)","#
                + #""notification":{"alert":"\#(item.alert)"}}"#
        }
        return try BatchRequest(
            decoding: Array("{\"pushlist\":{\(list.joined(separator: ","))}}".utf8), to: .registrationID)
    }

    private static func code(_ outcome: Result<PushAnswer, Refusal>) -> Refusal.Kind? {
        guard case .failure(let refusal) = outcome else { return nil }
        return refusal.kind
    }

    @Test func `are accepted one by one, in order for each device, over few commits`() async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(50, of: app)
        let before = node.store.batchSizes.count
        let items = (0..<1000).map { ("c\($0)", devices[$0 % 50], "\($0)") }
        let outcomes = await node.core.pushes.push(try Self.batch(items), of: app)
        let ids = try outcomes.map { try $0.get().messageID }
        #expect(Set(ids).count == 1000)
        #expect(node.store.batchSizes.count - before < 500)
        for (place, device) in devices.enumerated() {
            let own = stride(from: place, to: 1000, by: 50).map { ids[$0] }
            #expect(own == own.sorted())
            #expect(try await node.inbox(of: device) == own)
        }
    }

    @Test func `are under way few at a time, however many they are`() async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(200, of: app)
        let before = node.store.batchSizes.count
        let items = devices.enumerated().map { ("c\($0)", $1, "\($0)") }
        let outcomes = await node.core.pushes.push(try Self.batch(items), of: app)
        #expect(try Set(outcomes.map { try $0.get().messageID }).count == 200)
        #expect(try #require(node.store.batchSizes.dropFirst(before).max()) <= 64)
    }

    @Test func `are answered from their cids when they come again, also after a restart`() async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(2, of: app)
        let batch = try Self.batch([("c1", devices[0], "one"), ("c2", devices[1], "two")])
        let first = try await node.core.pushes.push(batch, of: app).map { try $0.get() }
        let again = try await node.restarted()
        #expect(try await again.core.pushes.push(batch, of: app).map { try $0.get() } == first)
        let spoilt = try BatchRequest(decoding: Array(#"{"pushlist":{"c1":{"x":1}}}"#.utf8), to: .alias)
        #expect(try await again.core.pushes.push(spoilt, of: app).map { try $0.get() } == [first[0]])
        #expect(try await again.inbox(of: devices[0]) == [first[0].messageID])
    }

    @Test func `are accepted once when two batches with the same cids cross`() async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(20, of: app)
        let items = devices.enumerated().map { ("c\($0.offset)", $0.element, "x") }
        let (forward, backward) = (try Self.batch(items), try Self.batch(items.reversed()))
        async let one = node.core.pushes.push(forward, of: app)
        async let two = node.core.pushes.push(backward, of: app)
        let (ids, others) = (
            try await one.map { try $0.get().messageID }, try await two.map { try $0.get().messageID }
        )
        #expect(ids == others.reversed())
        for device in devices { #expect(try await node.inbox(of: device).count == 1) }
    }

    @Test func `do not hold up one another when the store fails`() async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(1, of: app)
        node.store.plan(.fail(.unavailable))
        let failed = await node.core.pushes.push(
            try Self.batch([("c1", devices[0], "one"), ("c2", devices[0], "two")]), of: app)
        #expect(failed.map(Self.code) == [.backendDown, nil])
        #expect(try await node.inbox(of: devices[0]) == [try failed[1].get().messageID])
    }

    @Test func `by template are refused together when there is no such template`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(1, of: app)
        let request = try TemplateRequest(decoding: Array(#"{"id":"t","params":[{"audience":"all"}]}"#.utf8))
        await #expect(throws: Refusal(.nameUnknown, "The template does not exist")) {
            try await node.core.pushes.push(request, of: app)
        }
        let template = Array(#"{"platform":"all","notification":{"alert":"{{x}}"}}"#.utf8)
        let definition = try Definition(
            app: app.id, kind: .template, name: "t", text: template, createdAt: node.clock.now)
        #expect(try await node.store.createDefinition(definition))
        #expect(try await node.core.pushes.push(request, of: app).map(Self.code) == [.missingValue])
        #expect(try await node.store.deleteDefinition(.template, "t", of: app.id))
    }
}

@Suite struct `What an operator saved` {
    private static func save(_ kind: Definition.Kind, _ name: String, _ text: String, for app: App, on node: TestCore)
        async throws
    {
        let definition = try Definition(
            app: app.id, kind: kind, name: name, text: Array(text.utf8), createdAt: node.clock.now)
        #expect(try await node.store.createDefinition(definition))
    }

    private static func target(_ audience: String, of app: App, on node: TestCore) async throws -> [Ordinal] {
        let id = try await node.push(try Sample(audience: audience).request(), of: app)
        return try #require(try await node.store.messages([id]).first).target.members
    }

    @Test func `as a segment is decided anew by every push`() async throws {
        let (node, app) = try await `The push service`.node()
        let tag = try #require(Tag("t"))
        try await node.register(4, of: app) { number, device in if number > 1 { device.tags = [tag] } }
        try await Self.save(.segment, "s", #"{"audience":{"tag":["t"]}}"#, for: app, on: node)
        #expect(try await Self.target(#"{"segment":["s"]}"#, of: app, on: node) == [2, 3])
        var change = DeviceChange()
        change.tags = .set([tag])
        try await node.core.devices.change(change, of: DeviceKey(app: app.id, ordinal: 0))
        #expect(try await Self.target(#"{"segment":["s"]}"#, of: app, on: node) == [0, 2, 3])
        #expect(try await Self.target(#"{"segment":["s"]}"#, of: app, on: try await node.restarted()) == [0, 2, 3])
    }

    @Test func `as an A/B test splits for good, whoever comes or goes`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(300, of: app)
        try await Self.save(.abtest, "t", #"{"audience":"all","shares":[50,50]}"#, for: app, on: node)
        let first = try await Self.target(#"{"abtest":["t.a"]}"#, of: app, on: node)
        let second = try await Self.target(#"{"abtest":["t.b"]}"#, of: app, on: node)
        #expect((first + second).sorted() == Array(0..<300))
        #expect((100...200).contains(first.count))
        try await node.register(300, of: app)
        let later = try await Self.target(#"{"abtest":["t.a"]}"#, of: app, on: try await node.restarted())
        #expect(later.filter { $0 < 300 } == first)
    }

    @Test func `is the app's own`() async throws {
        let (node, app) = try await `The push service`.node()
        let other = try await node.createApp("b")
        for app in [app, other] { try await node.register(1, of: app) }
        try await Self.save(.segment, "s", #"{"audience":{"tag_not":["x"]}}"#, for: app, on: node)
        await #expect(throws: Refusal.self) {
            try await node.push(try Sample(audience: #"{"segment":["s"]}"#).request(), of: other)
        }
        try await Self.save(.segment, "s", #"{"audience":{"tag":["x"]}}"#, for: other, on: node)
        #expect(try await Self.target(#"{"segment":["s"]}"#, of: app, on: node) == [0])
    }

    @Test(arguments: ["", "a b", "a.b", "é", String(repeating: "x", count: 65)])
    func `has a name that can be written anywhere`(_ name: String) {
        #expect(throws: Refusal.self) {
            try Definition(
                app: AppID(1), kind: .segment, name: name, text: Array(#"{"audience":{"tag":["x"]}}"#.utf8),
                createdAt: Timestamp(milliseconds: 0))
        }
    }

    @Test func `as a push plan counts what was kept under it, whatever fails`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(1, of: app)
        let plan = try PushPlanRequest(decoding: Array(#"{"name":"p"}"#.utf8))
        try await node.core.plans.create(plan, of: app.id)
        let push = try Sample.broadcast(#""business_operation_code": "p""#)
        _ = try await node.push(push, of: app)
        node.clock.advance(seconds: 5)
        node.store.plan(.fail(.full))
        await #expect(throws: Refusal.self) { try await node.push(push, of: app) }
        _ = try await node.push(push, of: app)
        let kept = try #require(try await node.restarted().store.plan("p", of: app.id))
        #expect(kept.pushCount == 2)
        #expect(kept.lastUsedAt == node.clock.now)
    }

    @Test func `as a push plan counts the pushes that scheduled tasks make`() async throws {
        let stage = try await ScheduleStage()
        let plan = try PushPlanRequest(decoding: Array(#"{"name":"p"}"#.utf8))
        try await stage.node.core.plans.create(plan, of: stage.app.id)
        let push = ScheduleStage.push.dropLast() + #","options":{"business_operation_code":"p"}}"#
        try await stage.create(stage.daily(from: 60), push: String(push))
        #expect(try await stage.node.store.plan("p", of: stage.app.id)?.pushCount == 0)
        for day in 1...2 {
            await stage.advance(seconds: day == 1 ? 60 : 86_400)
            let kept = try #require(try await stage.node.store.plan("p", of: stage.app.id))
            #expect(kept.pushCount == day && kept.lastUsedAt == stage.node.clock.now)
        }
    }
}

@Suite struct `The users of an app` {
    private static func counts(
        _ unit: String, _ start: String, _ duration: Int, of app: App, on node: TestCore
    ) async throws -> [UserStatistics.Counts?] {
        let users = node.core.users
        let query = try UserStatisticsQuery(unit: unit, start: start, duration: "\(duration)", today: users.today)
        return try await users.counts(of: [app.id], in: query.periods)
    }

    @Test func `are counted once a period, in the day of UTC+8 in which they came, were connected and were active`()
        async throws
    {
        let (node, app) = try await `The push service`.node()
        let start = node.core.users.today
        // To the last second of the day.
        node.clock.advance(
            milliseconds: DayUTC8(number: start.number + 1).startMilliseconds - 1000 - node.clock.now.milliseconds)
        let devices = try await node.register(2, of: app)
        for _ in 0..<3 {
            node.core.presence.opened(devices[0].keyed)
            node.core.presence.closed(devices[0].keyed)
        }
        node.core.presence.noteActive(devices[1].keyed)
        let first = try #require(try await Self.counts("DAY", start.text, 1, of: app, on: node)[0])
        #expect((first.new.sum, first.online.sum, first.active.sum) == (2, 1, 1))
        node.clock.advance(seconds: 1)
        try await node.register(1, of: app, on: .ios)
        node.core.presence.noteActive(devices[1].keyed)
        node.core.presence.noteActive(devices[0].keyed)
        let days = try await Self.counts("DAY", start.text, 3, of: app, on: node)
        #expect(days[0] == first)
        let second = try #require(days[1])
        #expect((second.new[.ios], second.new.sum, second.online.sum, second.active.sum) == (1, 1, 0, 2))
        #expect(days[2] == nil)
        #expect(try await Self.counts("DAY", start.text, 3, of: app, on: try await node.restarted()) == days)
    }

    @Test func `that stay connected are online in every hour`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        node.core.presence.opened(device.keyed)
        let hour = TimeUTC8(epochMilliseconds: node.clock.now.milliseconds).text.prefix(13)
        #expect(try await Self.counts("HOUR", String(hour), 1, of: app, on: node)[0]?.online.sum == 1)
        node.clock.advance(seconds: 3 * 86_400)
        let later = TimeUTC8(epochMilliseconds: node.clock.now.milliseconds).text.prefix(13)
        #expect(try await Self.counts("HOUR", String(later), 1, of: app, on: node)[0]?.online.sum == 1)
        node.core.presence.closed(device.keyed)
        let now = TimeUTC8(epochMilliseconds: node.clock.now.milliseconds)
        let other = try await Self.counts("DAY", DayUTC8(number: now.day.number - 1).text, 1, of: app, on: node)
        #expect(other[0]?.online.sum == 0)
    }

    @Test func `cannot be counted while the store is away`() async throws {
        let (node, app) = try await `The push service`.node()
        node.store.failReads(with: .unavailable)
        await #expect(throws: Refusal(.backendDown)) {
            try await Self.counts("DAY", node.core.users.today.text, 1, of: app, on: node)
        }
    }
}
