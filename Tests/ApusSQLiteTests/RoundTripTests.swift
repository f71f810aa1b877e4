import ApusCore
import ApusSQLite
import ApusTesting
import Testing

@Suite struct `A store gives back` {
    @Test func `an app with everything set`() async throws {
        let fixture = try await Fixture()
        var app = try Sample.app("b")
        app.isBlocked = true
        app.isVIP = false
        app.allowedSources = ["10.0.0.0/8", "::1", "192.168.1.7"].compactMap(AddressBlock.init)
        app.limits = Limits([.pushPerMinute: 0, .offlinePerDevice: 5])
        let created = try await fixture.store.createApp(app)
        #expect(created.id > fixture.app)
        app.id = created.id
        #expect(created == app)
        #expect(try await fixture.store.apps().last == app)
        #expect(try await fixture.store.apps().map(\.id) == [fixture.app, app.id])
    }

    @Test func `an app as it was last updated, under its old key`() async throws {
        let fixture = try await Fixture()
        var app = try #require(try await fixture.store.apps().first)
        app.name = "renamed \"quoted\" 世界"
        app.secret = SecretHash(hashing: "another")
        app.limits = Limits([.reportPerMinute: 7])
        let wanted = app
        let updated = try await fixture.store.updateApp(app.id) { app in
            app.name = wanted.name
            app.secret = wanted.secret
            app.limits = wanted.limits
        }
        #expect(updated == wanted)
        #expect(try await fixture.store.apps() == [wanted])
        #expect(try await fixture.store.updateApp(AppID(99)) { $0.name = "nobody" } == nil)
    }

    @Test func `an app that two operators change at once`() async throws {
        let fixture = try await Fixture()
        let other = try await SQLiteStore.open(folder: fixture.folder.path)
        async let blocked = fixture.store.updateApp(fixture.app) { $0.isBlocked = true }
        async let renamed = other.updateApp(fixture.app) { $0.name = "renamed" }
        _ = try await (blocked, renamed)
        let app = try #require(try await fixture.store.apps().first)
        #expect(app.isBlocked && app.name == "renamed")
        await other.close()
    }

    @Test func `a device with everything set`() async throws {
        let fixture = try await Fixture()
        var device = Device(
            app: fixture.app, ordinal: .max, registrationID: try #require(RegistrationID("1507bfd3f7c_-")),
            secret: SecretHash(hashing: "x"), platform: .quickapp, registeredAt: Fixture.now)
        device.tags = ["z", "a", "标签", "@!#$&*+=.|￥"].compactMap(Tag.init)
        device.alias = Alias("用户1")
        device.mobile = "+8613800000000"
        device.tokens = ["apns": "00ff", "fcm": "a:b\"c\\d\u{1}\n"]
        device.details = ["model": "Pixel \"9\"", "os": "", "": "x"]
        device.seenAt = Timestamp(milliseconds: 1)
        device.isTest = true
        #expect(device.tags.count == 4 && device.alias != nil)
        try await fixture.keep(.register(device))
        #expect(try await fixture.store.device(.max, of: fixture.app) == device)
    }

    @Test func `a device with nothing set, and none where none is`() async throws {
        let fixture = try await Fixture()
        let device = try Sample.device(0, of: fixture.app)
        try await fixture.keep(.register(device))
        #expect(try await fixture.store.device(0, of: fixture.app) == device)
        #expect(try await fixture.store.device(1, of: fixture.app) == nil)
        #expect(try await fixture.store.device(0, of: AppID(77)) == nil)
    }

