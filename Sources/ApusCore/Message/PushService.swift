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
    private let store: any Store
    private let clocks: Clocks
    private let cids = CIDTable<AppID>()
    private let days: DailyBook
    private let files: FileService

    /// Builds it over the services of one node.
    package init(
        directory: AppDirectory, index: AudienceIndex, presence: Presence, book: DeliveryBook, committer: Committer,
        store: any Store, clocks: Clocks
    ) {
        self.directory = directory
        self.index = index
        self.presence = presence
        self.book = book
        self.committer = committer
        self.store = store
        self.clocks = clocks
        self.days = DailyBook(store: store)
        self.files = FileService(store: store, clocks: clocks)
    }

    /// Accepts a push. Durable when it returns; delivery has begun.
    ///
    /// - Throws: what ``resolve(_:of:list:)`` throws, limits, and store refusals. Nothing is kept then.
    package func push(_ request: PushRequest, of app: App) async throws(Refusal) -> PushAnswer {
        try await self.push(request, of: app, list: nil)
    }

    /// Accepts a push as ``push(_:of:)`` does.
    ///
    /// - Parameter list: the content of the file that the audience names, where the caller has read it for several
    ///   apps; nil for a file of the app's own.
    func push(_ request: PushRequest, of app: App, list: AudienceList?) async throws(Refusal) -> PushAnswer {
        guard let cid = request.cid else { return try await self.accept(request, of: app, list: list) }
        return try await self.cids.alone(cid, of: app.id) { () throws(Refusal) in
            if let answer = try await self.answer(to: cid, of: app) { return answer }
            return try await self.accept(request, of: app, list: list)
        }
    }

    /// Checks a push as ``push(_:of:)`` does, and keeps nothing.
    package func validate(_ request: PushRequest, of app: App) async throws(Refusal) -> PushAnswer {
        _ = try await self.resolve(request, of: app)
        return PushAnswer(messageID: self.committer.freshNumber(), sendno: request.options.sendno)
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
        try await self.keep { _ in .withdraw(id) }
    }
}

extension PushService {
    /// Whom a push means, after the checks that need the app's state.
    private func resolve(
        _ request: PushRequest, of app: App, list: AudienceList? = nil
    ) async throws(Refusal) -> Ordinals {
        let limits = self.directory.limits(of: app.id)
        let ttlMax = limits.ceiling(.timeToLiveMaxSeconds)
        guard request.options.timeToLiveSeconds ?? 0 <= ttlMax else {
            throw .bad("options.time_to_live", "at most \(ttlMax) seconds for this app")
        }
        if let name = request.options.businessOperationCode {
            throw .bad("options.business_operation_code", "the name of a push plan, '\(name)' is none")
        }
        if case .matching(let kinds) = request.audience {
            if kinds.segment != nil { throw .bad("audience.segment", "the name of a segment of this app") }
            if kinds.abtest != nil { throw .bad("audience.abtest", "the name of an A/B test of this app") }
        }
        if let id = request.options.overrideMessageID { try await self.checkOverride(id, of: app) }
        let audience = try await self.audience(of: request, in: app, list: list)
        guard !audience.isEmpty else { throw Refusal(.emptyAudience) }
        if request.options.spreadMinutes > 0 {
            let runningMax = limits.ceiling(.timedPushesRunning)
            guard self.book.pacedCount(of: app.id) < runningMax else { throw Self.tooManyPaced(runningMax) }
        }
        return audience
    }

    private func audience(
        of request: PushRequest, in app: App, list: AudienceList?
    ) async throws(Refusal) -> Ordinals {
        let index = self.index[app.id]
        guard case .matching(let kinds) = request.audience, let name = kinds.fileID else {
            return index.resolve(
                request.audience, on: request.platforms, testOnly: request.options.testModel, at: self.clocks.now())
        }
        let named =
            if let list { list } else { try await self.files.list(named: name, of: [.app(app.id)]) }
        return await index.resolve(
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
        _ request: PushRequest, of app: App, list: AudienceList?
    ) async throws(Refusal) -> PushAnswer {
        let audience = try await self.resolve(request, of: app, list: list)
        let index = self.index[app.id]
        let target = index.members(of: audience, on: request.content.platforms).optimized()
        let isBroadcast = request.audience == .all
        let now = self.clocks.now()
        let reservation = try await self.reserve(request, target: target, of: app, at: now)
        let targeted = index.counts(of: target)
        // Whoever did not ask for a time to live gets the standard one, or the app's ceiling where that is lower.
        let limits = self.directory.limits(of: app.id)
        let timeToLiveSeconds =
            request.options.timeToLiveSeconds
            ?? min(PushOptions.timeToLiveSecondsStandard, limits.ceiling(.timeToLiveMaxSeconds))
        let online = index.counts(of: self.presence.online(among: target, of: app.id))
        var answer = PushAnswer(messageID: MessageID(0), sendno: request.options.sendno)
        do throws(Refusal) {
            try await self.keep { id in
                answer = PushAnswer(messageID: id, sendno: request.options.sendno)
                let message = Message(
                    id: id, app: app.id, acceptedAt: now, timeToLiveSeconds: timeToLiveSeconds,
                    spreadMinutes: request.options.spreadMinutes, payload: request.kept, target: target,
                    targeted: targeted, online: online, isBroadcast: isBroadcast,
                    overrides: request.options.overrideMessageID)
                let record = request.cid.map {
                    CIDRecord(cid: $0, answer: answer, expiresAt: now.adding(seconds: Self.cidSeconds))
                }
                return .message(message, cid: record)
            }
        } catch {
            if request.options.spreadMinutes > 0 { self.book.releasePaced(of: app.id) }
            self.days.release(reservation, of: app.id)
            throw error
        }
        return answer
    }

    /// Takes the places that a push needs, so that two at once cannot both take the last one.
    private func reserve(
        _ request: PushRequest, target: Ordinals, of app: App, at now: Timestamp
    ) async throws(Refusal) -> DailyBook.Reservation? {
        let limits = self.directory.limits(of: app.id)
        let isPaced = request.options.spreadMinutes > 0
        let runningMax = limits.ceiling(.timedPushesRunning)
        guard !isPaced || self.book.reservePaced(of: app.id, max: runningMax) else {
            throw Self.tooManyPaced(runningMax)
        }
        do throws(Refusal) {
            return try await self.days.reserve(
                app.id, isBroadcast: request.audience == .all, target: target, limits: limits, at: now)
        } catch {
            if isPaced { self.book.releasePaced(of: app.id) }
            throw error
        }
    }

    private static func tooManyPaced(_ most: Int) -> Refusal {
        Refusal(.kindLimitExceeded, "Exceeds the limit of \(most) timed-speed pushes at a time")
    }

    private func keep(_ make: (MessageID) -> Write) async throws(Refusal) {
        switch await self.committer.commit(make) {
        case .done, .changed: return
        case .refused(let refusal): throw refusal
        case .failed(let error): throw Refusal(error)
        }
    }

    private func deliverable(_ id: MessageID) async throws(Refusal) -> Deliverable? {
        do { return try await self.book.deliverables([id])[id] } catch { throw Refusal(error) }
    }

    /// Forgets an app.
    package func remove(_ app: AppID) { self.days.remove(app) }
}
