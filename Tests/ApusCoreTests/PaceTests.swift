import ApusCore
import ApusTesting
import Testing

@Suite struct `A pace` {
    private static let start = Timestamp(milliseconds: 1_705_291_200_000)

    @Test func `does not exist for a message that goes out at once`() {
        #expect(Pace(Self.message(spread: 0, devices: 10)) == nil)
    }

    /// Every size up to 200, and random ones, over random durations: each rank is due exactly once, evenly.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `makes each rank due exactly once, evenly, and the last before the end`(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let sizes = Array(0...200) + (0..<20).map { _ in Int.random(in: 201...50_000, using: &random) }
        for size in sizes {
            let minutes = random.chance(oneIn: 3) ? 1 : Int.random(in: 1...1400, using: &random)
            let pace = try #require(Pace(Self.message(spread: minutes, devices: size)))
            let seconds = minutes * 60
            #expect(pace.endsAt == Self.start.adding(seconds: seconds))
            // What becomes due in each second, told by `dueAt`.
            var shares: [Int: Int] = [:]
            for rank in 0..<size {
                let offset = pace.dueAt(rank: rank).milliseconds - Self.start.milliseconds
                #expect(
                    offset % 1000 == 0 && (0..<Int64(seconds) * 1000).contains(offset), "size \(size), rank \(rank)")
                shares[Int(offset / 1000), default: 0] += 1
            }
            #expect(shares.values.reduce(0, +) == size)
            // Even: no share differs by more than one device from any other second's, gaps counting as 0.
            let most = shares.values.max() ?? 0
            let least = shares.count < seconds ? 0 : shares.values.min() ?? 0
            #expect(most - least <= 1, "seed \(seed), size \(size), minutes \(minutes)")
        }
    }

    @Test(arguments: [(0, 1), (1, 1), (7, 1), (59, 1), (60, 1), (61, 1), (3601, 60), (999, 3), (100_000, 2)])
    func `counts as due exactly those whose moment has come`(_ size: Int, _ minutes: Int) throws {
        let pace = try #require(Pace(Self.message(spread: minutes, devices: size)))
        var due = 0
        for second in -1...(minutes * 60 + 1) {
            let now = Self.start.adding(seconds: second)
            while due < size, pace.dueAt(rank: due) <= now { due += 1 }
            #expect(pace.dueCount(at: now) == due, "size \(size), second \(second)")
            // Nothing moves within a second.
            let late = Timestamp(milliseconds: now.milliseconds + 999)
            #expect(pace.dueCount(at: late) == due || second == -1, "size \(size), second \(second)")
        }
        #expect(due == size)
    }

    @Test func `has nobody due before its start`() throws {
        let pace = try #require(Pace(Self.message(spread: 5, devices: 1000)))
        #expect(pace.dueCount(at: Timestamp(milliseconds: Self.start.milliseconds - 1)) == 0)
        #expect(pace.dueCount(at: Timestamp(milliseconds: 0)) == 0)
    }

    private static func message(spread minutes: Int, devices: Int) -> Message {
        var targeted = PlatformCounts()
        targeted[.android] = devices / 2
        targeted[.ios] = devices - devices / 2
        return Message(
            id: MessageID(1), app: AppID(1), acceptedAt: Self.start, timeToLiveSeconds: 60, spreadMinutes: minutes,
            payload: [], target: Ordinals(0..<UInt32(devices)), targeted: targeted, online: PlatformCounts(),
            isBroadcast: false, overrides: nil)
    }
}

@Suite struct `The shares of a timed push` {
    /// 100 devices over one minute, with the clock moved unevenly: some shares fall due together, none twice.
    @Test(arguments: [21, 22] as [UInt64])
    func `ring for each device once, when it is due`(_ seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(100, of: app)
        let doorbell = Doorbell(on: node.core.bus)
        let start = node.clock.now
        let id = try await node.push(Sample.broadcast(#""big_push_duration": 1"#), of: app)
        var seen = 0
        while node.clock.now < start.adding(seconds: 61) {
            for ring in doorbell.deliveries[seen...] {
                #expect(ring.message == id)
                #expect(ring.dueAt <= node.clock.now)
            }
            seen = doorbell.deliveries.count
            node.clock.advance(milliseconds: Int64.random(in: 100...7000, using: &random))
            node.core.book.tick()
        }
        let rung = doorbell.deliveries
        #expect(rung.flatMap(\.recipients) == devices.map(\.ordinal))
        for ring in rung {
            for ordinal in ring.recipients {
                #expect(ring.dueAt == start.adding(seconds: Int(ordinal) * 60 / 100))
            }
        }
    }

    /// Whom the clock passed by while the node was down finds its push at login; only later shares ring.
    @Test(.timeLimit(.minutes(1))) func `ring only for what falls due after a restart`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(60, of: app)
        let id = try await node.push(Sample.broadcast(#""big_push_duration": 1"#), of: app)
        node.clock.advance(seconds: 30)
        let again = try await node.restarted()
        let doorbell = Doorbell(on: again.core.bus)
        again.core.book.tick()
        again.clock.advance(seconds: 2)
        again.core.book.tick()
        // What the push says is read from the store first.
        await doorbell.deliveries(atLeast: 2)
        #expect(doorbell.deliveries.flatMap(\.recipients) == [31, 32])
        #expect(try await again.inbox(of: devices[30]) == [id])
        #expect(try await again.inbox(of: devices[33]).isEmpty)
    }

    @Test func `stop when the push is withdrawn`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        try await node.register(60, of: app)
        let doorbell = Doorbell(on: node.core.bus)
        let id = try await node.push(Sample.broadcast(#""big_push_duration": 1"#), of: app)
        try await node.core.pushes.withdraw(id, of: app)
        node.clock.advance(seconds: 40)
        node.core.book.tick()
        #expect(doorbell.deliveries.flatMap(\.recipients) == [0])
        #expect(doorbell.withdrawals.map(\.recipients) == [Array(0..<60)])
    }

    @Test func `reach online devices alone where the time to live is 0`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(2, of: app)
        let doorbell = Doorbell(on: node.core.bus)
        _ = try await node.push(Sample.broadcast(#""big_push_duration": 1"#, #""time_to_live": 0"#), of: app)
        node.clock.advance(seconds: 30)
        node.core.book.tick()
        #expect(doorbell.deliveries.map(\.recipients) == [[0], [1]])
        for device in devices { #expect(try await node.inbox(of: device).isEmpty) }
    }
}