    @Test func `what the audience index keeps of devices, in pages by ordinal`() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.store.lastOrdinal(of: fixture.app) == nil)
        var devices: [Device] = []
        for ordinal in [5, 1, 9, 3] as [Ordinal] {
            var device = try Sample.device(ordinal, of: fixture.app)
            device.tags = [try #require(Tag("a")), try #require(Tag("标签￥"))]
            device.alias = ordinal == 5 ? Alias("alice") : nil
            device.isTest = ordinal == 3
            device.seenAt = ordinal == 9 ? Fixture.now.adding(seconds: 7) : nil
            try await fixture.keep(.register(device))
            devices.append(device)
        }
        #expect(try await fixture.store.lastOrdinal(of: fixture.app) == 9)
        for (range, expected) in [(0...4, [1, 3]), (3...5, [3, 5]), (6...Ordinal.max, [9]), (10...11, [])]
            as [(ClosedRange<Ordinal>, [Ordinal])]
        {
            let page = try await fixture.store.audience(of: fixture.app, in: range)
            let kept = AudiencePage(devices.filter { range.contains($0.ordinal) }.sorted { $0.ordinal < $1.ordinal })
            #expect(page.entries == kept.entries && page.bearings == kept.bearings)
            #expect(page.entries.map(\.ordinal) == expected)
        }
        #expect(try await fixture.store.audience(of: AppID(77), in: 0...9).entries.isEmpty)
    }

    @Test func `a message with everything set`() async throws {
        let fixture = try await Fixture()
        var (targeted, online) = (PlatformCounts(), PlatformCounts())
        for (index, platform) in Platform.allCases.enumerated() { targeted[platform] = index * 1000 }
        online[.web] = 3
        let message = Message(
            id: MessageID(1 << 52), app: fixture.app, acceptedAt: Fixture.now, timeToLiveSeconds: 864_000,
            spreadMinutes: 1400, payload: Array(0...255), target: Ordinals(0..<100_000).union(Ordinals([.max])),
            targeted: targeted, online: online, isBroadcast: true, overrides: MessageID(41))
        try await fixture.keep(.message(message, cid: nil))
        #expect(try await fixture.store.messages([MessageID(9), message.id]) == [message])
    }

    @Test func `a message with nothing in it`() async throws {
        let fixture = try await Fixture()
        let message = fixture.message(1, to: [], lives: 0, payload: [])
        try await fixture.keep(.message(message, cid: nil))
        #expect(try await fixture.stored(1) == message)
    }

    @Test func `accepted messages from a moment on, with empty payloads`() async throws {
        let fixture = try await Fixture()
        let other = try await fixture.store.createApp(try Sample.app("b")).id
        for second in 0..<4 {
            try await fixture.keep(
                .message(fixture.message(Int64(second + 1), at: Fixture.now.adding(seconds: second)), cid: nil))
        }
        let since = Fixture.now.adding(seconds: 2)
        let accepted = try await fixture.store.acceptedMessages(of: fixture.app, since: since, broadcastsOnly: false)
        #expect(
            accepted == [
                fixture.message(3, at: since, payload: []),
                fixture.message(4, at: since.adding(seconds: 1), payload: []),
            ])
        #expect(try await fixture.store.acceptedMessages(of: other, since: since, broadcastsOnly: false).isEmpty)
        #expect(try await fixture.store.acceptedMessages(of: fixture.app, since: since, broadcastsOnly: true).isEmpty)
        let empty = try await Fixture()
        #expect(try await empty.store.acceptedMessages(of: other, since: since, broadcastsOnly: false).isEmpty)
    }

    @Test func `broadcasts alone, and what was numbered late`() async throws {
        let fixture = try await Fixture()
        let since = Fixture.now.adding(seconds: 100_000)
        // Of the day before, at the turn of the day, and two that waited for their numbers meanwhile.
        let moments = (0..<500).map { $0 * 100 } + [100_001, 99_000, 100_002, 99_500, 100_003]
        try await fixture.keep(
            moments.enumerated().map { place, second in
                let at = Fixture.now.adding(seconds: second)
                return .message(fixture.message(Int64(place) * 1000, at: at, isBroadcast: place % 2 == 0), cid: nil)
            })
        func accepted(broadcastsOnly: Bool) async throws -> [Int64] {
            try await fixture.store.acceptedMessages(of: fixture.app, since: since, broadcastsOnly: broadcastsOnly)
                .map(\.id.number)
        }
        #expect(try await accepted(broadcastsOnly: false) == [500_000, 502_000, 504_000])
        #expect(try await accepted(broadcastsOnly: true) == [500_000, 502_000, 504_000])
        let all = try await fixture.store.acceptedMessages(
            of: fixture.app, since: Fixture.now.adding(seconds: 99_200), broadcastsOnly: true)
        #expect(all.map(\.id.number) == [500_000, 502_000, 504_000])
    }

    @Test func `the latest moment that a device was seen, in any order`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            .register(try Sample.device(1, of: fixture.app)), .register(try Sample.device(2, of: fixture.app)))
        let later = Fixture.now.adding(seconds: 9)
        try await fixture.keep(
            .seen(Ordinals([1, 2, 3]), of: fixture.app, at: Fixture.now),
            .seen(Ordinals([1]), of: fixture.app, at: later),
            .seen(Ordinals([1]), of: fixture.app, at: Fixture.now))
        #expect(
            try await fixture.store.devices([1, 2], of: fixture.app).map(\.seenAt) == [later, Fixture.now])
    }

    @Test func `the devices that were active in a span of hours`() async throws {
        let fixture = try await Fixture()
        let hour = Timestamp(milliseconds: 3_600_000 * 472_000)
        let (store, app) = (fixture.store, fixture.app)
        try await fixture.keep(
            .active(Ordinals([1]), of: app, at: hour), .active(Ordinals([2]), of: app, at: hour.adding(seconds: 3599)),
            .active(Ordinals([3]), of: app, at: hour.adding(seconds: 3600)),
            .active(Ordinals([1]), of: app, at: hour.adding(seconds: 5)))
        #expect(try await store.active(of: app, from: hour, until: hour.adding(seconds: 3600)).members == [1, 2])
        #expect(try await store.active(of: app, from: hour, until: hour.adding(seconds: 7200)).members == [1, 2, 3])
        #expect(try await store.active(of: app, from: hour.adding(seconds: 3600), until: hour).isEmpty)
        #expect(try await store.active(of: AppID(99), from: hour, until: hour.adding(seconds: 3600)).isEmpty)
    }
}

