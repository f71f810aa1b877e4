import ApusCore
import ApusTesting
import Testing

@Suite struct `The device service` {
    @Test func `registers devices with names, secrets and ordinals of their own`() async throws {
        let (node, app) = try await `The push service`.node()
        let registrations = await Concurrently.run(40) {
            try await node.core.devices.register(.init(appKey: app.key, platform: .hmos, change: DeviceChange()))
        }
        let registered = try registrations.map { try $0.get() }
        #expect(Set(registered.map(\.registrationID)).count == 40)
        #expect(Set(registered.map(\.secret)).count == 40)
        #expect(registered.map(\.key.ordinal).sorted() == Array(0..<40))
        for device in registered.prefix(3) {
            #expect(device.registrationID.text.wholeMatch(of: /1[0-9a-f]{18}/) != nil)
            let login = try await node.core.devices.login(device.registrationID.text, secret: device.secret)
            #expect(login == .init(key: device.key, platform: .hmos, registrationID: device.registrationID))
        }
        // What is stored does not reveal the secret.
        let stored = try #require(try await node.store.device(registered[0].key.ordinal, of: app.id))
        #expect(stored.secret?.digest != Array(registered[0].secret.utf8))
        let again = try await node.restarted()
        let later = try await again.core.devices.register(
            .init(appKey: app.key, platform: .web, change: DeviceChange()))
        #expect(later.key.ordinal == 40)
    }

    @Test func `logs in nobody with wrong credentials, and does not tell why`() async throws {
        let (node, app) = try await `The push service`.node()
        let own = try await node.core.devices.register(.init(appKey: app.key, platform: .ios, change: DeviceChange()))
        let other = try await node.core.devices.register(.init(appKey: app.key, platform: .ios, change: DeviceChange()))
        // Known to the API alone: it has no secret, and none fits.
        let silent = try await node.register(1, of: app)[0]
        let attempts = [
            (own.registrationID.text, other.secret), (own.registrationID.text, ""), ("1000000000000000000", own.secret),
            ("not legal!", own.secret), ("", ""), (silent.registrationID.text, ""),
        ]
        for (name, secret) in attempts {
            await #expect(throws: Refusal(.badSecret)) { try await node.core.devices.login(name, secret: secret) }
        }
    }

