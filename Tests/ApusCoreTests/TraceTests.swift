import ApusCore
import Testing

@Suite struct `A receipt's period` {
    private static let start = Timestamp(milliseconds: 1_705_291_200_250)

    /// Every second of the first hours, and steps through forty days.
    @Test func `holds its moment and is never longer than an eighth of the age`() {
        var last = -1
        for age in Array(0...20_000) + stride(from: 20_000, through: 40 * 86_400, by: 61) {
            let moment = Self.start.adding(seconds: age)
            let period = ReceiptPeriod(of: moment, since: Self.start)
            let next = ReceiptPeriod(number: period.number + 1)
            let (from, until) = (period.start(since: Self.start), next.start(since: Self.start))
            #expect(from <= moment && moment < until, "age \(age)")
            #expect(until.milliseconds - from.milliseconds <= max(1000, Int64(age) * 125), "age \(age)")
            #expect(period.number == last || period.number == last + 1 || age > 20_000, "age \(age)")
            last = period.number
        }
        #expect(last < 165)
    }

    @Test(arguments: [-86_400_000, -1, 0, 999] as [Int64])
    func `is the first for a clock that went back and within the first second`(_ milliseconds: Int64) {
        let moment = Timestamp(milliseconds: Self.start.milliseconds + milliseconds)
        #expect(ReceiptPeriod(of: moment, since: Self.start) == ReceiptPeriod(number: 0))
        #expect(ReceiptPeriod(number: 0).start(since: Self.start) == Self.start)
    }
}

/// A message to some devices, accepted at ``start``, and what was told of it.
private struct Life {
    static let start = Timestamp(milliseconds: 1_705_291_200_000)

    var target: [Ordinal] = [3, 5, 7, 9]
    var lives = 3600
    var spread = 0
    var state = Message.State.live
    var receipts: [DatedReceipt] = []

    static func at(_ seconds: Int) -> Timestamp { Self.start.adding(seconds: seconds) }

    func told(_ kind: Receipt.Kind, _ ordinals: Ordinal..., at seconds: Int = 1, after: Int? = nil) -> Life {
        var life = self
        life.receipts.append(
            DatedReceipt(
                kind: kind, ordinals: Ordinals(ordinals), after: Self.at(after ?? seconds), at: Self.at(seconds)))
        return life
    }

    func trace(at seconds: Int) -> MessageTrace {
        var targeted = PlatformCounts()
        targeted[.android] = self.target.count
        var message = Message(
            id: MessageID(1), app: AppID(1), acceptedAt: Self.start, timeToLiveSeconds: self.lives,
            spreadMinutes: self.spread, payload: [], target: Ordinals(self.target), targeted: targeted,
            online: PlatformCounts(), isBroadcast: false, overrides: nil)
        message.state = self.state
        return MessageTrace(MessageHistory(message: message, receipts: self.receipts), at: Self.at(seconds))
    }

    func states(at seconds: Int) -> [DeliveryState: [Ordinal]] { self.trace(at: seconds).states.mapValues(\.members) }
}

@Suite struct `A trace of a message` {
    @Test func `has each device in the furthest state that it told`() {
        var life = Life()
        for (ordinal, kinds) in [
            (3, [.sent]), (5, [.sent, .received]), (7, [.sent, .received, .displayed]),
            (9, [.received, .displayed, .clickedNotification]),
        ] as [(Ordinal, [Receipt.Kind])] {
            for kind in kinds { life = life.told(kind, ordinal) }
        }
        #expect(life.states(at: 2) == [.sent: [3], .received: [5], .displayed: [7], .clicked: [9]])
        #expect(life.trace(at: 2).state == .waiting)
        #expect(life.trace(at: 2).count(.sent, .received) == 4)
        #expect(life.trace(at: 2).count(.received) == 3)
        #expect(Life().told(.clickedMessage, 3, 5, 7, 9).states(at: 2) == [.clicked: [3, 5, 7, 9]])
    }

    @Test func `waits until its time to live ends, to the millisecond`() {
        let life = Life().told(.received, 3).told(.sent, 5)
        #expect(life.states(at: 3599) == [.received: [3], .sent: [5], .waiting: [7, 9]])
        #expect(life.states(at: 3600) == [.received: [3], .expired: [5, 7, 9]])
        #expect(life.trace(at: 3599).state == .waiting)
        #expect(life.trace(at: 3600).state == .expired)
    }

    @Test func `with no time to live has missed who was not connected`() {
        var life = Life().told(.sent, 3, 5).told(.received, 5)
        life.lives = 0
        #expect(life.states(at: 0) == [.received: [5], .expired: [3], .missed: [7, 9]])
        #expect(life.trace(at: 0).state == .expired)
    }

