import ApusCore
import ApusTesting
import Testing

/// Random devices that change at random, in a real store and in the oracle alike.
struct RandomWorld {
    private static let tags = (0..<12).map { "tag\($0)" }
    private static let aliases = (0..<8).map { "alias\($0)" }
    private static let daySeconds = 86_400

    private let seed: UInt64
    private let app: App
    private var random: SplitMix64
    private var node: TestCore
    private var oracle = AudienceOracle()

    init(seed: UInt64) async throws {
        self.seed = seed
        self.random = SplitMix64(seed: seed)
        self.node = try await TestCore.open()
        self.app = try await self.node.createApp()
    }

    /// Registers devices whose last signs of life lie around the horizon of 255 days, or anywhere before.
    mutating func register(_ count: Int) async throws {
        var writes: [Write] = []
        for _ in 0..<count {
            let device = try self.randomDevice()
            self.oracle.register(device)
            writes.append(.register(device))
        }
        try await self.node.keep(writes)
    }

    mutating func restart() async throws { self.node = try await self.node.restarted() }

    private mutating func randomDevice() throws -> Device {
        let ordinal = self.node.core.index[self.app.id].reserveOrdinal()
        let platform = Platform.allCases.randomElement(using: &self.random) ?? .android
        let registeredAt = self.node.clock.now.adding(seconds: -self.randomAgeSeconds())
        var device = Device(
            app: self.app.id, ordinal: ordinal, registrationID: try Names.registrationID("1d-\(ordinal)"), secret: nil,
            platform: platform, registeredAt: registeredAt)
        device.tags = try self.random.some(of: Self.tags, most: 6).map(Names.tag)
        if self.random.chance(oneIn: 2) {
            device.alias = try Self.aliases.randomElement(using: &self.random).map(Names.alias)
        }
        if self.random.chance(oneIn: 3) {
            device.seenAt = self.node.clock.now.adding(seconds: -self.randomAgeSeconds())
        }
        device.isTest = self.random.chance(oneIn: 4)
        return device
    }

    private mutating func randomAgeSeconds() -> Int {
        let days =
            self.random.chance(oneIn: 2)
            ? Int.random(in: 250...260, using: &self.random) : Int.random(in: 0...400, using: &self.random)
        return days * Self.daySeconds + Int.random(in: 0..<Self.daySeconds, using: &self.random)
    }
}

// MARK: - Changing

extension RandomWorld {
    /// A new device, a device's change, signs of life, or time that goes by.
    mutating func changeSomething() async throws {
        switch Int.random(in: 0..<8, using: &self.random) {
        case 0: try await self.register(1)
        case 1: try await self.lettingTimePass()
        case 2: try await self.noteSeen()
        default: try await self.changeDevice()
        }
    }

    private mutating func lettingTimePass() async throws {
        self.node.clock.advance(seconds: Int.random(in: 1...(3 * Self.daySeconds), using: &self.random))
    }

    private mutating func noteSeen() async throws {
        let seen = self.random.some(of: self.oracle.entries.map(\.ordinal), most: 10)
        // Signs of life are written behind: some are older than what is known already.
        let at = self.node.clock.now.adding(seconds: -self.randomAgeSeconds())
        self.oracle.seen(seen, at: at)
        try await self.node.keep([.seen(Ordinals(seen), of: self.app.id, at: at)])
    }

    private mutating func changeDevice() async throws {
        guard let ordinal = self.oracle.entries.map(\.ordinal).randomElement(using: &self.random) else { return }
        var change = DeviceChange()
        switch Int.random(in: 0..<3, using: &self.random) {
        case 0:
            let tags = self.random.some(of: Self.tags, most: 5)
            change.tags = .set(try tags.map(Names.tag))
            self.oracle.setTags(tags, of: ordinal)
        case 1:
            let (adding, removing) = (
                self.random.some(of: Self.tags, most: 3), self.random.some(of: Self.tags, most: 3)
            )
            change.tags = .change(add: try adding.map(Names.tag), remove: try removing.map(Names.tag))
            self.oracle.changeTags(adding: adding, removing: removing, of: ordinal)
        default: break
        }
        if self.random.chance(oneIn: 2) {
            let alias = self.random.chance(oneIn: 3) ? nil : Self.aliases.randomElement(using: &self.random)
            change.alias = .some(try alias.map(Names.alias))
            self.oracle.setAlias(alias, of: ordinal)
        }
        try await self.node.core.devices.change(change, of: DeviceKey(app: self.app.id, ordinal: ordinal))
    }
}

// MARK: - Asking

extension RandomWorld {
    /// Asks the index and the oracle the same random questions.
    mutating func compare(expressions: Int, _ place: SourceLocation = #_sourceLocation) throws {
        let index = self.node.core.index[self.app.id]
        for _ in 0..<expressions {
            let audience = try self.randomAudience()
            let platforms = PlatformSet(rawValue: UInt8.random(in: 1...PlatformSet.all.rawValue, using: &self.random))
            let testOnly = self.random.chance(oneIn: 5)
            let now = self.node.clock.now
            let found = index.resolve(audience, on: platforms, testOnly: testOnly, at: now).members
            let expected = self.oracle.resolve(audience, on: platforms, testOnly: testOnly, at: now)
            #expect(
                found == expected,
                "seed \(self.seed), \(audience) on \(platforms.members), testOnly \(testOnly)", sourceLocation: place)
        }
    }

    private mutating func randomAudience() throws -> Audience {
        if self.random.chance(oneIn: 12) { return .all }
        // One name that no device carries.
        let tags = Self.tags + ["unknown"]
        let aliases = Self.aliases + ["unknown"]
        let names = self.oracle.entries.map(\.name) + ["1d-unknown"]
        var kinds = Audience.Kinds()
        if self.random.chance(oneIn: 2) { kinds.tag = try self.random.some(of: tags, most: 6).map(Names.tag) }
        if self.random.chance(oneIn: 3) { kinds.tagAnd = try self.random.some(of: tags, most: 3).map(Names.tag) }
        if self.random.chance(oneIn: 2) { kinds.tagNot = try self.random.some(of: tags, most: 4).map(Names.tag) }
        if self.random.chance(oneIn: 3) { kinds.alias = try self.random.some(of: aliases, most: 5).map(Names.alias) }
        if self.random.chance(oneIn: 4) {
            kinds.registrationID = try self.random.some(of: names, most: 80).map(Names.registrationID)
        }
        if self.random.chance(oneIn: 40) { kinds.segment = "somebody" }
        if self.random.chance(oneIn: 40) { kinds.abtest = "somebody" }
        return .matching(kinds)
    }
}