    @Test func `lets neither in nor register who belongs to a blocked or unknown app`() async throws {
        var (node, app) = try await `The push service`.node()
        let own = try await node.core.devices.register(.init(appKey: app.key, platform: .ios, change: DeviceChange()))
        app.isBlocked = true
        try await `Broadcasts of a day`.change(app, in: node)
        await #expect(throws: Refusal(.blacklisted)) {
            try await node.core.devices.login(own.registrationID.text, secret: own.secret)
        }
        await #expect(throws: Refusal(.badSecret)) {
            try await node.core.devices.login(own.registrationID.text, secret: "wrong")
        }
        await #expect(throws: Refusal(.blacklisted)) {
            try await node.core.devices.register(.init(appKey: app.key, platform: .ios, change: DeviceChange()))
        }
        let nobodys = try #require(AppKey(String(repeating: "z", count: 24)))
        await #expect(throws: Refusal(.unknownKey)) {
            try await node.core.devices.register(.init(appKey: nobodys, platform: .ios, change: DeviceChange()))
        }
    }

    @Test func `binds an alias to as many devices as the app allows`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.devicesPerAlias: 2]))
        let devices = try await node.register(3, of: app)
        var change = DeviceChange()
        change.alias = .some(try Names.alias("me"))
        for device in devices.prefix(2) { try await node.core.devices.change(change, of: device.keyed) }
        // Whoever has it may say so again.
        try await node.core.devices.change(change, of: devices[0].keyed)
        await #expect(throws: Refusal(.aliasLimitExceeded)) {
            try await node.core.devices.change(change, of: devices[2].keyed)
        }
        await #expect(throws: Refusal(.aliasLimitExceeded)) {
            try await node.core.devices.register(.init(appKey: app.key, platform: .web, change: change))
        }
        var unbinding = DeviceChange()
        unbinding.alias = .some(nil)
        try await node.core.devices.change(unbinding, of: devices[0].keyed)
        try await node.core.devices.change(change, of: devices[2].keyed)
        #expect(node.core.index[app.id].count(of: try Names.alias("me")) == 2)
    }

    @Test func `binds an alias to no more devices than the app allows, however many ask at once`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.devicesPerAlias: 3]))
        let devices = try await node.register(20, of: app)
        let alias = try Names.alias("me")
        var binding = DeviceChange()
        binding.alias = .some(alias)
        let change = binding
        let outcomes = await withTaskGroup(of: Refusal?.self) { tasks in
            for device in devices {
                tasks.addTask {
                    do throws(Refusal) {
                        try await node.core.devices.change(change, of: device.keyed)
                        return nil
                    } catch {
                        return error
                    }
                }
                tasks.addTask {
                    do throws(Refusal) {
                        _ = try await node.core.devices.register(.init(appKey: app.key, platform: .web, change: change))
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            return await tasks.reduce(into: [Refusal?]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 3)
        #expect(outcomes.compactMap(\.self).allSatisfy { $0 == Refusal(.aliasLimitExceeded) })
        #expect(node.core.index[app.id].count(of: alias) == 3)
        let kept = try await node.core.devices.devices(named: alias, on: .all, limit: 100, of: app.id)
        #expect(kept.count == 3)
    }

    @Test func `changes nothing when a device would carry too many tags, or is unknown`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        var change = DeviceChange()
        change.tags = .set(try (0..<Device.tagsMax).map { try Names.tag("t\($0)") })
        try await node.core.devices.change(change, of: device.keyed)
        change.tags = .change(add: [try Names.tag("more")], remove: [])
        let refusal = await #expect(throws: Refusal.self) {
            try await node.core.devices.change(change, of: device.keyed)
        }
        #expect(refusal?.kind == .badValue)
        #expect(try await node.store.device(0, of: app.id)?.tags.count == Device.tagsMax)
        // Removed first, then added.
        change.tags = .change(add: [try Names.tag("more")], remove: [try Names.tag("t0")])
        try await node.core.devices.change(change, of: device.keyed)
        await #expect(throws: Refusal(.deviceUnknown)) {
            try await node.core.devices.change(change, of: DeviceKey(app: app.id, ordinal: 77))
        }
    }
}

@Suite struct `Signs of life` {
    @Test func `are told once, whole, in parts that do not hold up the store`() async throws {
        let presence = Presence()
        let (one, other) = (AppID(1), AppID(2))
        let now = Timestamp(milliseconds: 5)
        for ordinal in 0..<UInt32(45_000) { presence.opened(DeviceKey(app: one, ordinal: ordinal)) }
        presence.noteActive(DeviceKey(app: other, ordinal: 3))
        var seen = Ordinals()
        var parts = 0
        for write in presence.takeSigns(at: now) {
            switch write {
            case .seen(let ordinals, let app, let at):
                #expect(app == one && at == now)
                #expect(ordinals.count <= 20_000)
                #expect(seen.intersection(ordinals).isEmpty)
                seen.formUnion(ordinals)
                parts += 1
            case .active(let ordinals, let app, let at):
                #expect(ordinals.members == [3] && app == other && at == now)
            default: Issue.record("not a sign of life: \(write)")
            }
        }
        #expect(seen == Ordinals(0..<45_000))
        #expect(parts == 3)
        #expect(presence.takeSigns(at: now).isEmpty)
        // Time goes on for those who are here, and once more for those who leave.
        presence.closed(DeviceKey(app: one, ordinal: 0))
        _ = presence.takeSigns(at: now)
        presence.markOnlineSeen()
        guard case .seen(let first, _, _)? = presence.takeSigns(at: now).first else {
            throw Unexpected(what: "no sign")
        }
        #expect(!first.contains(0) && first.contains(1))
    }

    @Test func `reach the store, so that a restart knows who is active`() async throws {
        let (node, app) = try await `The push service`.node()
        let devices = try await node.register(2, of: app)
        node.clock.advance(seconds: 200 * 86_400)
        node.core.presence.opened(devices[1].keyed)
        for write in node.core.presence.takeSigns(at: node.clock.now) { node.core.committer.commitLater(write) }
        let again = try await node.restarted()
        again.clock.advance(seconds: 100 * 86_400)
        let found = again.core.index[app.id].resolve(.all, on: .all, testOnly: false, at: again.clock.now)
        #expect(found.members == [1])
        #expect(!again.core.presence.isOnline(devices[1].keyed))
    }
}
