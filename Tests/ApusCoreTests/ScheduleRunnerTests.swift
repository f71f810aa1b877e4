import ApusCore
import ApusTesting
import Logging
import Testing

@Suite struct `A scheduled task` {
    @Test func `fires at its instant and not before, and is over then`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        let due = stage.node.clock.now.adding(seconds: 10)
        #expect(await stage.advance(seconds: 9).fire == due)
        #expect(try await stage.received().isEmpty)
        #expect(try await stage.liveCount() == 1)
        #expect(await stage.advance(seconds: 1).fire == nil)
        let message = try #require(try await stage.received().first)
        #expect(
            try await stage.fires(id) == [ScheduleFire(dueAt: due, recordedAt: due, outcome: .pushed(message))])
        #expect(try await stage.node.store.messages([message]).first?.acceptedAt == due)
        #expect(try await stage.liveCount() == 0)
        for _ in 0..<3 { await stage.advance(seconds: 30) }
        #expect(try await stage.received() == [message])
    }

    @Test func `fires at each instant of its period`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60, days: 3))
        for day in 1...4 {
            await stage.advance(seconds: day == 1 ? 60 : 86_400)
            #expect(try await stage.codes(id).count == day)
            #expect(try await stage.liveCount() == (day == 4 ? 0 : 1))
        }
        await stage.advance(seconds: 86_400)
        #expect(try await stage.codes(id) == [0, 0, 0, 0])
    }

    @Test func `is not passed over when it falls due while the runner looks`() async throws {
        let stage = try await ScheduleStage()
        try await stage.create(stage.single(in: 2))
        let due = stage.node.clock.now.adding(seconds: 2)
        let (clock, core) = (stage.node.clock, stage.node.core)
        let ticking = Clocks(
            now: {
                clock.advance(seconds: 1)
                return clock.now
            }, monotonicNanoseconds: clock.clocks.monotonicNanoseconds)
        let runner = ScheduleRunner(
            directory: core.directory, pushes: core.pushes, committer: core.committer, store: stage.node.store,
            bell: ScheduleBell(), clocks: ticking, logger: Logger(label: "apus.test") { _ in SwiftLogNoOpLogHandler() })
        #expect(await runner.fireDue().fire == due)
    }

    @Test func `evaluates its audience at the fire`() async throws {
        let stage = try await ScheduleStage()
        try await stage.create(stage.single(in: 10))
        try await stage.node.register(4, of: stage.app)
        await stage.advance(seconds: 10)
        let message = try #require(try await stage.received().first)
        #expect(try await stage.node.store.messages([message]).first?.target.members == [0, 1, 2, 3, 4])
    }

    @Test func `records a fire that meets nobody, and goes on`() async throws {
        let stage = try await ScheduleStage()
        let alias = try #require(Alias("soon"))
        var change = DeviceChange()
        change.alias = .some(alias)
        try await stage.node.core.devices.change(change, of: stage.device.keyed)
        let push = ScheduleStage.push.replacing(#""audience":"all""#, with: #""audience":{"alias":["soon"]}"#)
        let id = try await stage.create(stage.daily(from: 60), push: push)
        change.alias = .some(nil)
        try await stage.node.core.devices.change(change, of: stage.device.keyed)
        await stage.advance(seconds: 60)
        change.alias = .some(alias)
        try await stage.node.core.devices.change(change, of: stage.device.keyed)
        await stage.advance(seconds: 86_400)
        #expect(try await stage.codes(id) == [1011, 0])
    }

    @Test func `counts against the broadcasts of the day of its fire`() async throws {
        let stage = try await ScheduleStage(limits: Limits([.broadcastsPerDay: 1]))
        let id = try await stage.create(stage.daily(from: 60))
        _ = try await stage.node.push(Sample.broadcast(), of: stage.app)
        await stage.advance(seconds: 60)
        await stage.advance(seconds: 86_400)
        #expect(try await stage.codes(id) == [2008, 0])
    }

    @Test func `checks the push that it overrides at the fire alone`() async throws {
        let stage = try await ScheduleStage()
        let push = ScheduleStage.push.dropLast() + #","options":{"override_msg_id":7}}"#
        let id = try await stage.create(stage.single(in: 10), push: String(push))
        await stage.advance(seconds: 10)
        #expect(try await stage.codes(id) == [1003])
    }

    @Test func `is refused by a blacklist at the fire`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60))
        #expect(try await stage.node.store.updateApp(stage.app.id) { $0.isBlocked = true } != nil)
        try await stage.node.core.reloadApps()
        await stage.advance(seconds: 60)
        #expect(try await stage.node.core.schedules.fires(ofScheduleNamed: id, of: stage.app).count == 1)
        #expect(try await stage.codes(id) == [2003])
    }

    @Test func `goes with its app`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        #expect(try await stage.node.store.deleteApp(stage.app.id))
        #expect(await stage.advance(seconds: 10) == .init(fire: nil, retryNanoseconds: nil))
        try await stage.node.core.reloadApps()
        #expect(await stage.refusal { _ = try await stage.schedule(id) }?.kind == .messageUnknown)
        await stage.advance(seconds: 10)
        #expect(
            try await stage.node.store.acceptedMessages(
                of: stage.app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false
            ).isEmpty)
    }

    @Test func `does not hold up the others, two thousand at one instant`() async throws {
        let stage = try await ScheduleStage()
        let body = try ScheduleSections.root(
            Array(
                #"{"name":"n","enabled":true,"trigger":\#(stage.single(in: 10)),"push":\#(ScheduleStage.push)}"#.utf8))
        let schedules = stage.node.core.schedules
        let outcomes = await Concurrently.run(2000) { try await schedules.create(body, of: stage.app) }
        #expect(outcomes.allSatisfy { (try? $0.get()) != nil })
        await stage.advance(seconds: 10)
        #expect(try await stage.liveCount() == 0)
        let accepted = try await stage.node.store.acceptedMessages(
            of: stage.app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false)
        #expect(accepted.count == 2000)
    }
}

@Suite struct `A missed fire` {
    @Test(arguments: [(60, [0]), (61, [1030])]) func `is made up for within a minute, then skipped and recorded`(
        _ lateness: Int, _ codes: [Int]
    ) async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        stage.node.clock.advance(seconds: 10 + lateness)
        let again = try await stage.restarted()
        _ = await again.node.core.scheduleRunner.fireDue()
        #expect(try await again.codes(id) == codes)
        #expect(try await again.received().count == codes.count { $0 == 0 })
        #expect(try await again.liveCount() == 0)
    }

    @Test func `is recorded one by one when there were many, and the next one comes`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60))
        let again = try await stage.restarted()
        await again.advance(seconds: 60 + 5 * 86_400 + 30)
        #expect(try await again.codes(id) == [1030, 1030, 1030, 1030, 1030, 0])
        #expect(try await again.received().count == 1)
        await again.advance(seconds: 86_400)
        #expect(try await again.codes(id).count == 7)
    }

    @Test func `is not looked for while a task was paused`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60))
        #expect(try await !stage.change(id, #"{"enabled": "false"}"#).isEnabled)
        await stage.advance(seconds: 60 + 86_400 + 1)
        #expect(try await stage.liveCount() == 1)
        try await stage.change(id, #"{"enabled": true}"#)
        _ = await stage.node.core.scheduleRunner.fireDue()
        #expect(try await stage.codes(id).isEmpty)
        await stage.advance(seconds: 86_400 - 1)
        #expect(try await stage.codes(id) == [0])
    }
}

