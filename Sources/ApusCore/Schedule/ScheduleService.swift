/// Scheduled tasks as their callers see them: created, listed, changed, deleted.
///
/// Source: contract, schedule §1 to §8.
package final class ScheduleService: Sendable {
    /// Tasks of one page of the list.
    package static let pageSize = 50
    /// How often a change is tried anew when a fire or another change came in between.
    private static let attemptsMax = 8

    private let directory: AppDirectory
    private let pushes: PushService
    private let committer: Committer
    private let store: any Store
    private let clocks: Clocks

    package init(
        directory: AppDirectory, pushes: PushService, committer: Committer, store: any Store, clocks: Clocks
    ) {
        self.directory = directory
        self.pushes = pushes
        self.committer = committer
        self.store = store
        self.clocks = clocks
    }

    /// Some of an app's live tasks, and how many there are in all.
    package struct Page: Sendable {
        /// Live tasks on all pages.
        package let total: Int
        /// Oldest creation first, at most ``ScheduleService/pageSize``.
        package let schedules: [Schedule]
    }

    /// Creates a task. Durable when it returns.
    ///
    /// - Parameter body: the request's, read by ``ScheduleSections/root(_:)``.
    /// - Returns: what a cid in the body has got before, if it has one that was used; else the new task's name.
    /// - Throws: ``Refusal/Kind/badValue`` in the words of the schedule family; store refusals. Nothing is kept then.
    package func create(_ body: JSONValue, of app: App) async throws(Refusal) -> PushAnswer {
        guard let text = body["cid"] else { return try await self.create(body, of: app, cid: nil) }
        guard let cid = text.string.flatMap(CID.init) else {
            throw .schedule("section is invalid: cid must be 1 to \(CID.sizeMaxBytes) characters of 0-9 A-Z a-z _ -")
        }
        return try await self.pushes.cids.alone(cid, of: app.id) { () throws(Refusal) in
            if let answer = try await self.pushes.answer(to: cid, of: app) { return answer }
            return try await self.create(body, of: app, cid: cid)
        }
    }

    /// Creates a task for each item of a scheduled push by template. What is refused does not hold up the others.
    ///
    /// - Returns: what became of each item, in order. Tasks that were created are durable.
    /// - Throws: ``Refusal/Kind/nameUnknown`` when the app has no such template, ``Refusal/Kind/badValue`` when the
    ///   trigger never fires; store refusals.
    package func create(
        _ request: TemplateScheduleRequest, of app: App
    ) async throws(Refusal) -> [Result<CreatedSchedule, Refusal>] {
        _ = try Self.fires(of: request.trigger.value, at: self.clocks.now(), after: nil)
        let template = try await self.pushes.template(request.pushes.id, of: app)
        let items = request.pushes.items
        return await Array(items.indices).inLanes(\.self) { (index) throws(Refusal) in
            let push = try items[index].push(template)
            try await self.pushes.checkForLater(push, of: app)
            return try await self.keep(request.name, request.trigger, push.kept, of: app)
        }
    }

    /// - Parameter number: from 1; beyond the last page there are none.
    package func page(_ number: Int, of app: App) async throws(Refusal) -> Page {
        let now = self.clocks.now()
        let (skip, isBeyond) = (number - 1).multipliedReportingOverflow(by: Self.pageSize)
        do {
            let total = try await self.store.liveScheduleCount(of: app.id, at: now)
            guard !isBeyond, skip < total else { return Page(total: total, schedules: []) }
            return Page(
                total: total,
                schedules: try await self.store.liveSchedules(of: app.id, at: now, skip: skip, limit: Self.pageSize))
        } catch {
            throw Refusal(error)
        }
    }

    /// - Parameter name: as the caller wrote it.
    /// - Throws: ``Refusal/Kind/messageUnknown`` for what is not the name of a task of this app.
    package func schedule(named name: String, of app: App) async throws(Refusal) -> Schedule {
        guard let id = ScheduleID(name) else { throw Refusal(.messageUnknown) }
        let found: Schedule?
        do { found = try await self.store.schedule(id, of: app.id) } catch { throw Refusal(error) }
        guard let found else { throw Refusal(.messageUnknown) }
        return found
    }

    /// What became of a task's fires, oldest first.
    ///
    /// - Throws: as ``schedule(named:of:)``.
    package func fires(ofScheduleNamed name: String, of app: App) async throws(Refusal) -> [ScheduleFire] {
        let schedule = try await self.schedule(named: name, of: app)
        do { return try await self.store.fires(of: schedule.id, in: app.id) } catch { throw Refusal(error) }
    }

    /// Changes a task. Durable when it returns.
    ///
    /// - Returns: the task as it is now.
    /// - Throws: ``Refusal/Kind/badValue`` in the words of the schedule family, as ``schedule(named:of:)``, and store
    ///   refusals. Nothing is changed then.
    package func change(
        _ name: String, to sections: ScheduleSections, of app: App
    ) async throws(Refusal) -> Schedule {
        for _ in 0..<Self.attemptsMax {
            let old = try await self.schedule(named: name, of: app)
            let new = try self.changed(old, to: sections)
            if let push = sections.push { try await self.check(push.value, of: app) }
            switch await self.committer.commit(.changeSchedule(new)) {
            case .done, .changed, .changedAll, .adopted: return new
            case .refused(let refusal): throw refusal
            case .failed(.conflict): continue
            case .failed(let error): throw Refusal(error)
            }
        }
        throw Refusal(.overloaded)
    }

    /// Deletes a task; pushes that it made stay.
    ///
    /// - Throws: as ``schedule(named:of:)``.
    package func delete(_ name: String, of app: App) async throws(Refusal) {
        guard let id = ScheduleID(name) else { throw Refusal(.messageUnknown) }
        try await self.committer.commit(.deleteSchedule(id, of: app.id)).get()
    }
}