    @Test(arguments: [(Message.State.withdrawn, DeliveryState.withdrawn), (.overridden, .overridden)])
    func `that was ended keeps what was received before`(_ state: Message.State, _ expected: DeliveryState) {
        var life = Life().told(.received, 3).told(.sent, 5).told(.dropped, 9)
        life.state = state
        // An end stays the reason, also when the time to live would be over by now.
        for second in [1, 4000] {
            #expect(life.states(at: second) == [.received: [3], .dropped: [9], expected: [5, 7]])
        }
        #expect(life.trace(at: 1).state == (state == .withdrawn ? .withdrawn : .overridden))
    }

    @Test func `takes a receipt for more than a drop`() {
        let life = Life().told(.dropped, 3, 5).told(.received, 5)
        #expect(life.states(at: 1) == [.dropped: [3], .received: [5], .waiting: [7, 9]])
        #expect(Life().told(.dropped, 3, 5).told(.received, 7, 9).trace(at: 1).state == .done)
    }

    @Test func `gives each share of a spread push its own time`() throws {
        var life = Life()
        (life.spread, life.lives) = (1, 20)
        // Four devices in a minute: due at 0, 15, 30 and 45.
        #expect(life.states(at: 16) == [.waiting: [3, 5], .scheduled: [7, 9]])
        #expect(life.states(at: 31) == [.expired: [3], .waiting: [5, 7], .scheduled: [9]])
        #expect(life.trace(at: 64).state == .waiting)
        #expect(life.trace(at: 65).states.keys.map(\.self) == [.expired])
        let delivery = try #require(life.trace(at: 1).deliveries(to: [9]).first)
        #expect(delivery.dueAt == Life.at(45) && delivery.expiresAt == Life.at(65))
        life.lives = 0
        #expect(life.states(at: 16) == [.missed: [3, 5], .scheduled: [7, 9]])
    }

    @Test func `of nobody says so`() {
        var life = Life()
        life.target = []
        #expect(life.trace(at: 1).state == .empty)
        #expect(life.trace(at: 1).states.isEmpty)
    }

    @Test func `tells when things happened first, and last for what was sent`() {
        let life = Life().told(.received, 5, at: 90).told(.sent, 5, at: 70).told(.sent, 3, 5, at: 8)
            .told(.sent, 5, at: 30).told(.received, 5, at: 80, after: 72)
        let deliveries = life.trace(at: 100).deliveries(to: [5, 4, 7, 3])
        #expect(deliveries.map(\.ordinal) == [5, 7, 3])
        #expect(deliveries.map(\.state) == [.received, .waiting, .sent])
        #expect(
            deliveries[0].events == [
                DeliveryEvent(kind: .sent, after: Life.at(8), at: Life.at(8)),
                DeliveryEvent(kind: .sent, isRepeat: true, after: Life.at(70), at: Life.at(70)),
                DeliveryEvent(kind: .received, after: Life.at(72), at: Life.at(80)),
            ])
        #expect(deliveries[1].events.isEmpty && deliveries[1].dueAt == Life.start)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `has every device in exactly one state`(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var life = Life()
            life.target = Array(0..<Ordinal.random(in: 0...60, using: &random))
            life.lives = random.chance(oneIn: 4) ? 0 : Int.random(in: 1...100, using: &random)
            life.spread = random.chance(oneIn: 2) ? 0 : Int.random(in: 1...3, using: &random)
            life.state = Message.State.allCases.randomElement(using: &random) ?? .live
            for kind in Receipt.Kind.allCases {
                // Some of them are not in the target, as after a fault.
                let some = random.some(of: Array(0..<Ordinal(70)), most: 20)
                life.receipts.append(
                    DatedReceipt(kind: kind, ordinals: Ordinals(some), after: Life.start, at: Life.start))
            }
            let trace = life.trace(at: Int.random(in: -1...300, using: &random))
            #expect(trace.states.values.flatMap(\.members).sorted() == life.target)
            #expect(trace.deliveries(to: life.target).map(\.ordinal) == life.target)
        }
    }
}

@Suite struct `A device outside of a push's target` {
    private static let acceptedAt = Timestamp(milliseconds: 1_705_291_200_000)

    private static func device(_ adjust: (inout Device) throws -> Void = { _ in }) throws -> Device {
        guard let name = RegistrationID("1a"), let alias = Alias("alice") else { throw Unexpected(what: "name") }
        var device = Device(
            app: AppID(1), ordinal: 4, registrationID: name, secret: nil, platform: .android,
            registeredAt: Self.acceptedAt.adding(seconds: -10))
        device.tags = Names.tags("a", "b")
        device.alias = alias
        try adjust(&device)
        return device
    }

    private static func misses(
        _ audience: String, _ device: Device? = nil, saved: SavedAudiences = SavedAudiences()
    ) throws -> [AudienceMiss] {
        try Sample(audience: audience).request().misses(
            try device ?? Self.device(), acceptedAt: Self.acceptedAt, saved: saved)
    }

