package import ApusContract

extension ClientFrame {
    /// Reads the text of one frame.
    package init(text: [UInt8]) throws(ClientFrameFault) {
        // Most frames of most devices are this one.
        if let message = PlainAck.message(in: text) {
            self.init(ref: nil, request: .acknowledge([message]))
            return
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: text)
        } catch {
            let sentence = "The frame is not JSON: at byte \(error.offset), \(error.reason)"
            throw ClientFrameFault(ref: nil, refusal: Refusal(.badValue, sentence), isViolation: true)
        }
        try self.init(value)
    }

    /// Reads one frame. Members that no `op` knows are ignored; a null counts as absent.
    package init(_ value: JSONValue) throws(ClientFrameFault) {
        guard value.kind == .object else {
            throw ClientFrameFault(ref: nil, refusal: .bad("A frame", "a JSON object"), isViolation: true)
        }
        let ref = Self.ref(of: value)
        guard let name = value["op"] else {
            throw ClientFrameFault(ref: ref.value, refusal: .missing("op"), isViolation: true)
        }
        guard let operation = name.string.flatMap(Operation.init(rawValue:)) else {
            let known = Operation.allCases.map(\.rawValue).joined(separator: ", ")
            throw ClientFrameFault(ref: ref.value, refusal: .bad("op", "one of \(known)"), isViolation: true)
        }
        do throws(Refusal) {
            guard ref.isLegal else { throw Refusal.bad("ref", "an integer or a string") }
            self.init(ref: ref.value, request: try operation.decode(value))
        } catch {
            throw ClientFrameFault(ref: ref.value, refusal: error, isViolation: false)
        }
    }

    private static func ref(of value: JSONValue) -> (value: FrameRef?, isLegal: Bool) {
        guard let ref = value["ref"] else { return (nil, true) }
        switch ref.kind {
        case .string: return (ref.string.map(FrameRef.text), true)
        case .number:
            let number = ref.integer.map(FrameRef.integer)
            return (number, number != nil)
        case .object, .array, .boolean, .null: return (nil, false)
        }
    }
}

/// The `op` of a client frame.
private enum Operation: String, CaseIterable {
    case register, login, ack, click, display, tags, alias, mobile, tokens, active, ping

    func decode(_ frame: JSONValue) throws(Refusal) -> ClientFrame.Request {
        switch self {
        case .register: return .register(try ClientFrame.Registration(frame))
        case .login: return .login(try ClientFrame.Login(frame))
        case .ack: return .acknowledge(try frame.messageIDs())
        case .click: return .click(try frame.messageID(), try frame.clickKind())
        case .display: return .display(try frame.messageID())
        case .tags: return .tags(try ClientFrame.TagChange(frame))
        case .alias: return .alias(try frame.required("alias").aliasOrNone())
        case .mobile: return .mobile(try frame.required("mobile").mobileOrNone())
        case .tokens: return .tokens(try frame.tokens(try frame.required("tokens")))
        case .active: return .active
        case .ping: return .ping
        }
    }
}

extension ClientFrame.Registration {
    /// Reads the members of a registration, whether they come in a frame or as the body of a request.
    ///
    /// - Throws: ``Refusal/Kind/unknownKey`` for an `app_key` of another shape, else what names the member at fault.
    package init(_ object: JSONValue) throws(Refusal) {
        guard let appKey = AppKey(try object.text("app_key")) else { throw Refusal(.unknownKey) }
        guard let platform = Platform(name: try object.text("platform")) else {
            let names = Platform.allCases.map(\.name).joined(separator: ", ")
            throw object.refusal("platform", "one of \(names)")
        }
        self.init(
            appKey: appKey, platform: platform,
            tags: try object["tags"]?.tags(max: DeviceBounds.tagsMax) ?? [],
            alias: try object["alias"].flatMap { value throws(Refusal) in try value.aliasOrNone() },
            mobile: try object["mobile"].flatMap { value throws(Refusal) in try value.mobileOrNone() },
            tokens: try object["tokens"].map { value throws(Refusal) in try object.tokens(value) } ?? [:],
            details: try object["device"].map { value throws(Refusal) in try value.details() })
    }
}

extension ClientFrame.Login {
    init(_ object: JSONValue) throws(Refusal) {
        self.init(
            registrationID: try object.text("registration_id"), secret: try object.text("secret"),
            tokens: try object["tokens"].map { value throws(Refusal) in try object.tokens(value) } ?? [:],
            details: try object["device"].map { value throws(Refusal) in try value.details() })
    }
}

extension ClientFrame.TagChange {
    /// Reads one of the three forms: `set`, `add` and/or `remove`, `clear: true`.
    init(_ object: JSONValue) throws(Refusal) {
        let (set, add, remove) = (object["set"], object["add"], object["remove"])
        var clears = false
        if let clear = object["clear"] {
            guard let value = clear.boolean else { throw clear.bad("a boolean") }
            clears = value
        }
        switch (set, add ?? remove, clears) {
        case (let set?, nil, false): self = .set(try set.tags(max: DeviceBounds.tagsMax))
        case (nil, .some, false):
            self = .change(add: try add?.tagsOfOneChange() ?? [], remove: try remove?.tagsOfOneChange() ?? [])
        case (nil, nil, true): self = .set([])
        case (nil, nil, false):
            throw Refusal(.missingValue, "Missing parameter: tags wants set, add, remove or clear")
        case (.some, .some, _), (.some, _, true), (_, .some, true):
            throw Refusal(.badValue, "tags takes set, or add and remove, or clear, and not two of them")
        }
    }
}

