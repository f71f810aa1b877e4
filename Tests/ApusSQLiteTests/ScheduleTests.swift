import ApusCore
import ApusSQLite
import Testing

@Suite struct `A store of schedules` {
    private static let ids = (0..<4).compactMap { ScheduleID("0eac1b80-c2ac-4b69-948b-c65b34b9651\($0)") }

    private static func schedule(
        _ number: Int, of app: AppID, due seconds: Int? = 60, last: Int = 60, enabled: Bool = true
    ) -> Schedule {
        Schedule(
            id: Self.ids[number], app: app, name: "任务_\(number)", isEnabled: enabled,
            trigger: Array("{\"a\":\"é\"}".utf8),
            push: Array("{}".utf8), createdAt: Fixture.now, nextAt: seconds.map { Fixture.now.adding(seconds: $0) },
            lastAt: Fixture.now.adding(seconds: last))
    }

    private static func step(
        of schedule: Schedule, revision: Int64 = 0, _ outcome: ScheduleFire.Outcome = .pushed(MessageID(7)),
        next: Timestamp? = nil
    ) -> ScheduleStep {
        let fire = ScheduleFire(
            dueAt: schedule.nextAt ?? Fixture.now, recordedAt: Fixture.now.adding(seconds: 61), outcome: outcome)
        return ScheduleStep(
            schedule: schedule.id, app: schedule.app, revision: revision, fires: [fire], nextAt: next)
    }

    @Test func `gives back what was kept`() async throws {
        let fixture = try await Fixture()
        for (number, due) in [60, nil].enumerated() {
            let schedule = Self.schedule(number, of: fixture.app, due: due, enabled: due != nil)
            try await fixture.keep(.createSchedule(schedule, liveMax: .max, cid: nil))
            #expect(try await fixture.store.schedule(schedule.id, of: fixture.app) == schedule)
            #expect(try await fixture.store.schedule(schedule.id, of: AppID(99)) == nil)
        }
        #expect(try await fixture.store.schedule(Self.ids[3], of: fixture.app) == nil)
    }

    @Test func `keeps a fire with its message or neither`() async throws {
        let fixture = try await Fixture()
        let schedule = Self.schedule(0, of: fixture.app)
        try await fixture.keep(.createSchedule(schedule, liveMax: .max, cid: nil))
        let stale = Self.step(of: schedule, revision: 1)
        let unknown = Self.step(of: Self.schedule(1, of: fixture.app))
        for step in [stale, unknown] {
            #expect(
                await fixture.store.commit([.fire(step, fixture.message(7))]) == [.refused(Refusal(.messageUnknown))])
        }
        #expect(try await fixture.stored(7) == nil)
        #expect(try await fixture.store.fires(of: schedule.id, in: fixture.app).isEmpty)

        let next = Fixture.now.adding(seconds: 90)
        let step = Self.step(of: schedule, next: next)
        try await fixture.keep(.fire(step, fixture.message(7)))
        #expect(try await fixture.stored(7) != nil)
        #expect(try await fixture.store.lastMessageID() == MessageID(7))
        #expect(try await fixture.store.fires(of: schedule.id, in: fixture.app) == step.fires)
        let after = try #require(try await fixture.store.schedule(schedule.id, of: fixture.app))
        #expect(after.revision == 1 && after.nextAt == next && after.settledAt == schedule.nextAt)
        // The same step again is one from the past.
        #expect(await fixture.store.commit([.fire(step, fixture.message(8))]) == [.refused(Refusal(.messageUnknown))])
        #expect(try await fixture.stored(8) == nil)

        let failed = Self.step(of: after, revision: 1, .failed(code: 1011, message: "nobody", mayRetry: true))
        try await fixture.keep(.fire(failed, nil))
        #expect(try await fixture.store.fires(of: schedule.id, in: fixture.app) == step.fires + failed.fires)
    }

    @Test func `changes the revision that was read and no other`() async throws {
        let fixture = try await Fixture()
        var schedule = Self.schedule(0, of: fixture.app)
        try await fixture.keep(.createSchedule(schedule, liveMax: .max, cid: nil))
        schedule.name = "b"
        try await fixture.keep(.changeSchedule(schedule))
        #expect(await fixture.store.commit([.changeSchedule(schedule)]) == [.failed(.conflict)])
        schedule.revision = 1
        #expect(try await fixture.store.schedule(schedule.id, of: fixture.app) == schedule)
        try await fixture.keep(.deleteSchedule(schedule.id, of: fixture.app))
        let gone: [WriteOutcome] = [.refused(Refusal(.messageUnknown)), .refused(Refusal(.messageUnknown))]
        #expect(
            await fixture.store.commit([.changeSchedule(schedule), .deleteSchedule(schedule.id, of: fixture.app)])
                == gone)
    }

    @Test func `finds what is due, in order and page by page, and what is due next`() async throws {
        let fixture = try await Fixture()
        for (number, due) in [30, 10, 30, nil].enumerated() {
            let schedule = Self.schedule(number, of: fixture.app, due: due)
            try await fixture.keep(.createSchedule(schedule, liveMax: .max, cid: nil))
        }
        func due(_ seconds: Int, after: SchedulePlace? = nil, limit: Int = 9) async throws -> [ScheduleID] {
            try await fixture.store.dueSchedules(at: Fixture.now.adding(seconds: seconds), after: after, limit: limit)
                .map(\.id)
        }
        #expect(try await due(9) == [])
        #expect(try await due(10) == [Self.ids[1]])
        #expect(try await due(30) == [Self.ids[1], Self.ids[0], Self.ids[2]])
        let place = SchedulePlace(nextAt: Fixture.now.adding(seconds: 30), id: Self.ids[0])
        #expect(try await due(30, after: place, limit: 1) == [Self.ids[2]])
        #expect(try await fixture.store.nextDue(after: Fixture.now) == Fixture.now.adding(seconds: 10))
        #expect(
            try await fixture.store.nextDue(after: Fixture.now.adding(seconds: 10)) == Fixture.now.adding(seconds: 30))
        #expect(try await fixture.store.nextDue(after: Fixture.now.adding(seconds: 30)) == nil)
        #expect(try await fixture.store.deleteApp(fixture.app))
        #expect(try await due(30) == [])
        #expect(try await fixture.count("schedules") == 0)
    }

    @Test func `removes tasks that are over with their fires, in time and with their app`() async throws {
        let fixture = try await Fixture()
        for number in 0..<3 {
            let schedule = Self.schedule(number, of: fixture.app, last: 60 * (number + 1))
            try await fixture.keep(.createSchedule(schedule, liveMax: .max, cid: nil))
            let next = number == 2 ? schedule.lastAt : nil
            try await fixture.keep(.fire(Self.step(of: schedule, next: next), nil))
        }
        _ = try await fixture.store.sweep(at: Fixture.now.adding(seconds: 1059), retentionSeconds: 1000)
        #expect(try await fixture.count("schedules") == 3)
        #expect(try await fixture.store.sweep(at: Fixture.now.adding(seconds: 1060), retentionSeconds: 1000) == 2)
        #expect(try await fixture.store.sweep(at: Fixture.now.adding(seconds: 9000), retentionSeconds: 1000) == 2)
        #expect(try await fixture.count("schedules") == 1)
        #expect(try await fixture.store.deleteApp(fixture.app))
        #expect(try await fixture.count("schedules") == 0)
        #expect(try await fixture.count("schedule_fires") == 0)
    }
}
