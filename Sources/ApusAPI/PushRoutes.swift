import ApusCore
import ApusHTTP
import NIOHTTP1

/// The push family's answers.
struct PushRoutes {
    let core: Core
    let app: App

    func push(_ request: HTTPRequest) async throws(Refusal) -> [UInt8] {
        try self.refuseEncrypted(request)
        let root = try JSONValue.requestBody(try request.bodyBytes())
        // A replay is answered whatever else its body says.
        if let cid = root["cid"]?.string.flatMap(CID.init),
            let answer = try await self.core.pushes.answer(to: cid, of: self.app)
        {
            return answer.body
        }
        return try await self.core.pushes.push(try PushRequest(root), of: self.app).body
    }

    func validate(_ request: HTTPRequest) async throws(Refusal) -> [UInt8] {
        try self.refuseEncrypted(request)
        let push = try PushRequest(try JSONValue.requestBody(try request.bodyBytes()))
        return try await self.core.pushes.validate(push, of: self.app).body
    }

    func cid(_ request: HTTPRequest) throws(Refusal) -> [UInt8] {
        let countMax = min(1000, self.core.directory.limits(of: self.app.id).ceiling(.cidPerCall))
        var count = 1
        if let text = request.target.query["count"] {
            guard let number = Int(text), text.utf8.allSatisfy(\.isDigit), (1...countMax).contains(number) else {
                throw .bad("count", "a whole number from 1 to \(countMax)")
            }
            count = number
        }
        if let type = request.target.query["type"], type != "push", type != "schedule" {
            throw .bad("type", "push or schedule")
        }
        var body: [UInt8] = []
        body.append(json: #"{"cidlist":"#)
        body.appendJSON(strings: self.core.pushes.cids(count: count, for: self.app))
        body.append(UInt8(ascii: "}"))
        return body
    }

    func withdraw(_ id: String) async throws(Refusal) -> [UInt8] {
        guard let id = MessageID(decimal: id) else { throw Refusal(.messageUnknown) }
        try await self.core.pushes.withdraw(id, of: self.app)
        return Array("{}".utf8)
    }

    /// Bodies encrypted for the vendor's key cannot be read by anybody else.
    private func refuseEncrypted(_ request: HTTPRequest) throws(Refusal) {
        guard let type = request.headers.first(name: "X-Encrypt-Type"), !type.isEmpty else { return }
        throw Refusal(
            .badValue, "X-Encrypt-Type is not supported here: only the vendor holds that private key; send the push object as it is")
    }
}

extension PushAnswer {
    /// Exactly two keys, both strings: strict clients fail on a third.
    fileprivate var body: [UInt8] {
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
