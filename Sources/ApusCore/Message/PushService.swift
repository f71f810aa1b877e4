/// From a checked request to a durable message: to whom, keep it, tell.
package final class PushService: Sendable {
    /// How long the answer of a cid is kept.
    package static let cidSeconds = 86_400
    /// How old a push may be that another one overrides.
    package static let overrideSeconds = 86_400

    private let directory: AppDirectory
    private let index: AudienceIndex
    private let presence: Presence
    private let book: DeliveryBook
    private let committer: Committer
    let store: any Store
    private let clocks: Clocks
    let cids: CIDTable<AppID>
    private let resolver: AudienceResolver
    private let days: DailyBook
    private let files: FileService
    private let images: ImageService

    /// Builds it over the services of one node.
    package init(
        directory: AppDirectory, index: AudienceIndex, presence: Presence, book: DeliveryBook, committer: Committer,
        store: any Store, clocks: Clocks, waitSeconds: Int = 20
    ) {
        self.directory = directory
        self.index = index
        self.presence = presence
        self.book = book
        self.committer = committer
        self.store = store
        self.clocks = clocks
        self.resolver = AudienceResolver(index: index, store: store, clocks: clocks)
        self.days = DailyBook(store: store)
        self.cids = CIDTable(waitSeconds: waitSeconds)
        self.files = FileService(store: store, clocks: clocks)
        self.images = ImageService(store: store, clocks: clocks, directory: directory)
    }

    /// Accepts a push. Durable when it returns; delivery has begun.
    ///
    /// - Throws: what ``resolve(_:of:list:isForLater:)`` throws, limits, and store refusals. Nothing is kept then.
    package func push(_ request: PushRequest, of app: App) async throws(Refusal) -> PushAnswer {
        try await self.push(request, of: app, list: nil)
    }

    /// Accepts a push as ``push(_:of:)`` does.
    ///
    /// - Parameter list: the content of the file that the audience names, where the caller has read it for several
    ///   apps; nil for a file of the app's own.
    func push(_ request: PushRequest, of app: App, list: AudienceList?) async throws(Refusal) -> PushAnswer {
        try await self.once(request.cid, of: app, list: list) { () throws(Refusal) in request }
    }

    /// Accepts a push that is yet to be decoded: under a cid that has its answer already, whatever else it says.
    ///
    /// - Parameter rule: what may stand in its audience.
    /// - Throws: as ``push(_:of:)``, and what the decoder refuses.
    package func push(
        _ root: JSONValue, of app: App, audience rule: AudienceRule = .devices
    ) async throws(Refusal) -> PushAnswer {
        try await self.once(root["cid"]?.string.flatMap(CID.init), of: app, list: nil) { () throws(Refusal) in
            try PushRequest(root, audience: rule)
        }
    }

    private func once(
        _ cid: CID?, of app: App, list: AudienceList?, _ request: () throws(Refusal) -> PushRequest
    ) async throws(Refusal) -> PushAnswer {
        guard let cid else { return try await self.accept(try request(), of: app, list: list) }
        return try await self.cids.alone(cid, of: app.id) { () throws(Refusal) in
            if let answer = try await self.answer(to: cid, of: app) { return answer }
            return try await self.accept(try request(), of: app, list: list)
        }
    }

    /// Checks a push as ``push(_:of:)`` does, and keeps nothing.
    package func validate(_ request: PushRequest, of app: App) async throws(Refusal) -> PushAnswer {
        let shown = try await self.illustrated(request, of: app)
        _ = try await self.resolve(shown, of: app, self.directory.limits(of: app.id), in: self.index[app.id])
        return PushAnswer(messageID: self.committer.freshNumber(), sendno: request.options.sendno)
    }

    /// Checks a push that is to be made later: as ``validate(_:of:)`` does, but for what will have changed by then.
    package func checkForLater(_ request: PushRequest, of app: App) async throws(Refusal) {
        let shown = try await self.illustrated(request, of: app)
        _ = try await self.resolve(
            shown, of: app, self.directory.limits(of: app.id), in: self.index[app.id], isForLater: true)
    }

    /// Accepts the push of a task's fire: the message is kept together with the step that it belongs to, or not at all.
    ///
    /// - Throws: as ``push(_:of:)``, and ``Refusal/Kind/messageUnknown`` when the task is no longer what it was.
    package func push(
        _ request: PushRequest, of app: App, firing step: @escaping @Sendable (MessageID) -> ScheduleStep
    ) async throws(Refusal) -> PushAnswer {
        try await self.accept(request, of: app, firing: step)
    }

    /// The answer that a cid got within the last day.
    package func answer(to cid: CID, of app: App) async throws(Refusal) -> PushAnswer? {
        do {
            return try await self.store.answer(to: cid, in: app.id, at: self.clocks.now())
        } catch {
            throw Refusal(error)
        }
    }

    /// Fresh idempotency ids for an app.
    package func cids(count: Int, for app: App) -> [String] {
        (0..<count).map { _ in "\(app.key.text)-\(RandomText.uuid())" }
    }

    /// Withdraws a push: whom it has not reached it will not reach any more. Harmless when repeated.
    ///
    /// - Throws: ``Refusal/Kind/messageUnknown`` for an id that the app does not have.
    package func withdraw(_ id: MessageID, of app: App) async throws(Refusal) {
        guard let deliverable = try await self.deliverable(id), deliverable.app == app.id else {
            throw Refusal(.messageUnknown)
        }
        let now = self.clocks.now()
        try await self.committer.commit(.withdraw(id, of: app.id, at: now)).get()
    }
}

