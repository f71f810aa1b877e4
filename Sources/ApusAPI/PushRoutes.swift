import ApusCore
import ApusHTTP
import NIOHTTP1

/// The push family, below `/v3/push`.
enum PushRoutes {
    static func routes(at path: [String]) -> [Route]? {
        switch path {
        case []: return self.ofPush
        case ["validate"]: return [Route(.POST, .push, answer: self.validate)]
        case ["file"]: return [Route(.POST, .push, isVIPOnly: true, answer: self.file)]
        case ["batch", "regid", "single"]:
            return [Route(.POST, .push, isVIPOnly: true, mixed: ManyRoutes.batch(to: .registrationID))]
        case ["batch", "alias", "single"]:
            return [Route(.POST, .push, isVIPOnly: true, mixed: ManyRoutes.batch(to: .alias))]
        case ["template"]: return [Route(.POST, .push, isVIPOnly: true, mixed: ManyRoutes.template)]
        case ["template", "schedule"]:
            return [
                Route(
                    .POST, .push, isVIPOnly: true, namesFile: TemplateScheduleRequest.namesFile,
                    mixed: ManyRoutes.templateSchedule)
            ]
        case ["quota"]: return [Route(.GET, .push, answer: self.quota)]
        case ["cid"]: return [Route(.GET, .push, answer: self.cid)]
        case let path where path.count == 1 && path[0].utf8.allSatisfy(\.isDigit):
            return [Route(.DELETE, .push) { call throws(Refusal) in try await self.withdraw(path[0], call) }]
        default: return nil
        }
    }

    /// What is asked for most is made once.
    private static let ofPush = [Route(.POST, .push, answer: Self.push)]

    @Sendable private static func push(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.push(call, audience: .devices)
    }

    /// The audience is an uploaded list.
    @Sendable private static func file(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.push(call, audience: .file)
    }

    private static func push(_ call: Call, audience rule: AudienceRule) async throws(Refusal) -> [UInt8] {
        try self.refuseEncrypted(call)
        return try await call.core.pushes.push(
            try JSONValue.requestBody(try call.bodyBytes()), of: call.app, audience: rule
        ).body
    }

    @Sendable private static func validate(_ call: Call) async throws(Refusal) -> [UInt8] {
        try self.refuseEncrypted(call)
        let push = try PushRequest(try JSONValue.requestBody(try call.bodyBytes()))
        return try await call.core.pushes.validate(push, of: call.app).body
    }

    @Sendable private static func cid(_ call: Call) throws(Refusal) -> [UInt8] {
        let countMax = min(1000, call.core.directory.limits(of: call.app.id).ceiling(.cidPerCall))
        var count = 1
        if let text = call.query("count") {
            guard let number = Int(text), text.utf8.allSatisfy(\.isDigit), (1...countMax).contains(number) else {
                throw .bad("count", "a whole number from 1 to \(countMax)")
            }
            count = number
        }
        if let type = call.query("type"), type != "push", type != "schedule" {
            throw .bad("type", "push or schedule")
        }
        var body: [UInt8] = []
        body.append(json: #"{"cidlist":"#)
        body.appendJSON(strings: call.core.pushes.cids(count: count, for: call.app))
        body.append(UInt8(ascii: "}"))
        return body
    }

    /// No vendor channel counts here: nothing is limited.
    @Sendable private static func quota(_ call: Call) throws(Refusal) -> [UInt8] {
        var body: [UInt8] = []
        body.object { body in
            body.member("code", 0)
            body.member("message", "success")
            body.object("data") { body in
                for vendor: StaticString in ["xiaomi_quota", "oppo_quota", "vivo_quota"] {
                    body.object(vendor) { body in
                        for kind: StaticString in ["system", "operation"] {
                            body.object(kind) { body in
                                body.member("total", -1)
                                body.member("used", -1)
                            }
                        }
                    }
                }
            }
        }
        return body
    }

    private static func withdraw(_ id: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        guard let id = MessageID(decimal: id) else { throw Refusal(.messageUnknown) }
        try await call.core.pushes.withdraw(id, of: call.app)
        return Array("{}".utf8)
    }

    /// Bodies encrypted for the vendor's key cannot be read by anybody else.
    static func refuseEncrypted<Who>(_ call: CallOf<Who>) throws(Refusal) {
        guard let type = call.request.headers.first(name: "X-Encrypt-Type"), !type.isEmpty else { return }
        throw Refusal(
            .badValue,
            "X-Encrypt-Type is not supported here: only the vendor holds that private key; send the push as it is")
    }
}

extension PushAnswer {
    /// Exactly two keys, both strings: strict clients fail on a third.
    var body: [UInt8] {
        if let created = self.created { return created.body }
        var body: [UInt8] = []
        body.reserveCapacity(56)
        body.append(json: #"{"sendno":""#)
        body.append(decimal: self.sendno)
        body.append(json: #"","msg_id":""#)
        body.append(decimal: self.messageID.number)
        body.append(json: #""}"#)
        return body
    }
}
