import ApusCore
import NIOHTTP1

/// The schedule family, below `/v3/schedules` and, in the Beijing form, `/v3/push/schedules`.
enum ScheduleRoutes {
    static func routes(at path: [String]) -> [Route]? {
        switch path.count {
        case 0:
            return [
                Route(.POST, .schedule, namesFile: ScheduleSections.namesFile, answer: self.create),
                Route(.GET, .schedule, answer: self.list),
            ]
        case 1:
            return [
                Route(.GET, .schedule) { call throws(Refusal) in try await self.task(path[0], call) },
                Route(.PUT, .schedule) { call throws(Refusal) in try await self.change(path[0], call) },
                Route(.DELETE, .schedule) { call throws(Refusal) in try await self.delete(path[0], call) },
            ]
        case 2 where path[1] == "msg_ids":
            return [Route(.GET, .schedule) { call throws(Refusal) in try await self.fires(path[0], call) }]
        default: return nil
        }
    }

    @Sendable private static func create(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await call.core.schedules.create(try ScheduleSections.root(try call.bodyBytes()), of: call.app).body
    }

    @Sendable private static func list(_ call: Call) async throws(Refusal) -> [UInt8] {
        var number = 1
        if let text = call.query("page") {
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            guard !digits.isEmpty, digits.utf8.allSatisfy(\.isDigit), let asked = Int(text) else {
                throw .schedule("section is invalid: page must be a whole number")
            }
            number = max(1, asked)
        }
        let page = try await call.core.schedules.page(number, of: call.app)
        var body: [UInt8] = []
        body.object { body in
            body.member("total_count", page.total)
            body.member("total_pages", (page.total + ScheduleService.pageSize - 1) / ScheduleService.pageSize)
            body.member("page", number)
            body.name("schedules" as StaticString)
            body.append(UInt8(ascii: "["))
            for (index, schedule) in page.schedules.enumerated() {
                if index > 0 { body.append(UInt8(ascii: ",")) }
                body.append(contentsOf: schedule.body)
            }
            body.append(UInt8(ascii: "]"))
        }
        return body
    }

    private static func task(_ name: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        try await call.core.schedules.schedule(named: name, of: call.app).body
    }

    private static func change(_ name: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let bytes = try call.bodyBytes()
        // Nothing at all is an empty set of sections here, as `{}` is.
        let sections = try ScheduleSections.changed(
            by: try ScheduleSections.root(bytes.isEmpty ? Array("{}".utf8) : bytes))
        return try await call.core.schedules.change(name, to: sections, of: call.app).body
    }

    private static func delete(_ name: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        try await call.core.schedules.delete(name, of: call.app)
        return Array("{}".utf8)
    }

    private static func fires(_ name: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let fires = try await call.core.schedules.fires(ofScheduleNamed: name, of: call.app)
        var body: [UInt8] = []
        body.object { body in
            body.member("count", fires.count)
            body.name("msgids" as StaticString)
            // Each is a document in a text of its own, which old clients take for a plain id.
            body.appendJSON(strings: fires.lazy.map { String(decoding: $0.body, as: UTF8.self) })
        }
        return body
    }
}

extension CreatedSchedule {
    /// Exactly two keys: strict clients fail on a third.
    var body: [UInt8] {
        var body: [UInt8] = []
        body.object { body in
            body.member("schedule_id", self.id.text)
            body.member("name", self.name)
        }
        return body
    }
}

extension Schedule {
    /// The whole task, its sections as they were sent.
    fileprivate var body: [UInt8] {
        var body: [UInt8] = []
        body.object { body in
            body.member("schedule_id", self.id.text)
            body.member("name", self.name)
            body.name("enabled" as StaticString)
            body.append(json: self.isEnabled ? "true" : "false")
            body.name("trigger" as StaticString)
            body.append(contentsOf: self.trigger)
            body.name("push" as StaticString)
            body.append(contentsOf: self.push)
        }
        return body
    }
}

extension ScheduleFire {
    /// What became of one fire.
    fileprivate var body: [UInt8] {
        let (id, code, message, mayRetry) =
            switch self.outcome {
            case .pushed(let id): (id.text, 0, "", false)
            case .failed(let code, let message, let mayRetry): ("", code, message, mayRetry)
            }
        var body: [UInt8] = []
        body.object { body in
            body.member("msg_id", id)
            body.object("error") { body in
                body.member("code", code)
                body.member("message", message)
            }
            body.name("needRetry" as StaticString)
            body.append(json: mayRetry ? "true" : "false")
            body.name("ts" as StaticString)
            body.appendJSON(integer: self.recordedAt.milliseconds)
        }
        return body
    }
}