@Suite struct `A device change in a store` {
    @Test func `is applied to what is there, and told with both sides`() async throws {
        let fixture = try await Fixture()
        var before = try Sample.device(4, of: fixture.app)
        before.tags = ["old"].compactMap(Tag.init)
        before.alias = Alias("a")
        before.tokens = ["apns": "1"]
        try await fixture.keep(.register(before))
        var change = DeviceChange()
        change.tags = .change(add: ["new"].compactMap(Tag.init), remove: [])
        change.alias = .some(nil)
        change.mobile = "123"
        change.tokens = ["apns": nil, "fcm": "2"]
        change.details = ["os": "17"]
        let after = try before.applying(change)
        #expect(
            await fixture.store.commit([.change(change, of: 4, in: fixture.app)]) == [.changed(from: before, to: after)]
        )
        #expect(try await fixture.store.device(4, of: fixture.app) == after)
        #expect(after.tags.map(\.text) == ["old", "new"] && after.alias == nil && after.tokens == ["fcm": "2"])
    }

    @Test func `counts twice when two come in one batch`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.register(try Sample.device(4, of: fixture.app)))
        let changes = ["x", "y"].compactMap(Tag.init).map { tag in
            var change = DeviceChange()
            change.tags = .change(add: [tag], remove: [])
            return Write.change(change, of: 4, in: fixture.app)
        }
        _ = await fixture.store.commit(changes)
        #expect(try await fixture.store.device(4, of: fixture.app)?.tags.map(\.text) == ["x", "y"])
    }

    @Test func `is refused for an unknown device, and where it is not legal`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.register(try Sample.device(4, of: fixture.app)))
        var change = DeviceChange()
        change.tags = .set((0...Device.tagsMax).compactMap { Tag("t\($0)") })
        let outcomes = await fixture.store.commit([
            .change(change, of: 5, in: fixture.app), .change(change, of: 4, in: fixture.app),
        ])
        #expect(outcomes.first == .refused(Refusal(.deviceUnknown)))
        guard case .refused(let refusal) = outcomes.last else {
            Issue.record("expected a refusal, not \(outcomes)")
            return
        }
        #expect(refusal.kind == .badValue)
        #expect(try await fixture.store.device(4, of: fixture.app)?.tags.isEmpty == true)
    }
}
