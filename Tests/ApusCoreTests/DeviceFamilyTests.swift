import ApusCore
import ApusSQLite
import ApusTesting
import Testing

@Suite struct `Devices as app servers see them` {
    @Test func `change for the very next push`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(2, of: app)[0]
        var change = DeviceChange()
        change.tags = .change(add: [try Names.tag("b")], remove: [])
        change.alias = .some(try Names.alias("bob"))
        try await node.core.devices.change(change, of: device.registrationID.text, in: app.id)
        let audience = #"{"tag": ["b"], "alias": ["bob"]}"#
        let id = try await node.push(try Sample(audience: audience).request(), of: app)
        #expect(try await node.inbox(of: device) == [id])
        #expect(try await node.report(on: id, of: app)?.targeted.sum == 1)
    }

    @Test func `are unknown under a name that is another app's`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp(), try await node.createApp("b"))
        let device = try await node.register(1, of: other)[0]
        await #expect(throws: Refusal(.deviceUnknown)) {
            _ = try await node.core.devices.device(device.registrationID.text, of: app.id)
        }
        await #expect(throws: Refusal(.deviceUnknown)) {
            try await node.core.devices.change(DeviceChange(), of: device.registrationID.text, in: app.id)
        }
    }

    @Test func `change all together or not at all`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let full = try (0..<Device.tagsMax).map { try Names.tag("t\($0)") }
        let devices = try await node.register(3, of: app) { if $0 == 1 { $1.tags = full } }
        let names = devices.map { "\"\($0.registrationID.text)\"" }.joined(separator: ",")
        let lists = try DeviceListUpdate(
            decoding: Array(#"{"registration_ids": {"add": [\#(names)]}}"#.utf8), rule: .addOrRemove)
        let refusal = await #expect(throws: Refusal.self) {
            try await node.core.devices.update(try Names.tag("more"), with: lists, in: app.id)
        }
        #expect(refusal?.kind == .someBadValues)
        #expect(refusal?.illegalRegistrationIDs == [devices[1].registrationID.text])
        let tags = try await node.core.devices.newestTags(of: app.id, limit: 2000)
        #expect(try !tags.contains(Names.tag("more")))
        #expect(node.core.index[app.id].devices(tagged: try Names.tag("more"), on: .all).isEmpty)
    }

    @Test func `keep the order of their bindings over a restart`() async throws {
        var node = try await TestCore.open()
        let app = try await node.createApp()
        let name = try Names.alias("alice")
        let devices = try await node.register(4, of: app) { $1.alias = $0 == 3 ? nil : name }
        // Registered together: bound in some order, and then the first and the last anew.
        for ordinal in [0, 3] {
            for value in [nil, name] {
                var change = DeviceChange()
                change.alias = .some(value)
                try await node.core.devices.change(change, of: devices[ordinal].keyed)
            }
        }
        let before = try await node.core.devices.devices(named: name, on: .all, limit: 10, of: app.id).map(\.ordinal)
        node = try await node.restarted()
        let after = try await node.core.devices.devices(named: name, on: .all, limit: 10, of: app.id).map(\.ordinal)
        #expect(before == after)
        #expect(before.prefix(2) == [devices[3].ordinal, devices[0].ordinal])
        #expect(before.count == 4)
    }

    @Test func `lose an alias or a tag on the platforms named, however many they are`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let (name, label) = (try Names.alias("alice"), try Names.tag("a"))
        let android = try await node.register(1500, of: app) { ($1.alias, $1.tags) = (name, [label]) }
        let ios = try await node.register(2, of: app, on: .ios) { ($1.alias, $1.tags) = (name, [label]) }
        try await node.core.devices.delete(name, on: PlatformSet(.android), in: app.id)
        try await node.core.devices.delete(label, on: PlatformSet(.ios), in: app.id)
        let index = node.core.index[app.id]
        #expect(index.devices(named: name, on: .all) == Ordinals(ios.map(\.ordinal)))
        #expect(index.devices(tagged: label, on: .all) == Ordinals(android.map(\.ordinal)))
        #expect(
            try await node.store.devices(named: name, of: app.id, on: .all, limit: 9).map(\.ordinal)
                == ios.map(\.ordinal).sorted(by: >))
    }

    @Test func `keep an alias that was bound anew while the old one was taken away`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let (old, new) = (try Names.alias("old"), try Names.alias("new"))
        let device = try await node.register(1, of: app) { $1.alias = old }[0]
        var change = DeviceChange()
        change.alias = .some(new)
        try await node.core.devices.change(change, of: device.keyed)
        var removal = DeviceChange()
        removal.unboundAlias = old
        try await node.core.devices.change(removal, of: device.keyed)
        #expect(try await node.core.devices.device(device.registrationID.text, of: app.id).alias == new)
    }
}

@Suite struct `The online state of a device` {
    @Test func `ends ten minutes after its session, and is told for two days`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        #expect(try await self.state(of: device, node) == .offline(lastSeen: nil))
        node.core.presence.opened(device.keyed)
        #expect(try await self.state(of: device, node) == .online)
        node.core.presence.closed(device.keyed)
        #expect(try await self.state(of: device, node) == .online)
        let left = node.clock.now
        try await self.flush(node)
        try await self.flush(node)
        #expect(try await self.state(of: device, node) == .online)
        node.clock.advance(seconds: DeviceService.onlineSeconds)
        #expect(try await self.state(of: device, node) == .online)
        node.clock.advance(seconds: 1)
        #expect(try await self.state(of: device, node) == .offline(lastSeen: left))
        node.clock.advance(seconds: DeviceService.lastSeenSeconds - DeviceService.onlineSeconds)
        #expect(try await self.state(of: device, node) == .offline(lastSeen: nil))
    }

    @Test func `is unknown for an id of another app or of no shape`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp(), try await node.createApp("b"))
        let device = try await node.register(1, of: other)[0]
        let states = try await node.core.devices.onlineStates(
            of: [device.registrationID.text, "not an id", ""], in: app.id)
        #expect(states == [.unknown, .unknown, .unknown])
    }

    private func state(of device: Device, _ node: TestCore) async throws -> DeviceService.OnlineState? {
        try await node.core.devices.onlineStates(of: [device.registrationID.text], in: device.app).first
    }

    private func flush(_ node: TestCore) async throws {
        for write in node.core.presence.takeSigns(at: node.clock.now) {
            guard await node.core.committer.commit(write) == .done else { throw Unexpected(what: "signs were lost") }
        }
    }
}

