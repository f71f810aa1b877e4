import ApusCore
import NIOHTTP1

/// Push plans, below `/v3/push_plan`.
enum PlanRoutes {
    static func routes(at path: [String]) -> [Route]? {
        switch path {
        case ["create"]: [Route(.POST, .push, isVIPOnly: true, answer: self.create)]
        case ["update"]: [Route(.PUT, .push, isVIPOnly: true, answer: self.update)]
        case ["list"]: [Route(.GET, .push, isVIPOnly: true, answer: self.list)]
        default: nil
        }
    }

    private static let done = Array(#"{"code":0,"message":"success"}"#.utf8)

    @Sendable private static func create(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await call.core.plans.create(try PushPlanRequest(decoding: try call.bodyBytes()), of: call.app.id)
        return self.done
    }

    @Sendable private static func update(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await call.core.plans.update(try PushPlanRequest(decoding: try call.bodyBytes()), of: call.app.id)
        return self.done
    }

    @Sendable private static func list(_ call: Call) async throws(Refusal) -> [UInt8] {
        let query = try PushPlanQuery(
            page: call.query("page"), pageSize: call.query("page_size"), text: call.query("info"),
            source: call.query("send_source"))
        let (total, plans) = try await call.core.plans.list(query, of: call.app.id)
        var body: [UInt8] = []
        body.object { body in
            body.member("code", 0)
            body.member("message", "success")
            body.object("data") { body in
                body.member("total", total)
                body.member("page", query.page)
                body.member("page_size", query.pageSize)
                body.list("detail", of: plans) { $0.plan($1) }
            }
        }
        return body
    }
}

extension [UInt8] {
    fileprivate mutating func plan(_ plan: PushPlan) {
        self.object { body in
            body.member("name", plan.name)
            body.member("description", plan.description)
            body.member("push_count", plan.pushCount)
            body.member("create_time", TimeUTC8(epochMilliseconds: plan.createdAt.milliseconds).text)
            if let used = plan.lastUsedAt {
                body.member("last_used_time", TimeUTC8(epochMilliseconds: used.milliseconds).text)
            }
            body.member("send_source", PushPlanQuery.Source.api.rawValue)
        }
    }
}
