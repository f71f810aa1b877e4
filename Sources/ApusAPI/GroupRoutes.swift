import ApusCore
import NIOHTTP1

/// Pushes and reports of groups.
enum GroupRoutes {
    /// Numbers of one report.
    private static let idsMax = 10

    /// Below `/v3/grouppush`.
    static func pushRoutes(at path: [String]) -> [Route]? {
        switch path {
        case []:
            [Route(.POST, .push, .group { call throws(Refusal) in try await self.push(call, audience: .devices) })]
        case ["file"]:
            [Route(.POST, .push, .group { call throws(Refusal) in try await self.push(call, audience: .file) })]
        default: nil
        }
    }

    /// Below `/v3/group` and, in the Beijing form, `/v3/report/group`.
    static func reportRoutes(at path: [String]) -> [Route]? {
        switch path {
        case ["messages", "detail"]: [Route(.GET, .report, .group(self.messagesDetail))]
        case ["users"]: [Route(.GET, .report, .group(self.users))]
        default: nil
        }
    }

    private static func push(_ call: GroupCall, audience rule: AudienceRule) async throws(Refusal) -> Reply {
        try PushRoutes.refuseEncrypted(call)
        let root = try JSONValue.requestBody(try call.bodyBytes())
        let answer = try await call.core.groups.push(
            root, of: call.who, audience: rule, from: call.caller.address, render: self.body)
        return Reply(answer.body, status: answer.isAccepted ? .ok : .badRequest)
    }

    /// One entry per app beside the number, or beside the refusal when no app took the push.
    @Sendable private static func body(_ id: GroupMessageID?, _ entries: [GroupPushService.Entry]) -> [UInt8] {
        var body: [UInt8] = []
        body.object { body in
            if let id {
                body.member("group_msgid", id.text)
            } else {
                body.error(Refusal(.emptyAudience))
            }
            for entry in entries {
                body.name(entry.app.text)
                switch entry.result {
                case .success(let answer): body.append(contentsOf: answer.body)
                case .failure(let refusal): body.object { $0.error(refusal) }
                }
            }
        }
        return body
    }

    @Sendable private static func messagesDetail(_ call: GroupCall) async throws(Refusal) -> Reply {
        let ids = try self.ids(call.query("group_msgids"))
        let reports = try await call.core.groups.reports(on: ids, of: call.who)
        var body: [UInt8] = [UInt8(ascii: "[")]
        for (id, report) in zip(ids, reports) {
            if body.count > 1 { body.append(UInt8(ascii: ",")) }
            // Clients disagree on the name.
            MessageDetail(names: ["group_msgid", "group_msgids"], id: id.text, report: report).write(to: &body)
        }
        body.append(UInt8(ascii: "]"))
        return Reply(body)
    }

    /// Who came, connected and was active in the apps of the group together.
    @Sendable private static func users(_ call: GroupCall) async throws(Refusal) -> Reply {
        let apps = call.who.members.filter { call.core.directory.app($0) != nil }
        return Reply(
            try await ReportRoutes.users(call, of: apps, reachDays: UserStatisticsQuery.groupReachDays))
    }

    /// Reads `group_msgids`: distinct numbers with commas between them, in the order in which they were first named.
    private static func ids(_ text: String?) throws(Refusal) -> [GroupMessageID] {
        var ids: [GroupMessageID] = []
        for part in (text ?? "").split(separator: ",") {
            let trimmed = part.filter { $0 != " " }
            guard !trimmed.isEmpty else { continue }
            guard let id = GroupMessageID(trimmed) else {
                throw .bad("group_msgids", "numbers as gid1828256757, with commas between them")
            }
            if !ids.contains(id) { ids.append(id) }
            guard ids.count <= Self.idsMax else {
                throw .bad("group_msgids", "at most \(Self.idsMax) distinct numbers")
            }
        }
        guard !ids.isEmpty else { throw .missing("group_msgids") }
        return ids
    }
}

extension [UInt8] {
    /// Appends `error` with code and sentence, as the push family has them.
    fileprivate mutating func error(_ refusal: Refusal) {
        self.object("error") { body in
            body.member("code", refusal.row(for: .push).code)
            body.member("message", refusal.message(for: .push))
        }
    }
}