@Suite struct `Devices that another process imports` {
    @Test func `are found, and get ordinals of their own`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await node.register(3, of: app)
        let label = try Names.tag("imported")
        try await self.elsewhere(node) { store in
            for number in 0..<5 {
                var device = try self.device(number, of: app, node)
                device.tags = [label]
                guard case .changed(_, let kept) = await store.commit([.register(device)])[0] else {
                    throw Unexpected(what: "the ordinal was free")
                }
                #expect(kept.ordinal == 3 + UInt32(number))
            }
        }
        // Not taken over yet: this node still counts on from what it knows, and the store moves the device on.
        let own = try await node.core.devices.register(
            .init(appKey: app.key, platform: .web, change: DeviceChange()))
        #expect(own.key.ordinal == 8)
        try await node.core.followOperators()
        let id = try await node.push(try Sample(audience: #"{"tag": ["imported"]}"#).request(), of: app)
        #expect(try await node.report(on: id, of: app)?.targeted.sum == 5)
        #expect(node.core.index[app.id].count == 9)
        let next = try await node.core.devices.register(
            .init(appKey: app.key, platform: .web, change: DeviceChange()))
        #expect(next.key.ordinal == 9)
    }

    @Test func `replace what was known of them`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let (oldTag, bothTag, oldAlias) = (try Names.tag("old"), try Names.tag("both"), try Names.alias("old"))
        let devices = try await node.register(2, of: app) { _, device in
            (device.tags, device.alias) = ([oldTag, bothTag], oldAlias)
        }
        try await self.elsewhere(node) { store in
            var change = DeviceChange()
            change.tags = .set([try Names.tag("both"), try Names.tag("new")])
            change.alias = .some(try Names.alias("new"))
            change.importedAt = node.clock.now
            guard case .changed = await store.commit([.change(change, of: devices[0].ordinal, in: app.id)])[0] else {
                throw Unexpected(what: "not changed")
            }
        }
        // A change of this node in between is kept.
        var own = DeviceChange()
        own.tags = .change(add: [try Names.tag("own")], remove: [])
        try await node.core.devices.change(own, of: devices[0].keyed)
        try await node.core.followOperators()
        let index = node.core.index[app.id]
        let (first, second) = (Ordinals([devices[0].ordinal]), Ordinals([devices[1].ordinal]))
        for (name, bearers) in [("old", second), ("both", first.union(second)), ("new", first), ("own", first)] {
            #expect(index.devices(tagged: try Names.tag(name), on: .all) == bearers, "\(name)")
        }
        #expect(index.devices(named: try Names.alias("old"), on: .all) == second)
        #expect(index.devices(named: try Names.alias("new"), on: .all) == first)
    }

    @Test func `are taken over later when the store fails meanwhile`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await self.elsewhere(node) { store in
            guard await store.commit([.register(try self.device(0, of: app, node))]) == [.done] else {
                throw Unexpected(what: "not registered")
            }
        }
        node.store.plan(.fail(.timeout))
        await #expect(throws: StoreError.timeout) { try await node.core.followOperators() }
        #expect(node.core.index[app.id].count == 0)
        try await node.core.followOperators()
        #expect(node.core.index[app.id].count == 1)
    }

    @Test func `come page by page, and none twice`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await self.elsewhere(node) { store in
            let writes = try (0..<2500).map { Write.register(try self.device($0, of: app, node)) }
            for outcome in await store.commit(writes) {
                if case .failed(let error) = outcome { throw error }
            }
        }
        let before = node.store.batchSizes.count
        try await node.core.followOperators()
        #expect(node.core.index[app.id].count == 2500)
        #expect(node.store.batchSizes.count - before == 3)
        try await node.core.followOperators()
        #expect(node.store.batchSizes.count - before == 3)
    }

    @Test func `count as active from the import on`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        node.clock.advance(seconds: (AppAudience.activityHorizonDays + 2) * 86_400)
        await #expect(throws: Refusal(.emptyAudience)) { try await node.push(try Sample.broadcast(), of: app) }
        try await self.elsewhere(node) { store in
            var change = DeviceChange()
            change.importedAt = node.clock.now
            guard case .changed = await store.commit([.change(change, of: device.ordinal, in: app.id)])[0] else {
                throw Unexpected(what: "not changed")
            }
        }
        try await node.core.followOperators()
        _ = try await node.push(try Sample.broadcast(), of: app)
    }

    /// Does something on the store of a node as another process does, over a connection of its own.
    private func elsewhere(_ node: TestCore, _ body: (SQLiteStore) async throws -> Void) async throws {
        let store = try await SQLiteStore.open(folder: node.folder.path)
        do { try await body(store) } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func device(_ number: Int, of app: App, _ node: TestCore) throws -> Device {
        guard let name = RegistrationID("imported-\(number)") else { throw Unexpected(what: "name") }
        var device = Device(
            app: app.id, ordinal: Ordinal(number), registrationID: name, secret: nil,
            platform: .android, registeredAt: node.clock.now)
        device.importedAt = node.clock.now
        return device
    }
}
