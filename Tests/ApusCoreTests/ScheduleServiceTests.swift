import ApusCore
import ApusTesting
import Testing

@Suite struct `The schedule service` {
    @Test func `gives a task back as it was sent, without its cids`() async throws {
        let stage = try await ScheduleStage()
        let trigger = stage.single(in: 10)
        let push = ScheduleStage.push.dropLast() + #","cid":"not a cid","options":{"sendno":7}}"#
        let id = try await stage.create(trigger, push: String(push), name: "任务_1")
        let schedule = try await stage.schedule(id.uppercased())
        #expect(String(decoding: schedule.trigger, as: UTF8.self) == trigger)
        #expect(
            String(decoding: schedule.push, as: UTF8.self) == ScheduleStage.push.dropLast()
                + #","options":{"sendno":7}}"#)
        #expect(schedule.name == "任务_1" && schedule.isEnabled)
    }

    @Test func `creates one task per cid, and shares cids with pushes`() async throws {
        let stage = try await ScheduleStage()
        let trigger = stage.single(in: 10)
        let ids = await Concurrently.run(20) { try await stage.create(trigger, cid: "c") }
        #expect(Set(try ids.map { try $0.get() }).count == 1)
        #expect(try await stage.liveCount() == 1)
        let again = try await stage.restarted()
        #expect(try await again.create(trigger, name: "other", cid: "c") == (try ids[0].get()))
        let answer = try await again.node.core.pushes.push(Sample(cid: "c").request(), of: stage.app)
        #expect(answer.created?.name == "task")
        #expect(try await again.received().isEmpty)
    }

    @Test func `holds an app to its live tasks, whoever is first`() async throws {
        let stage = try await ScheduleStage(limits: Limits([.schedulesLive: 3]))
        let trigger = stage.single(in: 10)
        let outcomes = await Concurrently.run(10) { try await stage.create(trigger) }
        #expect(outcomes.count { (try? $0.get()) != nil } == 3)
        let refusal = await stage.refusal { try await stage.create(trigger) }
        #expect(refusal?.kind == .kindLimitExceeded)
        #expect(refusal?.row(for: .schedule).code == 8100)
        #expect(refusal?.detail?.contains("task count exceeds the limit") == true)
        await stage.advance(seconds: 10)
        try await stage.create(stage.single(in: 10))
    }