extension ScheduleService {
    private func create(_ body: JSONValue, of app: App, cid: CID?) async throws(Refusal) -> PushAnswer {
        let sections = try ScheduleSections.created(by: body)
        guard let name = sections.name, let trigger = sections.trigger, let push = sections.push else {
            throw Refusal(.internalFault)
        }
        _ = try Self.fires(of: trigger.value, at: self.clocks.now(), after: nil)
        try await self.check(push.value, of: app)
        return PushAnswer(try await self.keep(name, trigger, push.kept, of: app, cid: cid))
    }

    /// Keeps a new task whose push was checked.
    private func keep(
        _ name: String, _ trigger: ScheduleSections.Section<Trigger>, _ push: [UInt8], of app: App, cid: CID? = nil
    ) async throws(Refusal) -> CreatedSchedule {
        let now = self.clocks.now()
        let (next, last) = try Self.fires(of: trigger.value, at: now, after: nil)
        guard let id = ScheduleID(RandomText.uuid()) else { throw Refusal(.internalFault) }
        let schedule = Schedule(
            id: id, app: app.id, name: name, isEnabled: true, trigger: trigger.kept, push: push, createdAt: now,
            nextAt: next, lastAt: last)
        let created = CreatedSchedule(id: id, name: name)
        let record = cid.map {
            CIDRecord(
                cid: $0, answer: PushAnswer(created), expiresAt: now.adding(seconds: PushService.cidSeconds))
        }
        let liveMax = self.directory.limits(of: app.id).ceiling(.schedulesLive)
        try await self.committer.commit(.createSchedule(schedule, liveMax: liveMax, cid: record)).get()
        return created
    }

    /// The task that a change leads to.
    private func changed(_ old: Schedule, to sections: ScheduleSections) throws(Refusal) -> Schedule {
        let now = self.clocks.now()
        guard old.isLive(at: now) else { throw .schedule("expired") }
        var new = old
        new.name = sections.name ?? old.name
        new.push = sections.push?.kept ?? old.push
        new.trigger = sections.trigger?.kept ?? old.trigger
        new.isEnabled = sections.isEnabled ?? old.isEnabled
        if let trigger = sections.trigger {
            switch (try ScheduleSections.trigger(kept: old.trigger), trigger.value) {
            case (.single, .single), (.periodical, .periodical): break
            case (.single, .periodical), (.periodical, .single): throw .schedule("update target task")
            }
            let (next, last) = try Self.fires(of: trigger.value, at: now, after: old.settledAt)
            (new.nextAt, new.lastAt) = (next, last)
        } else if new.isEnabled, !old.isEnabled {
            let trigger = try ScheduleSections.trigger(kept: old.trigger)
            guard let next = trigger.fire(from: Self.earliest(now, after: old.settledAt)) else {
                throw .schedule("expired")
            }
            new.nextAt = next
        }
        if !new.isEnabled { new.nextAt = nil }
        return new
    }

    /// Checks a push as its endpoint does, as far as that can be said today.
    private func check(_ push: PushRequest, of app: App) async throws(Refusal) {
        do throws(Refusal) {
            try await self.pushes.checkForLater(push, of: app)
        } catch {
            throw .push(error)
        }
    }

    /// The next fire of a trigger that is set now, and its last.
    ///
    /// - Parameter settledAt: fires up to this one have been dealt with.
    /// - Throws: ``Refusal/Kind/badValue`` when none is left, or a single one lies too far ahead.
    private static func fires(
        of trigger: Trigger, at now: Timestamp, after settledAt: Timestamp?
    ) throws(Refusal) -> (next: Timestamp, last: Timestamp) {
        var earliest = Self.earliest(now, after: settledAt)
        if case .single(let time) = trigger {
            let yearLater = TimeUTC8(epochMilliseconds: now.milliseconds).yearLater
            guard yearLater.map({ time <= $0 }) ?? true else {
                throw .schedule("section is invalid: trigger.single.time must be at most 1 year ahead")
            }
            earliest = max(earliest, now.next)
        }
        guard let next = trigger.fire(from: earliest), let last = trigger.last else {
            throw .schedule("has been at term")
        }
        return (next, Timestamp(milliseconds: last.epochMilliseconds))
    }

    private static func earliest(_ now: Timestamp, after settledAt: Timestamp?) -> Timestamp {
        settledAt.map { max(now, $0.next) } ?? now
    }
}