@Suite struct `Each instant is pushed once` {
    @Test func `however often the node restarts around it`() async throws {
        var stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60))
        for _ in 0..<3 {
            await stage.advance(seconds: 30)
            stage = try await stage.restarted()
            await stage.advance(seconds: 30)
            stage = try await stage.restarted()
            _ = await stage.node.core.scheduleRunner.fireDue()
            await stage.advance(seconds: 86_400 - 60)
        }
        #expect(try await stage.codes(id) == [0, 0, 0])
        #expect(
            try await stage.node.store.acceptedMessages(
                of: stage.app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false
            ).count == 3)
    }

    @Test func `when the node is killed before, during or after its commit`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        stage.node.clock.advance(seconds: 10)
        stage.node.store.plan(.hold)
        async let firing = stage.node.core.scheduleRunner.fireDue()
        await stage.node.store.holding()
        let before = try await stage.copied()
        stage.node.store.release()
        _ = await firing
        let after = try await stage.copied()
        for copy in [before, after] {
            _ = await copy.node.core.scheduleRunner.fireDue()
            #expect(try await copy.codes(id) == [0])
            #expect(try await copy.received().count == 1)
        }
    }

    @Test func `when two runners are at it`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        stage.node.clock.advance(seconds: 10)
        let runner = stage.node.core.scheduleRunner
        _ = await Concurrently.run(8) { await runner.fireDue() }
        #expect(try await stage.codes(id) == [0])
        #expect(try await stage.received().count == 1)
    }

    @Test func `when the clock goes back behind it and passes it again`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60, days: 2))
        await stage.advance(seconds: 60)
        let fired = stage.node.clock.now
        stage.node.clock.set(fired.adding(seconds: -7200))
        _ = await stage.node.core.scheduleRunner.fireDue()
        // Neither a pause nor a new trigger brings it back.
        try await stage.change(id, #"{"enabled": false}"#)
        try await stage.change(id, #"{"enabled": true}"#)
        try await stage.change(id, #"{"trigger": \#(stage.daily(from: 7200, days: 2))}"#)
        await stage.advance(seconds: 7200)
        #expect(try await stage.codes(id) == [0])
        await stage.advance(seconds: 86_400)
        #expect(try await stage.codes(id) == [0, 0])
    }

    @Test func `when the clock jumps ahead, and none is made up that lies far behind`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60))
        stage.node.clock.set(stage.node.clock.now.adding(seconds: 60 + 2 * 86_400 + 59))
        _ = await stage.node.core.scheduleRunner.fireDue()
        #expect(try await stage.codes(id) == [1030, 1030, 0])
    }

    @Test func `when a change comes in while it is due`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 10))
        stage.node.clock.advance(seconds: 10)
        stage.node.store.plan(.hold)
        async let firing = stage.node.core.scheduleRunner.fireDue()
        await stage.node.store.holding()
        // It has read the task before the fire, and must not bring back what was due then.
        async let renamed = stage.change(id, #"{"name": "other"}"#)
        stage.node.store.release()
        _ = await firing
        #expect(try await renamed.nextAt == stage.node.clock.now.adding(seconds: 86_400))
        await stage.advance(seconds: 1)
        #expect(try await stage.codes(id) == [0])
        #expect(try await stage.received().count == 1)
    }

    @Test func `and not at all once it was deleted`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        stage.node.clock.advance(seconds: 10)
        stage.node.store.plan(.hold)
        let schedules = stage.node.core.schedules
        async let deletion: Void = schedules.delete(id, of: stage.app)
        await stage.node.store.holding()
        async let firing = stage.node.core.scheduleRunner.fireDue()
        stage.node.store.release()
        try await deletion
        _ = await firing
        await stage.advance(seconds: 2)
        #expect(try await stage.received().isEmpty)
        #expect(await stage.refusal { _ = try await stage.fires(id) }?.kind == .messageUnknown)
    }
}