    @Test func `pages live tasks, oldest first`() async throws {
        let stage = try await ScheduleStage()
        for number in 0..<51 { try await stage.create(stage.single(in: 60), name: "n\(number)") }
        try await stage.create(stage.single(in: 1), name: "over")
        await stage.advance(seconds: 1)
        let schedules = stage.node.core.schedules
        let pages = [try await schedules.page(1, of: stage.app), try await schedules.page(2, of: stage.app)]
        #expect(pages.map(\.total) == [51, 51])
        #expect(pages.flatMap(\.schedules).map(\.name) == (0..<51).map { "n\($0)" })
        for number in [3, Int.max] { #expect(try await schedules.page(number, of: stage.app).schedules.isEmpty) }
    }

    @Test(arguments: [0, -1, 366 * 86_400 + 1]) func `refuses a time that has come or lies too far ahead`(
        _ seconds: Int
    ) async throws {
        let stage = try await ScheduleStage()
        #expect(await stage.refusal { try await stage.create(stage.single(in: seconds)) }?.kind == .badValue)
        #expect(try await stage.liveCount() == 0)
    }

    @Test func `takes a time exactly one year ahead`() async throws {
        let stage = try await ScheduleStage()
        // 2024 is a leap year.
        try await stage.create(stage.single(in: 366 * 86_400))
        #expect(await stage.refusal { try await stage.create(stage.single(in: 366 * 86_400 + 1)) } != nil)
    }

    @Test func `drops fires before now, and refuses a task with none left`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: -3 * 86_400 + 60))
        #expect(try await stage.schedule(id).nextAt == stage.node.clock.now.adding(seconds: 60))
        let refusal = await stage.refusal { try await stage.create(stage.daily(from: -3 * 86_400, days: 2)) }
        #expect(refusal?.detail == "The schedule-task is invalid, has been at term")
    }

    @Test func `changes what is sent and keeps the rest`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 60))
        let before = try await stage.schedule(id)
        let renamed = try await stage.change(id, #"{"name":"b","x":1}"#)
        #expect(renamed.name == "b" && renamed.nextAt == before.nextAt && renamed.push == before.push)
        let moved = try await stage.change(id, #"{"trigger":\#(stage.single(in: 120))}"#)
        #expect(moved.name == "b" && moved.nextAt == before.nextAt?.adding(seconds: 60))
        let stored = try await stage.schedule(id)
        #expect(stored.nextAt == moved.nextAt && stored.lastAt == moved.lastAt && stored.trigger == moved.trigger)
        await stage.advance(seconds: 60)
        #expect(try await stage.received().isEmpty)
        await stage.advance(seconds: 60)
        #expect(try await stage.received().count == 1)
    }

    @Test func `keeps a fire that is late when only the name changes`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        stage.node.clock.advance(seconds: 30)
        try await stage.change(id, #"{"name":"b"}"#)
        _ = await stage.node.core.scheduleRunner.fireDue()
        #expect(try await stage.codes(id) == [0])
    }

    @Test func `does not turn one kind of trigger into the other`() async throws {
        let stage = try await ScheduleStage()
        let (single, daily) = (
            try await stage.create(stage.single(in: 60)), try await stage.create(stage.daily(from: 60))
        )
        for (id, trigger) in [(single, stage.daily(from: 60)), (daily, stage.single(in: 60))] {
            let refusal = await stage.refusal { try await stage.change(id, #"{"trigger":\#(trigger)}"#) }
            #expect(refusal?.detail == "The schedule-task is invalid, update target task")
        }
    }

    @Test func `does not change a task that is over, nor one that was paused past its last fire`() async throws {
        let stage = try await ScheduleStage()
        let fired = try await stage.create(stage.single(in: 10))
        let paused = try await stage.create(stage.single(in: 10))
        try await stage.change(paused, #"{"enabled":false}"#)
        await stage.advance(seconds: 11)
        #expect(try await stage.liveCount() == 0)
        for id in [fired, paused] {
            for change in [#"{"name":"b"}"#, #"{"enabled":true}"#, #"{"trigger":\#(stage.single(in: 60))}"#] {
                let refusal = await stage.refusal { try await stage.change(id, change) }
                #expect(refusal?.detail == "The schedule-task is invalid, expired")
            }
        }
        try await stage.node.core.schedules.delete(fired, of: stage.app)
        #expect(
            await stage.refusal { try await stage.node.core.schedules.delete(fired, of: stage.app) }?.kind
                == .messageUnknown)
    }

    @Test func `knows no task of another app, and nothing that is no UUID`() async throws {
        let stage = try await ScheduleStage()
        let stranger = try await stage.node.createApp("b")
        let id = try await stage.create(stage.single(in: 60))
        let schedules = stage.node.core.schedules
        for (name, app) in [(id, stranger), ("x", stage.app), ("0eac1b80-c2ac-4b69-948b-c65b34b96512", stage.app)] {
            #expect(
                await stage.refusal { _ = try await schedules.schedule(named: name, of: app) }?.kind == .messageUnknown)
            #expect(await stage.refusal { try await schedules.delete(name, of: app) }?.kind == .messageUnknown)
        }
        #expect(try await stage.liveCount() == 1)
    }

    @Test func `says which way the store failed`() async throws {
        let stage = try await ScheduleStage()
        let trigger = stage.single(in: 60)
        stage.node.store.plan(.fail(.timeout))
        #expect(await stage.refusal { try await stage.create(trigger) }?.kind == .backendSlow)
        stage.node.store.failReads(with: .unavailable)
        #expect(await stage.refusal { _ = try await stage.liveCount() }?.kind == .backendDown)
        stage.node.store.failReads(with: nil)
        #expect(try await stage.liveCount() == 0)
    }

    @Test func `forgets a task thirty days after its last fire`() async throws {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 10))
        let live = try await stage.create(stage.daily(from: 60, days: 60))
        await stage.advance(seconds: 10)
        func sweep(_ seconds: Int) async throws {
            stage.node.clock.advance(seconds: seconds)
            _ = try await stage.node.store.sweep(
                at: stage.node.clock.now, retentionSeconds: Upkeep.retentionSeconds)
        }
        try await sweep(30 * 86_400 - 1)
        #expect(try await stage.codes(id) == [0])
        try await sweep(1)
        #expect(await stage.refusal { _ = try await stage.schedule(id) }?.kind == .messageUnknown)
        #expect(try await stage.schedule(live).id.text == live)
        let schedule = try #require(ScheduleID(id))
        #expect(try await stage.node.store.fires(of: schedule, in: stage.app.id).isEmpty)
    }
}
