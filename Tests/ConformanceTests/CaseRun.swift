import ApusContract
import ApusCore
import ApusTesting
import Foundation

/// A user name and a password.
struct Account: Sendable {
    let user: String
    let secret: String
}

/// What a case runs against, prepared before it begins.
struct Stage: Sendable {
    let apiPort: Int
    let edgePort: Int
    let appKey: String
    let masterSecret: String
    /// Further credentials, by the word that stands for them: the other app's, the group's, the developer's.
    let accounts: [String: Account]
    /// By the device's name in the case.
    let devices: [String: (registrationID: String, secret: String)]
    /// Nil where nobody has a hold of the server's clock.
    let clock: ManualClock?
}

/// One run of one case: step after step, each must hold before the next begins.
struct CaseRun {
    let stage: Stage
    let given: Case
    private var saved: [String: String] = [:]
    private let devices: DeviceSteps

    /// What did not hold.
    struct Failed: Error { let sentence: String }

    init(_ given: Case, on stage: Stage) {
        self.given = given
        self.stage = stage
        self.devices = DeviceSteps(stage: stage)
    }

    mutating func run() async throws {
        do {
            for device in self.given.given.devices where device.isOnline { try await self.devices.connect(device.name) }
            for (index, step) in self.given.steps.enumerated() {
                do {
                    for _ in 0..<(step["times"]?.integer ?? 1) { try await self.runPatiently(step) }
                } catch let failed as Failed {
                    throw Failed(sentence: "step \(index + 1): \(failed.sentence)")
                } catch {
                    throw Failed(sentence: "step \(index + 1): \(error)")
                }
            }
        } catch {
            await self.devices.end()
            throw error
        }
        await self.devices.end()
    }

    /// Runs a step; one that holds eventually again and again until it does.
    private mutating func runPatiently(_ step: JSON) async throws {
        if let seconds = step["advance_seconds"]?.integer { self.stage.clock?.advance(seconds: seconds) }
        guard step["eventually"]?.boolean == true else { return try await self.run(step) }
        for _ in 1..<Self.looksMax {
            do { return try await self.run(step) } catch is Failed { try await Task.sleep(for: .milliseconds(250)) }
        }
        try await self.run(step)
    }

    /// How often a step that holds eventually is looked at.
    private static let looksMax = 60

    private mutating func run(_ step: JSON) async throws {
        if let name = step["device"]?.string {
            return try await self.devices.run(step.mapTexts(self.filled), on: name)
        }
        guard let request = step["request"], let expected = step["expect"] else {
            throw Failed(sentence: "neither a request with an expectation nor a device")
        }
        let filledRequest = request.mapTexts(self.filled)
        let method = filledRequest["method"]?.string ?? ""
        let answer: RawHTTP.Answer
        do {
            answer = try await RawHTTP.send(
                self.bytes(of: filledRequest), port: self.stage.apiPort, hasBody: method != "HEAD")
        } catch let error as RawHTTP.NoAnswer {
            throw Failed(
                sentence: "no whole answer, only '\(String(decoding: error.received.prefix(200), as: UTF8.self))'")
        }
        let body = try self.check(answer, of: filledRequest, against: expected.mapTexts(self.filled))
        for (name, path) in step["save"]?.members ?? [] {
            guard let value = Self.value(at: self.filled(path.string ?? ""), in: body) else {
                throw Failed(sentence: "nothing to save at \(path.text) in \(body.text)")
            }
            self.saved[name] = value.string ?? value.text
        }
    }