    @Test(
        arguments: [
            (#"{"tag": ["x", "y"]}"#, [.tag(Names.tags("x", "y"))]),
            (#"{"tag": ["x", "a"]}"#, []),
            (#"{"tag_and": ["a", "x", "y"]}"#, [.tagAnd(Names.tags("x", "y"))]),
            (#"{"tag_and": ["a", "b"]}"#, []),
            (#"{"tag_not": ["x", "b"]}"#, [.tagNot(Names.tags("b"))]),
            (#"{"tag_not": ["x"]}"#, []),
            (#"{"alias": ["bob"]}"#, [.alias(Alias("alice"))]),
            (#"{"alias": ["bob", "alice"]}"#, []),
            (#"{"registration_id": ["1b"]}"#, [.registrationID]),
            (#"{"registration_id": ["1b", "1a"]}"#, []),
            (#"{"tag": ["x"], "alias": ["bob"]}"#, [.tag(Names.tags("x")), .alias(Alias("alice"))]),
            (#""all""#, []),
        ] as [(String, [AudienceMiss])])
    func `fails these kinds today`(_ audience: String, _ expected: [AudienceMiss]) throws {
        #expect(try Self.misses(audience) == expected)
    }

    @Test func `has another reason when it came later or is on another platform`() throws {
        let late = try Self.device()
        let request = try Sample(audience: #"{"tag": ["x"]}"#).request()
        let before = late.registeredAt.adding(seconds: -1)
        #expect(request.misses(late, acceptedAt: before) == [.registeredLater(late.registeredAt)])
        #expect(request.misses(late, acceptedAt: late.registeredAt) == [.tag(Names.tags("x"))])
        let ios = try Sample(audience: #"{"tag": ["x"]}"#, platform: #"["ios"]"#).request()
        #expect(ios.misses(late, acceptedAt: Self.acceptedAt) == [.otherPlatform(.android)])
        let silent = try Sample(content: #""notification": {"ios": {"alert": "hi"}}"#).request()
        #expect(silent.misses(late, acceptedAt: Self.acceptedAt) == [.noContent(.android)])
        let activity = #""live_activity": {"ios": {"event": "update", "content-state": {}}}"#
        #expect(
            try Sample(content: activity).request().misses(late, acceptedAt: Self.acceptedAt) == [.liveActivity])
    }

    @Test func `was silent for too long, or is no test device`() throws {
        // The push was accepted four hours into its day, and days are what counts.
        let horizon = AppAudience.activityHorizonDays * 86_400 + 4 * 3600
        func old(_ seconds: Int) throws -> Device {
            guard let name = RegistrationID("1a") else { throw Unexpected(what: "name") }
            return Device(
                app: AppID(1), ordinal: 4, registrationID: name, secret: nil, platform: .android,
                registeredAt: Self.acceptedAt.adding(seconds: -seconds))
        }
        let silent = try old(horizon + 1)
        #expect(try Self.misses(#""all""#, silent) == [.silent(since: silent.activeAt)])
        #expect(try Self.misses(#""all""#, try old(horizon)) == [])
        let request = try Sample(options: [#""test_model": true"#]).request()
        #expect(request.misses(try Self.device(), acceptedAt: Self.acceptedAt) == [.noTestDevice])
        let test = try Self.device { $0.isTest = true }
        #expect(request.misses(test, acceptedAt: Self.acceptedAt) == [])
    }

    @Test func `is outside of what was saved, or of its part`() throws {
        var saved = SavedAudiences()
        let segment = #"{"segment": ["vip"]}"#
        #expect(try Self.misses(segment) == [.gone("the segment vip")])
        saved.segment = try Segment(decoding: Array(#"{"audience": {"tag": ["x"]}}"#.utf8))
        #expect(
            try Self.misses(segment, saved: saved) == [.saved("the segment vip", [.tag(Names.tags("x"))])])
        saved.segment = try Segment(decoding: Array(#"{"audience": {"tag": ["a"]}}"#.utf8))
        #expect(try Self.misses(segment, saved: saved) == [])

        #expect(try Self.misses(#"{"abtest": ["t.a"]}"#) == [.gone("the A/B test t")])
        saved.test = try ABTest(decoding: Array(#"{"audience": "all", "shares": [50, 50]}"#.utf8))
        // Two parts that make the whole: the device is in one of them.
        let both = try ["t.a", "t.b"].map { try Self.misses(#"{"abtest": ["\#($0)"]}"#, saved: saved) }
        #expect(both.contains([]))
        #expect(both.contains([.part("t.a")]) || both.contains([.part("t.b")]))
    }

    @Test func `is not in an uploaded list, when nothing else speaks against it`() throws {
        let body = #"{"platform": "all", "audience": {"file": {"file_id": "f1"}}, "notification": {"alert": "hi"}}"#
        let request = try PushRequest(decoding: Array(body.utf8), audience: .file)
        #expect(request.misses(try Self.device(), acceptedAt: Self.acceptedAt) == [.list("f1")])
    }
}
