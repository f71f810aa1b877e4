/// Pushes to all apps of a group: one push in each, under one number.
package final class GroupPushService: Sendable {
    /// What became of a group's push in one app.
    package typealias Entry = (app: AppKey, result: Result<PushAnswer, Refusal>)

    /// Days that reports on a group's push reach back.
    package static let retentionSeconds = 30 * 86_400

    private let directory: AppDirectory
    private let accounts: AccountDirectory
    private let authenticator: Authenticator
    private let pushes: PushService
    private let reports: ReportBook
    private let files: FileService
    private let committer: Committer
    private let store: any Store
    private let clocks: Clocks
    private let cids: CIDTable<GroupID>

    init(
        directory: AppDirectory, accounts: AccountDirectory, authenticator: Authenticator, pushes: PushService,
        reports: ReportBook, files: FileService, committer: Committer, store: any Store, clocks: Clocks,
        waitSeconds: Int
    ) {
        self.directory = directory
        self.accounts = accounts
        self.authenticator = authenticator
        self.pushes = pushes
        self.reports = reports
        self.files = files
        self.committer = committer
        self.store = store
        self.clocks = clocks
        self.cids = CIDTable(waitSeconds: waitSeconds)
    }

    /// What a caller is answered.
    package struct Answer: Sendable {
        /// What the caller's renderer made, now or at the first use of the cid.
        package let body: [UInt8]
        /// Whether at least one app took the push.
        package let isAccepted: Bool
    }

    /// Pushes in every app of the group. Durable when it returns. Under a cid that has its answer already, whatever
    /// else the body says.
    ///
    /// - Parameters:
    ///   - root: the push, yet to be decoded; where it names a file, that is one of the group's developer.
    ///   - rule: what may stand in its audience.
    ///   - source: where the call comes from, which each app may have its list for.
    ///   - render: makes the body from the number and the apps' entries, in the order of the apps; nil for the number
    ///     when no app took the push.
    /// - Throws: what the decoder refuses, ``Refusal/Kind/emptyAudience`` for a group without apps, refusals of the
    ///   request as a whole, and store refusals.
    package func push(
        _ root: JSONValue, of group: AppGroup, audience rule: AudienceRule = .devices, from source: IPAddress?,
        render: @Sendable (GroupMessageID?, [Entry]) -> [UInt8]
    ) async throws(Refusal) -> Answer {
        func run() async throws(Refusal) -> Answer {
            let request = try PushRequest(root, audience: rule)
            guard request.options.overrideMessageID == nil else {
                throw Refusal(.badValue, "options.override_msg_id is not possible in a group push")
            }
            return try await self.run(request, group, source, render)
        }
        guard let cid = root["cid"]?.string.flatMap(CID.init) else { return try await run() }
        return try await self.cids.alone(cid, of: group.id) { () throws(Refusal) in
            if let answer = try await self.answer(to: cid, of: group) { return answer }
            return try await run()
        }
    }

    /// The answer that a cid got within the last day.
    private func answer(to cid: CID, of group: AppGroup) async throws(Refusal) -> Answer? {
        let since = self.clocks.now().adding(seconds: -PushService.cidSeconds)
        do {
            let push = try await self.store.groupPush(cid: cid, of: group.id, since: since)
            return push.map { Answer(body: $0.answer, isAccepted: true) }
        } catch {
            throw Refusal(error)
        }
    }

    /// What happened to pushes of a group, summed up over its apps, in order of the ids; nil for ids that the group
    /// does not have.
    package func reports(
        on ids: [GroupMessageID], of group: AppGroup
    ) async throws(Refusal) -> [MessageReport?] {
        let pushes: [GroupPush]
        do { pushes = try await self.store.groupPushes(ids, of: group.id) } catch { throw Refusal(error) }
        let oldest = self.clocks.now().adding(seconds: -Self.retentionSeconds)
        let byID = Dictionary(pushes.filter { $0.acceptedAt >= oldest }.map { ($0.id, $0) }) { first, _ in first }
        var reports: [MessageReport?] = []
        for id in ids {
            guard let push = byID[id] else {
                reports.append(nil)
                continue
            }
            reports.append(MessageReport.sum(of: try await self.reports.reports(on: push.messages)))
        }
        return reports
    }

    private func run(
        _ request: PushRequest, _ group: AppGroup, _ source: IPAddress?,
        _ render: (GroupMessageID?, [Entry]) -> [UInt8]
    ) async throws(Refusal) -> Answer {
        let apps = group.members.compactMap { self.directory.app($0) }
        guard !apps.isEmpty else { throw Refusal(.emptyAudience, "The group has no apps") }
        var list: AudienceList?
        if case .matching(let kinds) = request.audience, let name = kinds.fileID {
            list = try await self.files.list(named: name, for: group, of: self.accounts)
        }
        let now = self.clocks.now()
        let entries = await self.entries(request, apps, group, source, list)
        let messages = entries.compactMap { try? $0.result.get().messageID }
        guard !messages.isEmpty else { return Answer(body: render(nil, entries), isAccepted: false) }
        let id = GroupMessageID(self.committer.freshNumber().number)
        let push = GroupPush(
            id: id, group: group.id, cid: request.cid, acceptedAt: now, messages: messages,
            answer: render(id, entries))
        do { try await self.store.keepGroupPush(push) } catch { throw Refusal(error) }
        return Answer(body: push.answer, isAccepted: true)
    }

    /// One push per app, at the same time, so that they share their commits; in the order of the apps.
    private func entries(
        _ request: PushRequest, _ apps: [App], _ group: AppGroup, _ source: IPAddress?, _ list: AudienceList?
    ) async -> [Entry] {
        await withTaskGroup(of: (Int, Result<PushAnswer, Refusal>).self) { tasks in
            for (position, app) in apps.enumerated() {
                tasks.addTask {
                    do throws(Refusal) {
                        return (position, .success(try await self.push(request, of: app, in: group, source, list)))
                    } catch {
                        return (position, .failure(error))
                    }
                }
            }
            var results: [Int: Result<PushAnswer, Refusal>] = [:]
            for await (position, result) in tasks { results[position] = result }
            return apps.enumerated().map { ($1.key, results[$0] ?? .failure(Refusal(.internalFault))) }
        }
    }

    /// The app's own part, as if the app had pushed itself: its blacklist, its list of addresses, its rights count.
    private func push(
        _ request: PushRequest, of app: App, in group: AppGroup, _ source: IPAddress?, _ list: AudienceList?
    ) async throws(Refusal) -> PushAnswer {
        try self.authenticator.authorize(app, from: source)
        // Each app keeps its part under an id made from the group's: when the node dies before the whole is kept, a
        // repeat finds the parts that were.
        let own = request.cid.map { CID($0, ofGroup: group.id.number) }
        return try await self.pushes.push(request.with(cid: own), of: app, list: list)
    }
}