/// The bounds of what a device tells of itself.
///
/// Source: contract, device §1 and §4, edge §2; the token's is our choice: web push subscriptions, the longest, stay
/// below a kilobyte.
private enum DeviceBounds {
    static let tagsMax = 1000
    static let changedTagsMax = 100
    static let changedTagsMaxBytes = 1000
    static let tokenMaxBytes = 4096
    static let detailsMaxBytes = 1024
}

// MARK: - Members

extension JSONValue {
    fileprivate func required(_ name: StaticString) throws(Refusal) -> JSONValue {
        guard let value = self[name] else { throw self.missing(name) }
        return value
    }

    fileprivate func text(_ name: StaticString) throws(Refusal) -> String {
        let value = try self.required(name)
        guard let text = value.string else { throw value.bad("a string") }
        return text
    }

    /// Refuses the value of a member, naming it.
    fileprivate func refusal(_ name: StaticString, _ expectation: String) -> Refusal {
        self[name]?.bad(expectation) ?? self.missing(name)
    }

    fileprivate func messageID() throws(Refusal) -> MessageID { try self.required("msg_id").asMessageID() }

    fileprivate func messageIDs() throws(Refusal) -> [MessageID] {
        guard let many = self["msg_ids"] else {
            guard let one = self["msg_id"] else {
                throw Refusal(.missingValue, "Missing parameter: ack wants msg_ids or msg_id")
            }
            return [try one.asMessageID()]
        }
        guard self["msg_id"] == nil else { throw Refusal(.badValue, "ack takes msg_ids or msg_id, and not both") }
        guard let list = many.list, (1...ClientFrame.messageIDsMax).contains(list.count) else {
            throw many.bad("an array of 1 to \(ClientFrame.messageIDsMax) strings")
        }
        var (ids, seen): ([MessageID], Set<MessageID>) = ([], [])
        for element in list {
            let id = try element.asMessageID()
            if seen.insert(id).inserted { ids.append(id) }
        }
        return ids
    }

    private func asMessageID() throws(Refusal) -> MessageID {
        guard let id = self.string.flatMap({ MessageID(decimal: $0) }) else { throw self.bad("a msg_id in a string") }
        return id
    }

    fileprivate func clickKind() throws(Refusal) -> ClientFrame.ClickKind {
        guard let kind = self["kind"] else { return .notification }
        if kind.isString("notification") { return .notification }
        if kind.isString("message") { return .message }
        throw kind.bad("notification or message")
    }

    /// This list as tags.
    fileprivate func tags(max: Int) throws(Refusal) -> [Tag] {
        guard let list = self.list else { throw self.bad("an array of strings") }
        guard list.count <= max else { throw self.bad("at most \(max) tags") }
        var tags: [Tag] = []
        for element in list {
            guard let text = element.string else { throw element.bad("a string") }
            guard let tag = Tag(text) else { throw element.bad("a legal tag of 1 to \(Label.sizeMaxBytes) bytes") }
            tags.append(tag)
        }
        return tags
    }

    fileprivate func tagsOfOneChange() throws(Refusal) -> [Tag] {
        let tags = try self.tags(max: DeviceBounds.changedTagsMax)
        guard tags.reduce(0, { $0 + $1.text.utf8.count }) <= DeviceBounds.changedTagsMaxBytes else {
            throw self.bad("at most \(DeviceBounds.changedTagsMaxBytes) bytes of tags")
        }
        return tags
    }

    /// Reads vendor tokens. Names of vendors that this server does not know are ignored, as every unknown member is.
    fileprivate func tokens(_ value: JSONValue) throws(Refusal) -> ClientFrame.Tokens {
        guard let members = value.members else { throw value.bad("an object") }
        var tokens: ClientFrame.Tokens = [:]
        for name in value.nullNames {
            if let vendor = VendorToken(rawValue: name) { tokens[vendor] = .some(nil) }
        }
        for (name, value) in members {
            guard let vendor = name.string.flatMap(VendorToken.init(rawValue:)) else { continue }
            guard let token = value.string, token.utf8.count <= DeviceBounds.tokenMaxBytes else {
                throw value.bad("a string of at most \(DeviceBounds.tokenMaxBytes) bytes")
            }
            tokens[vendor] = .some(token.isEmpty ? nil : token)
        }
        return tokens
    }

    fileprivate func details() throws(Refusal) -> [String: String] {
        guard self.members != nil else { throw self.bad("an object") }
        guard self.compactSize <= DeviceBounds.detailsMaxBytes else {
            throw self.bad("at most \(DeviceBounds.detailsMaxBytes) bytes")
        }
        var details: [String: String] = [:]
        let known: [(String, JSONValue?)] = [
            ("model", self["model"]), ("os", self["os"]), ("app_version", self["app_version"]),
        ]
        for case (let name, let value?) in known {
            guard let text = value.string else { throw value.bad("a string") }
            details[name] = text
        }
        return details
    }
}
