import ApusCore
import ApusHTTP
import NIOHTTP1

/// The push family, below `/v3/push`.
enum PushRoutes {
    static func routes(at path: [String]) -> [Route]? {
        switch path {
        case []: return [Route(.POST, .push, answer: self.push)]
        case ["validate"]: return [Route(.POST, .push, answer: self.validate)]
        case ["file"]: return [Route(.POST, .push, isVIPOnly: true, answer: self.file)]
        case ["cid"]: return [Route(.GET, .push, answer: self.cid)]
        case let path where path.count == 1 && path[0].utf8.allSatisfy(\.isDigit):
            return [Route(.DELETE, .push) { call throws(Refusal) in try await self.withdraw(path[0], call) }]
        default: return nil
        }
    }

    @Sendable private static func push(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.push(call, audience: .devices)
    }

    /// The audience is an uploaded list.
    @Sendable private static func file(_ call: Call) async throws(Refusal) -> [UInt8] {
        try await self.push(call, audience: .file)
    }

    private static func push(_ call: Call, audience rule: AudienceRule) async throws(Refusal) -> [UInt8] {
        try self.refuseEncrypted(call)
        let root = try JSONValue.requestBody(try call.bodyBytes())
        // A replay is answered whatever else its body says.
        if let cid = root["cid"]?.string.flatMap(CID.init),
            let answer = try await call.core.pushes.answer(to: cid, of: call.app)
        {
            return answer.body
        }
        return try await call.core.pushes.push(try PushRequest(root, audience: rule), of: call.app).body
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
        var body: [UInt8] = []
        body.reserveCapacity(56)
        body.append(json: #"{"sendno":""#)
        body.append(contentsOf: String(self.sendno).utf8)
        body.append(json: #"","msg_id":""#)
        body.append(contentsOf: self.messageID.text.utf8)
        body.append(json: #""}"#)
        return body
    }
}