@Suite struct `A fire that the store fails` {
    @Test func `is tried again three times, then recorded`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60))
        for failure in 1...3 { stage.node.store.plan(.fail(.full), atNext: failure) }
        let wake = await stage.advance(seconds: 60)
        #expect(wake.retryNanoseconds != nil)
        #expect(try await stage.codes(id).isEmpty)
        await stage.advance(seconds: 1)
        await stage.advance(seconds: 4)
        #expect(try await stage.codes(id).isEmpty)
        await stage.advance(seconds: 1)
        #expect(try await stage.codes(id).isEmpty)
        await stage.advance(seconds: 20)
        #expect(try await stage.codes(id) == [0])

        for failure in 1...4 { stage.node.store.plan(.fail(.full), atNext: failure) }
        await stage.advance(seconds: 86_400 - 26)
        for seconds in [1, 5, 20] { await stage.advance(seconds: seconds) }
        #expect(try await stage.codes(id) == [0, 1000])
        let accepted = try await stage.node.store.acceptedMessages(
            of: stage.app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false)
        #expect(accepted.count == 1)
    }

    @Test func `waits for a store that cannot be read`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        stage.node.store.failReads(with: .unavailable)
        #expect(await stage.advance(seconds: 10).retryNanoseconds != nil)
        stage.node.store.failReads(with: nil)
        await stage.advance(seconds: 1)
        #expect(try await stage.codes(id) == [0])
    }
}