    /// The request, byte for byte.
    private func bytes(of request: JSON) throws -> [UInt8] {
        var head = "\(request["method"]?.string ?? "") \(request["path"]?.string ?? "") HTTP/1.1\r\n"
        var headers = (request["headers"]?.members ?? []).map { ($0.name, $0.value.string ?? $0.value.text) }
        if !headers.contains(where: { $0.0.lowercased() == "host" }) {
            headers.append(("Host", "127.0.0.1:\(self.stage.apiPort)"))
        }
        if let authorization = try self.authorization(request["auth"] ?? .string("app")) {
            headers.append(("Authorization", authorization))
        }
        var body = request["json"].map { Array($0.text.utf8) } ?? request["text"]?.string.map { Array($0.utf8) }
        if let form = request["form"]?.array {
            headers.append(("Content-Type", "multipart/form-data; boundary=\(Form.boundary)"))
            body = Form.bytes(of: form)
        }
        if request["chunked"]?.boolean == true, let whole = body {
            headers.append(("Transfer-Encoding", "chunked"))
            var chunks: [UInt8] = []
            for start in stride(from: 0, to: whole.count, by: 7) {
                let chunk = whole[start..<min(start + 7, whole.count)]
                chunks += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)
            }
            body = chunks + Array("0\r\n\r\n".utf8)
        } else if let body {
            headers.append(("Content-Length", String(body.count)))
        }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        return Array((head + "\r\n").utf8) + (body ?? [])
    }

    private func authorization(_ auth: JSON) throws -> String? {
        func basic(_ text: String) -> String { "Basic " + Data(text.utf8).base64EncodedString() }
        switch auth {
        case .string("none"): return nil
        case .string("app"): return basic("\(self.stage.appKey):\(self.stage.masterSecret)")
        case .string("wrong-secret"): return basic("\(self.stage.appKey):000000000000000000000000")
        case .string("unknown-key"): return basic("ffffffffffffffffffffffff:000000000000000000000000")
        case .string(let word) where self.stage.accounts[word] != nil:
            return self.stage.accounts[word].map { basic("\($0.user):\($0.secret)") }
        case .string("group-wrong-secret"):
            return self.stage.accounts["group"].map { basic("\($0.user):000000000000000000000000") }
        case .string("developer-wrong-secret"):
            return self.stage.accounts["developer"].map { basic("\($0.user):000000000000000000000000") }
        default:
            if let raw = auth["raw"]?.string { return raw }
            if let pair = auth["basic"]?.string { return basic(pair) }
            throw Failed(sentence: "unknown auth \(auth.text)")
        }
    }

    /// Checks what the case expects and what holds for every answer.
    private func check(_ answer: RawHTTP.Answer, of request: JSON, against expected: JSON) throws -> JSON {
        let shown = String(decoding: answer.body.prefix(400), as: UTF8.self)
        guard let status = StatusCode(rawValue: answer.status) else {
            throw Failed(sentence: "\(answer.status) is none of the twelve")
        }
        guard answer.status == expected["status"]?.integer else {
            throw Failed(sentence: "answered \(answer.status) \(shown), expected \(expected["status"]?.text ?? "?")")
        }
        guard answer.header("Content-Length") != nil else { throw Failed(sentence: "no Content-Length") }
        for (name, value) in expected["headers"]?.members ?? [] { try Self.check(header: name, value, in: answer) }
        if request["method"] == .string("HEAD") {
            guard answer.body.isEmpty else { throw Failed(sentence: "an answer to HEAD has a body") }
            return .null
        }
        guard answer.header("Content-Type") == "application/json; charset=utf-8" else {
            throw Failed(sentence: "content type \(answer.header("Content-Type") ?? "absent")")
        }
        let body: JSON
        do { body = try JSON(parsing: answer.body) } catch { throw Failed(sentence: "the body is not JSON: \(shown)") }
        if status != .ok { try self.checkRefusal(body, expected) }
        for (key, isExact) in [("body", true), ("body_contains", false)] {
            guard let wanted = expected[key] else { continue }
            if let difference = Matching.difference(body, wanted, isExact: isExact, appKey: self.stage.appKey) {
                throw Failed(sentence: "\(difference); the whole is \(shown)")
            }
        }
        let isKnown =
            request["auth"]?.string.map { $0 == "app" || self.stage.accounts[$0] != nil } ?? (request["auth"] == nil)
        let path = request["path"]?.string ?? ""
        // A key that is not known any more has no bucket.
        let isUnknownKey = answer.status == 400 && [1008, 7008].contains(body["error"]?["code"]?.integer)
        if isKnown, !isUnknownKey, ![401, 404, 405, 410, 502, 503, 504].contains(answer.status),
            !path.hasPrefix("/healthz")
        {
            for name in ["Limit", "Quota", "Remaining", "Reset"] {
                guard answer.header("X-Rate-Limit-\(name)").flatMap({ Int($0) }) != nil else {
                    throw Failed(sentence: "X-Rate-Limit-\(name) is absent or no integer")
                }
            }
        }
        return body
    }

    private func checkRefusal(_ body: JSON, _ expected: JSON) throws {
        let error = body["error"]
        // Several things that were all refused: each has its entry beside the error.
        let mayHold = expected["body"] != nil || expected["body_contains"] != nil
        guard body.members?.count == 1 || mayHold, let code = error?["code"]?.integer,
            let message = error?["message"]?.string, !message.isEmpty
        else { throw Failed(sentence: "no error body: \(body.text)") }
        let names = Set(error?.members?.map(\.name) ?? [])
        guard names.isSubset(of: ["code", "message", "illegal_rids"]) else {
            throw Failed(sentence: "odd keys in \(body.text)")
        }
        if let wanted = expected["code"]?.integer, code != wanted {
            throw Failed(sentence: "code \(code) (\(message)), expected \(wanted)")
        }
        for text in expected["message_contains"]?.array ?? [] where !message.contains(text.string ?? "") {
            throw Failed(sentence: "the message '\(message)' does not contain '\(text.string ?? "")'")
        }
        let (rids, wanted) = (error?["illegal_rids"], expected["illegal_rids"])
        guard rids == wanted else {
            throw Failed(
                sentence:
                    "illegal_rids \(rids?.text ?? "absent"), expected \(wanted?.text ?? "none")"
            )
        }
    }

    private static func check(header name: String, _ expected: JSON, in answer: RawHTTP.Answer) throws {
        let value = answer.header(name)
        let holds =
            switch expected {
            case .null: value == nil
            case .string("*"): value != nil
            default: value == expected.string ?? expected.text
            }
        guard holds else { throw Failed(sentence: "\(name) is \(value ?? "absent"), expected \(expected.text)") }
    }

    private static func value(at path: String, in body: JSON) -> JSON? {
        path.split(separator: ".").reduce(body) { value, key in
            if let index = Int(key), let list = value?.array { return list.indices.contains(index) ? list[index] : nil }
            return value?[String(key)]
        }
    }

    /// A text with its placeholders filled in; what only matches is left.
    private func filled(_ text: String) -> String {
        guard text.contains("<") else { return text }
        var text = text
        let credentials = Data("\(self.stage.appKey):\(self.stage.masterSecret)".utf8).base64EncodedString()
        let today = DayUTC8(epochMilliseconds: Int64(Date().timeIntervalSince1970 * 1000)).text
        let fixed = [
            "app_key": self.stage.appKey, "master_secret": self.stage.masterSecret, "credentials": credentials,
            "today": today, "month": String(today.prefix(7)),
        ]
        for (word, account) in self.stage.accounts {
            text = text.replacing("<\(word)_key>", with: account.user)
            text = text.replacing("<\(word)_secret>", with: account.secret)
        }
        for (name, value) in fixed.merging(self.saved, uniquingKeysWith: { $1 }) {
            text = text.replacing("<\(name)>", with: value)
        }
        let now = (self.stage.clock?.clocks ?? .system).now()
        text = text.replacing(/<(time|clock)-in:(-?[0-9]+)>/) { match in
            let then = TimeUTC8(epochMilliseconds: now.adding(seconds: Int(match.output.2) ?? 0).milliseconds).text
            return match.output.1 == "clock" ? String(then.suffix(8)) : then
        }
        for (name, device) in self.stage.devices { text = text.replacing("<rid:\(name)>", with: device.registrationID) }
        return Placeholder.repeated(text)
    }
}

/// A form as clients send it.
private enum Form {
    static let boundary = "----apus-conformance-boundary"

    static func bytes(of parts: [JSON]) -> [UInt8] {
        var body: [UInt8] = []
        for part in parts {
            var disposition = "form-data; name=\"\(part["name"]?.string ?? "")\""
            if let name = part["filename"]?.string { disposition += "; filename=\"\(name)\"" }
            body += Array("--\(self.boundary)\r\nContent-Disposition: \(disposition)\r\n".utf8)
            if part["filename"] != nil { body += Array("Content-Type: application/octet-stream\r\n".utf8) }
            body += Array("\r\n".utf8)
            if let text = part["text"]?.string { body += Array(text.utf8) }
            if let text = part["base64"]?.string, let bytes = Data(base64Encoded: text) { body += bytes }
            body += Array("\r\n".utf8)
        }
        return body + Array("--\(self.boundary)--\r\n".utf8)
    }
}
