import ApusCore
import ApusTesting
import Testing

@Suite struct `The push service` {
    // MARK: Whom

    @Test(arguments: [
        #"{"tag": ["nobody"]}"#, #"{"alias": ["nobody"]}"#, #"{"registration_id": ["1d-of-another-app"]}"#,
        #"{"tag_and": ["t", "nobody"]}"#, #"{"tag_not": ["t"]}"#,
    ])
    func `refuses an audience that matches nobody, and keeps nothing`(_ audience: String) async throws {
        let (node, app) = try await Self.node()
        let tag = try Names.tag("t")
        try await node.register(3, of: app) { $1.tags = [tag] }
        let push = try Sample(audience: audience).request()
        await #expect(throws: Refusal(.emptyAudience)) { try await node.push(push, of: app) }
        #expect(try await Self.accepted(by: node, app).isEmpty)
    }

    @Test func `refuses a broadcast in an app without devices`() async throws {
        let (node, app) = try await Self.node()
        await #expect(throws: Refusal(.emptyAudience)) { try await node.push(Sample.broadcast(), of: app) }
    }

    @Test func `ignores registration ids of nobody as long as one is somebody's`() async throws {
        let (node, app) = try await Self.node()
        let device = try await node.register(2, of: app)[0]
        let ids = #"{"registration_id": ["1d-unknown", "\#(device.registrationID.text)"]}"#
        let id = try await node.push(Sample(audience: ids).request(), of: app)
        #expect(try await node.store.messages([id]).first?.target.members == [0])
    }