extension PushService {
    /// Whom a push means, after the checks that need the app's state.
    ///
    /// - Parameters:
    ///   - list: the content of the file that the audience names, where it has been read.
    ///   - isForLater: leaves out what only counts at the moment of the push: the push that it overrides, and how many
    ///     others are being spread over time.
    private func resolve(
        _ request: PushRequest, of app: App, _ limits: Limits, in index: AppAudience, list: AudienceList? = nil,
        isForLater: Bool = false
    ) async throws(Refusal) -> Ordinals {
        let ttlMax = limits.ceiling(.timeToLiveMaxSeconds)
        guard request.options.timeToLiveSeconds ?? 0 <= ttlMax else {
            throw .bad("options.time_to_live", "at most \(ttlMax) seconds for this app")
        }
        if let name = request.options.businessOperationCode { try await self.checkPlan(name, of: app) }
        if let id = request.options.overrideMessageID, !isForLater { try await self.checkOverride(id, of: app) }
        let audience: Ordinals
        if request.audience.namesKept, case .matching(let kinds) = request.audience {
            audience = try await self.audience(kinds, of: request, in: app, list: list)
        } else {
            audience = index.resolve(
                request.audience, on: request.platforms, testOnly: request.options.testModel, at: self.clocks.now())
        }
        guard !audience.isEmpty else { throw Refusal(.emptyAudience) }
        if request.options.spreadMinutes > 0, !isForLater {
            let runningMax = limits.ceiling(.timedPushesRunning)
            guard self.book.pacedCount(of: app.id) < runningMax else { throw Self.tooManyPaced(runningMax) }
        }
        return audience
    }

    /// The push with URLs in place of the media ids that the app has. Anything else in the place of a picture may mean
    /// something to the app on the device, and stays.
    private func illustrated(_ request: PushRequest, of app: App) async throws(Refusal) -> PushRequest {
        guard !request.mediaIDs.isEmpty else { return request }
        var known: [String: ImageSet] = [:]
        for id in request.mediaIDs { known[id] = try await self.images.images(id, of: app) }
        return try request.showing { id, channel in known[id]?.url(for: channel) }
    }

    private func checkPlan(_ name: String, of app: App) async throws(Refusal) {
        let plan: PushPlan?
        do { plan = try await self.store.plan(name, of: app.id) } catch { throw Refusal(error) }
        guard plan != nil else {
            throw .bad("options.business_operation_code", "the name of a push plan, '\(name)' is none")
        }
    }

    /// An audience that names what is kept elsewhere.
    private func audience(
        _ kinds: Audience.Kinds, of request: PushRequest, in app: App, list: AudienceList?
    ) async throws(Refusal) -> Ordinals {
        guard let name = kinds.fileID else { return try await self.resolver.resolve(kinds, of: request, app.id) }
        guard app.isVIP else { throw Refusal(.vipOnly) }
        let named =
            if let list { list } else { try await self.files.list(named: name, of: [.app(app.id)]) }
        return await self.index[app.id].resolve(
            named, on: request.platforms, testOnly: request.options.testModel, at: self.clocks.now())
    }

