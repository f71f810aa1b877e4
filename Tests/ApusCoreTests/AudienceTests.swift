import ApusCore
import ApusTesting
import Testing

@Suite struct `An audience` {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `is whom plain sets say, whatever changed, and again after a restart`(_ seed: UInt64) async throws {
        var world = try await RandomWorld(seed: seed)
        try await world.register(150)
        for _ in 0..<30 {
            for _ in 0..<6 { try await world.changeSomething() }
            try world.compare(expressions: 50)
        }
        try await world.restart()
        try world.compare(expressions: 300)
        for _ in 0..<5 {
            for _ in 0..<6 { try await world.changeSomething() }
            try world.compare(expressions: 50)
        }
    }

    /// d1{a,c} d2{a,b,c} d3{b} d4{}, as in the vendor's text.
    @Test(
        arguments: [
            (#"{"tag": ["a", "b"]}"#, [0, 1, 2]),
            (#"{"tag": ["a", "b"], "tag_and": ["a", "c"]}"#, [0, 1]),
            (#"{"tag": ["a", "b"], "tag_and": ["a", "c"], "tag_not": ["b"]}"#, [0]),
            (#"{"tag_not": ["a"]}"#, [2, 3]),
            (#"{"tag_and": ["a", "nobody"]}"#, []),
            (#"{"tag_not": ["nobody"]}"#, [0, 1, 2, 3]),
            (#""all""#, [0, 1, 2, 3]),
        ] as [(String, [Ordinal])])
    func `follows the worked example`(_ audience: String, _ expected: [Ordinal]) async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let tags = try [["a", "c"], ["a", "b", "c"], ["b"], []].map { try $0.map(Names.tag) }
        try await node.register(4, of: app) { $1.tags = tags[$0] }
        let request = try Sample(audience: audience).request()
        let found = node.core.index[app.id].resolve(
            request.audience, on: request.platforms, testOnly: false, at: node.clock.now)
        #expect(found.members == expected)
    }

    @Test func `finds a device up to 255 days after its last sign of life and not on the next day`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await node.register(2, of: app)
        func everybody() -> [Ordinal] {
            node.core.index[app.id].resolve(.all, on: .all, testOnly: false, at: node.clock.now).members
        }
        node.clock.advance(seconds: 255 * 86_400)
        #expect(everybody() == [0, 1])
        try await node.keep([.seen(Ordinals([1]), of: app.id, at: node.clock.now)])
        node.clock.advance(seconds: 86_400)
        #expect(everybody() == [1])
        try await node.keep([.seen(Ordinals([0]), of: app.id, at: node.clock.now)])
        #expect(everybody() == [0, 1])
        let again = try await node.restarted()
        #expect(
            again.core.index[app.id].resolve(.all, on: .all, testOnly: false, at: node.clock.now).members == [0, 1])
    }

    @Test func `finds silent devices again when the clock turns out to have been ahead`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await node.register(3, of: app)
        let index = node.core.index[app.id]
        let inOneYear = node.clock.now.adding(seconds: 365 * 86_400)
        #expect(index.resolve(.all, on: .all, testOnly: false, at: inOneYear).isEmpty)
        #expect(index.resolve(.all, on: .all, testOnly: false, at: node.clock.now).count == 3)
    }

    @Test func `stays as it was resolved while devices change`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let tag = try Names.tag("a")
        let devices = try await node.register(3, of: app) { $1.tags = [tag] }
        var kinds = Audience.Kinds()
        kinds.tag = [tag]
        let index = node.core.index[app.id]
        let before = index.resolve(.matching(kinds), on: .all, testOnly: false, at: node.clock.now)
        var change = DeviceChange()
        change.tags = .set([])
        for device in devices { try await node.core.devices.change(change, of: device.keyed) }
        #expect(before.members == [0, 1, 2])
        #expect(index.resolve(.matching(kinds), on: .all, testOnly: false, at: node.clock.now).isEmpty)
    }

    @Test func `never reaches into another app`() async throws {
        let node = try await TestCore.open()
        let (one, other) = (try await node.createApp("a"), try await node.createApp("b"))
        let (tag, alias) = (try Names.tag("t"), try Names.alias("x"))
        let foreign = try await node.register(3, of: other) {
            $1.tags = [tag]; $1.alias = alias
        }
        try await node.register(1, of: one)
        var kinds: [Audience.Kinds] = Array(repeating: .init(), count: 3)
        kinds[0].tag = [tag]
        kinds[1].alias = [alias]
        kinds[2].registrationID = foreign.map(\.registrationID)
        for kind in kinds {
            let found = node.core.index[one.id].resolve(.matching(kind), on: .all, testOnly: false, at: node.clock.now)
            #expect(found.isEmpty)
        }
    }
}