    @Test func `reaches test devices alone where the caller says so`() async throws {
        let (node, app) = try await Self.node()
        try await node.register(4, of: app) { $1.isTest = $0 == 2 }
        let id = try await node.push(Sample.broadcast(#""test_model": true"#), of: app)
        #expect(try await node.store.messages([id]).first?.target.members == [2])
    }

    /// A notification reaches the platforms that have a text, though the audience is wider.
    @Test func `addresses only platforms that get something`() async throws {
        let (node, app) = try await Self.node()
        try await node.register(3, of: app, on: .android)
        try await node.register(2, of: app, on: .ios)
        let id = try await node.push(
            Sample(content: #""notification": {"android": {"alert": "hi"}}"#).request(), of: app)
        let message = try #require(try await node.store.messages([id]).first)
        #expect(message.target.members == [0, 1, 2])
        #expect(message.targeted[.android] == 3 && message.targeted[.ios] == 0)
    }

    @Test func `counts who was online when it was accepted, by platform`() async throws {
        let (node, app) = try await Self.node()
        let android = try await node.register(3, of: app, on: .android)
        let ios = try await node.register(2, of: app, on: .ios)
        for device in [android[0], android[2], ios[1]] { node.core.presence.opened(device.keyed) }
        node.core.presence.closed(android[2].keyed)
        let id = try await node.push(Sample.broadcast(), of: app)
        node.core.presence.opened(ios[0].keyed)
        let report = try #require(try await node.report(on: id, of: app))
        #expect(report.targeted[.android] == 3 && report.targeted[.ios] == 2 && report.targeted.sum == 5)
        #expect(report.online[.android] == 1 && report.online[.ios] == 1 && report.online.sum == 2)
    }

    // MARK: Time to live

    @Test func `takes a time to live up to the app's ceiling`() async throws {
        let (node, app) = try await Self.node(limits: Limits([.timeToLiveMaxSeconds: 3600]))
        try await node.register(1, of: app)
        _ = try await node.push(Sample.broadcast(#""time_to_live": 3600"#), of: app)
        let error = await #expect(throws: Refusal.self) {
            try await node.push(Sample.broadcast(#""time_to_live": 3601"#), of: app)
        }
        #expect(error?.kind == .badValue)
        #expect(try await Self.accepted(by: node, app).count == 1)
    }

    @Test(arguments: [(0, 86_400), (3600, 3600), (200_000, 86_400)])
    func `gives a day to a push that asks for nothing, or the app's ceiling`(_ ceiling: Int, _ expected: Int)
        async throws
    {
        let (node, app) = try await Self.node(limits: Limits([.timeToLiveMaxSeconds: ceiling]))
        try await node.register(1, of: app)
        let id = try await node.push(Sample.broadcast(), of: app)
        #expect(try await node.store.messages([id]).first?.timeToLiveSeconds == expected)
    }

    @Test(arguments: [
        Sample(options: [#""business_operation_code": "spring""#]), Sample(audience: #"{"segment": ["s"]}"#),
        Sample(audience: #"{"abtest": ["s"]}"#),
    ])
    func `refuses names of things that the app does not have`(_ sample: Sample) async throws {
        let (node, app) = try await Self.node()
        try await node.register(1, of: app)
        let error = await #expect(throws: Refusal.self) { try await node.push(sample.request(), of: app) }
        #expect(error?.kind == .badValue)
    }

    // MARK: Validate

    @Test func `validates as it pushes and keeps nothing`() async throws {
        let (node, app) = try await Self.node(limits: Limits([.broadcastsPerDay: 1]))
        let device = try await node.register(1, of: app)[0]
        let doorbell = Doorbell(on: node.core.bus)
        let sample = Sample(options: [#""sendno": 5"#], cid: "c")
        let commits = node.store.batchSizes.count
        var numbers: [MessageID] = []
        for _ in 0..<3 {
            let answer = try await node.core.pushes.validate(sample.request(), of: app)
            #expect(answer.sendno == 5)
            numbers.append(answer.messageID)
        }
        #expect(Set(numbers).count == 3)
        #expect(node.store.batchSizes.count == commits)
        #expect(doorbell.deliveries.isEmpty)
        #expect(try await node.inbox(of: device).isEmpty)
        #expect(try await node.report(on: numbers[0], of: app) == nil)
        // Neither the cid nor the day's one broadcast is used up, and a used cid does not matter.
        let pushed = try await node.core.pushes.push(sample.request(), of: app)
        #expect(!numbers.contains(pushed.messageID))
        #expect(try await node.core.pushes.validate(sample.request(), of: app).messageID > pushed.messageID)
    }

    @Test func `validates with the refusals of a push`() async throws {
        let (node, app) = try await Self.node()
        await #expect(throws: Refusal(.emptyAudience)) {
            try await node.core.pushes.validate(Sample.broadcast(), of: app)
        }
        try await node.register(1, of: app)
        let error = await #expect(throws: Refusal.self) {
            try await node.core.pushes.validate(Sample.broadcast(#""override_msg_id": 7"#), of: app)
        }
        #expect(error?.kind == .badValue)
    }

    // MARK: Withdraw

    @Test(arguments: [1, Message.directMax + 1])
    func `withdraws what waits, tells who is here, and may be asked twice`(_ count: Int) async throws {
        let (node, app) = try await Self.node()
        let device = try await node.register(count, of: app)[0]
        let other = try await node.push(Sample.to(device), of: app)
        let id = try await node.push(Sample.broadcast(), of: app)
        let doorbell = Doorbell(on: node.core.bus)
        try await node.core.pushes.withdraw(id, of: app)
        #expect(try await node.inbox(of: device) == [other])
        #expect(try await node.store.messages([id]).first?.state == .withdrawn)
        try await node.core.pushes.withdraw(id, of: app)
        #expect(doorbell.withdrawals.first?.message == id)
        #expect(doorbell.withdrawals.first?.recipients == Array(0..<Ordinal(count)))
        #expect(try await node.restarted().inbox(of: device) == [other])
    }

    @Test func `does not withdraw what is unknown or another app's`() async throws {
        let (node, app) = try await Self.node()
        let stranger = try await node.createApp("b")
        let device = try await node.register(1, of: app)[0]
        let id = try await node.push(Sample.broadcast(), of: app)
        await #expect(throws: Refusal(.messageUnknown)) { try await node.core.pushes.withdraw(id, of: stranger) }
        await #expect(throws: Refusal(.messageUnknown)) {
            try await node.core.pushes.withdraw(MessageID(12), of: app)
        }
        #expect(try await node.inbox(of: device) == [id])
    }

    // MARK: The store fails

    @Test func `says which way the store failed when it cannot be read`() async throws {
        let (node, app) = try await Self.node()
        let device = try await node.register(1, of: app)[0]
        node.store.failReads(with: .unavailable)
        await #expect(throws: Refusal(.backendDown)) {
            try await node.push(Sample(cid: "c").request(), of: app)
        }
        node.store.failReads(with: nil)
        // A number that was passed by: one that lies ahead is unknown without the store.
        let id = try await node.push(Sample.to(device), of: app)
        node.store.failReads(with: .timeout)
        await #expect(throws: Refusal(.backendSlow)) {
            try await node.push(Sample.to(device, options: #""override_msg_id": \#(id.number - 1)"#), of: app)
        }
        node.store.failReads(with: nil)
        #expect(try await node.inbox(of: device) == [id])
    }

    static func node(limits: Limits = Limits()) async throws -> (TestCore, App) {
        let node = try await TestCore.open()
        return (node, try await node.createApp(limits: limits))
    }

    static func accepted(by node: TestCore, _ app: App) async throws -> [Message] {
        try await node.store.acceptedMessages(of: app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false)
    }
}