    private func checkOverride(_ id: MessageID, of app: App) async throws(Refusal) {
        let oldest = self.clocks.now().adding(seconds: -Self.overrideSeconds)
        guard let old = try await self.deliverable(id)?.message, old.app == app.id, old.acceptedAt >= oldest else {
            throw .bad("options.override_msg_id", "a push of this app accepted within the last 24 hours")
        }
    }

    /// To whom, keep it; telling follows from the commit (see ``Core``).
    private func accept(
        _ asked: PushRequest, of app: App, list: AudienceList? = nil,
        firing step: (@Sendable (MessageID) -> ScheduleStep)? = nil
    ) async throws(Refusal) -> PushAnswer {
        let request = if asked.mediaIDs.isEmpty { asked } else { try await self.illustrated(asked, of: app) }
        let limits = self.directory.limits(of: app.id)
        let index = self.index[app.id]
        let audience = try await self.resolve(request, of: app, limits, in: index, list: list)
        let meant = index.members(of: audience, on: request.contentPlatforms)
        // A few have no smaller form worth the copy.
        let target = meant.count > Message.directMax ? meant.optimized() : meant
        let isBroadcast = request.audience.isAll
        let isPaced = request.options.spreadMinutes > 0
        let now = self.clocks.now()
        var reservation: DailyBook.Reservation?
        if isPaced || !self.days.letPass(app.id, isBroadcast: isBroadcast, limits: limits) {
            reservation = try await self.reserve(request, target: target, of: app, limits, at: now)
        }
        let targeted = index.counts(of: target)
        // Whoever did not ask for a time to live gets the standard one, or the app's ceiling where that is lower.
        let timeToLiveSeconds =
            request.options.timeToLiveSeconds
            ?? min(PushOptions.timeToLiveSecondsStandard, limits.ceiling(.timeToLiveMaxSeconds))
        let online = index.counts(of: self.presence.online(among: target, of: app.id))
        var answer = PushAnswer(messageID: MessageID(0), sendno: request.options.sendno)
        do throws(Refusal) {
            try await self.committer.commit { [app = app.id] id in
                answer = PushAnswer(messageID: id, sendno: request.options.sendno)
                let message = Message(
                    id: id, app: app, acceptedAt: now, timeToLiveSeconds: timeToLiveSeconds,
                    spreadMinutes: request.options.spreadMinutes, payload: request.kept, target: target,
                    targeted: targeted, online: online, isBroadcast: isBroadcast,
                    overrides: request.options.overrideMessageID)
                if let step { return .fire(step(id), message, request: request) }
                let record = request.cid.map {
                    CIDRecord(cid: $0, answer: answer, expiresAt: now.adding(seconds: Self.cidSeconds))
                }
                return .message(message, request: request, cid: record)
            }.get()
        } catch {
            if isPaced { self.book.releasePaced(of: app.id) }
            self.days.release(reservation, of: app.id)
            throw error
        }
        return answer
    }

    /// Takes the places that a push needs, so that two at once cannot both take the last one.
    private func reserve(
        _ request: PushRequest, target: Ordinals, of app: App, _ limits: Limits, at now: Timestamp
    ) async throws(Refusal) -> DailyBook.Reservation? {
        let isPaced = request.options.spreadMinutes > 0
        let runningMax = limits.ceiling(.timedPushesRunning)
        guard !isPaced || self.book.reservePaced(of: app.id, max: runningMax) else {
            throw Self.tooManyPaced(runningMax)
        }
        do throws(Refusal) {
            return try await self.days.reserve(
                app.id, isBroadcast: request.audience.isAll, target: target, limits: limits, at: now)
        } catch {
            if isPaced { self.book.releasePaced(of: app.id) }
            throw error
        }
    }

    private static func tooManyPaced(_ most: Int) -> Refusal {
        Refusal(.kindLimitExceeded, "Exceeds the limit of \(most) timed-speed pushes at a time")
    }

    private func deliverable(_ id: MessageID) async throws(Refusal) -> Deliverable? {
        do { return try await self.book.deliverables([id])[id] } catch { throw Refusal(error) }
    }

    /// Forgets an app.
    package func remove(_ app: AppID) { self.days.remove(app) }
}
