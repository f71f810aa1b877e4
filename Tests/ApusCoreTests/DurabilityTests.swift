import ApusCore
import ApusTesting
import Testing

/// Invariant: an answer of 200 means durable.
@Suite struct `A push that was answered` {
    @Test func `is found with its cid and its inboxes in a copy of the files made at that moment`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(3, of: app)
        let sample = Sample(
            audience: #"{"registration_id": ["\#(devices[0].registrationID.text)"]}"#, options: [#""sendno": 7"#],
            cid: "once")
        let narrow = try await node.core.pushes.push(sample.request(), of: app)
        let afterNarrow = try await node.copied()
        let wide = try await node.push(Self.wide(in: node, app), of: app)
        let afterWide = try await node.copied()

        #expect(try await afterNarrow.core.pushes.answer(to: Self.cid("once"), of: app) == narrow)
        #expect(try await afterNarrow.inbox(of: devices[0]) == [narrow.messageID])
        #expect(try await afterNarrow.inbox(of: devices[1]).isEmpty)
        #expect(try await afterWide.inbox(of: devices[0]) == [narrow.messageID, wide])
        #expect(try await afterWide.inbox(of: devices[1]) == [wide])
        let kept = try await afterWide.store.messages([wide]).first
        #expect(kept?.target.count == 100)
        #expect(try await node.store.messages([wide]).first == kept)
    }

    @Test func `is not answered before the store has committed it`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let doorbell = Doorbell(on: node.core.bus)
        let answered = Recorder<MessageID>()
        node.store.plan(.hold)
        let push = try Sample.to(device)
        async let answer: Void = answered.append(node.core.pushes.push(push, of: app).messageID)
        await node.store.holding()
        #expect(answered.all.isEmpty)
        // Whoever is online is not told either: it could get what a crash undoes.
        #expect(doorbell.deliveries.isEmpty)
        #expect(try await node.copied().inbox(of: device).isEmpty)
        node.store.release()
        try await answer
        #expect(answered.all.count == 1)
        #expect(doorbell.deliveries.map(\.message) == answered.all)
        #expect(try await node.copied().inbox(of: device) == answered.all)
    }

    @Test(arguments: [StoreError.unavailable, .timeout, .full, .corrupt("page 3")])
    func `was refused when the store fails, and nothing of it stays`(_ fault: StoreError) async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let doorbell = Doorbell(on: node.core.bus)
        node.store.plan(.fail(fault))
        let push = try Sample.to(device)
        await #expect(throws: Refusal(fault)) { try await node.core.pushes.push(push, of: app) }
        #expect(doorbell.deliveries.isEmpty)
        #expect(try await node.inbox(of: device).isEmpty)
        #expect(
            try await node.store.acceptedMessages(of: app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false)
                .isEmpty)
    }

    @Test func `keeps registrations, changes and receipts alike`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        var brought = DeviceChange()
        brought.alias = .some(try Names.alias("me"))
        let registered = try await node.core.devices.register(
            .init(appKey: app.key, platform: .ios, change: brought))
        let afterRegistration = try await node.copied()
        let login = try await afterRegistration.core.devices.login(
            registered.registrationID.text, secret: registered.secret)
        #expect(login.key == registered.key)
        #expect(afterRegistration.core.index[app.id].count(of: try Names.alias("me")) == 1)

        var change = DeviceChange()
        change.tags = .set([try Names.tag("t")])
        try await node.core.devices.change(change, of: registered.key)
        let afterChange = try await node.copied()
        #expect(try await afterChange.store.device(0, of: app.id)?.tags == [try Names.tag("t")])
        // The folder goes with its node.
        withExtendedLifetime(afterChange) {}

        let message = try await node.push(Sample.broadcast(), of: app)
        let device = try #require(try await node.store.device(0, of: app.id))
        #expect(try await node.ack([message], by: device) == [message])
        let afterAck = try await node.copied()
        #expect(try await afterAck.inbox(of: device).isEmpty)
        #expect(try await afterAck.report(on: message, of: app)?.received.sum == 1)
    }

    /// To more devices than the store indexes one by one.
    private static func wide(in node: TestCore, _ app: App) async throws -> PushRequest {
        try await node.register(97, of: app)
        return try Sample.broadcast()
    }

    private static func cid(_ text: String) throws -> CID {
        guard let cid = CID(text) else { throw Unexpected(what: "cid") }
        return cid
    }
}
