/// Where a push may find its audience, which depends on the endpoint.
package enum AudienceRule: Sendable {
    /// Devices by kind or all of them; `audience.file` is refused. Push and validate.
    case devices
    /// Only an uploaded list. File push.
    case file
    /// Both. Schedules.
    case devicesOrFile
}

extension Shape {
    /// Contract, push §1.3. The kinds are read one by one, in this order.
    fileprivate static let audience: Shape = [
        "tag": .any,
        "tag_and": .any,
        "tag_not": .any,
        "alias": .any,
        "registration_id": .any,
        "segment": .any,
        "abtest": .any,
        "live_activity_id": .text,
        "file": .object(["file_id": .required(.text)]),
    ]
}

extension Audience {
    /// Elements of the kinds `tag`, `tag_and` and `tag_not`.
    package static let tagsMax = 20
    /// Elements of the kinds `alias` and `registration_id`.
    package static let namesMax = 1000

    /// Reads `audience` (contract, push §1.3).
    ///
    /// - Parameter isLiveActivity: whether the push is one, which alone may name a running activity.
    init(decoding value: JSONValue, rule: AudienceRule, isLiveActivity: Bool) throws(Refusal) {
        if value.kind == .string {
            guard value.isWord("all") else { throw value.bad("\"all\" or an object") }
            guard rule != .file else { throw value.missing("file") }
            self = .all
            return
        }
        guard value.isMap else { throw value.bad("\"all\" or an object") }
        try Shape.audience.check(value)
        var kinds = Kinds()
        kinds.tag = try Self.labels(value["tag"], max: Self.tagsMax) { Tag($0) }
        kinds.tagAnd = try Self.labels(value["tag_and"], max: Self.tagsMax) { Tag($0) }
        kinds.tagNot = try Self.labels(value["tag_not"], max: Self.tagsMax) { Tag($0) }
        kinds.alias = try Self.labels(value["alias"], max: Self.namesMax) { Alias($0) }
        kinds.registrationID = try Self.registrationIDs(value["registration_id"])
        kinds.segment = try Self.name(value["segment"])
        kinds.abtest = try Self.name(value["abtest"])
        kinds.liveActivityID = value["live_activity_id"]?.string
        kinds.fileID = value["file"]?["file_id"]?.string
        try Self.checkCompany(kinds, of: value, rule: rule, isLiveActivity: isLiveActivity)
        self = .matching(kinds)
    }

    /// Which kinds may stand beside which.
    private static func checkCompany(
        _ kinds: Kinds, of value: JSONValue, rule: AudienceRule, isLiveActivity: Bool
    ) throws(Refusal) {
        guard !kinds.isEmpty else {
            throw rule == .file ? value.missing("file") : value.bad("\"all\" or an object with at least one kind")
        }
        if let activity = value["live_activity_id"] {
            guard isLiveActivity else { throw activity.bad("sent together with live_activity only") }
            var others = kinds
            others.liveActivityID = nil
            guard others.isEmpty else { throw activity.bad("the only kind of its audience") }
        }
        if let file = value["file"] {
            guard rule != .devices else { throw file.bad("sent to the file push endpoint or in a schedule") }
            var others = kinds
            others.fileID = nil
            guard others.isEmpty else { throw file.bad("the only kind of its audience") }
        } else if rule == .file {
            throw value.missing("file")
        }
    }

    private static func labels<Name>(
        _ list: JSONValue?, max: Int, _ make: (String) -> Name?
    ) throws(Refusal) -> [Name] {
        var names: [Name] = []
        try Self.forEachText(of: list, max: max) { (value, text) throws(Refusal) in
            guard let name = make(text) else {
                throw value.bad(Label.expectation)
            }
            names.append(name)
        }
        return names
    }

    /// The one name that `segment` and `abtest` take.
    private static func name(_ list: JSONValue?) throws(Refusal) -> String? {
        var name: String?
        try Self.forEachText(of: list, max: 1) { (value, text) throws(Refusal) in
            guard !text.isEmpty else { throw value.bad(Self.textExpectation) }
            name = text
        }
        return name
    }

    /// Malformed ids are refused all together, the first by name.
    private static func registrationIDs(_ list: JSONValue?) throws(Refusal) -> [RegistrationID] {
        var names: [RegistrationID] = []
        var malformed: [String] = []
        try Self.forEachText(of: list, max: Self.namesMax) { (_, text) throws(Refusal) in
            if let name = RegistrationID(text) { names.append(name) } else { malformed.append(text) }
        }
        if let first = malformed.first {
            var refusal = Refusal(.badValue, "The registration_id \(first.prefix(64)) is invalid!")
            refusal.illegalRegistrationIDs = malformed
            throw refusal
        }
        return names
    }

    /// Goes through the elements of one kind: strings, and numbers as their decimal text.
    private static func forEachText(
        of list: JSONValue?, max: Int, _ body: (JSONValue, String) throws(Refusal) -> Void
    ) throws(Refusal) {
        guard let list else { return }
        guard let elements = list.list else {
            throw Refusal(.badValue, "Audience value must be JSON Array format!")
        }
        var count = 0
        for value in elements {
            count += 1
            guard count <= max else { throw list.bad("a list of at most \(max)") }
            let text = value.kind == .number ? String(decoding: value.text, as: UTF8.self) : value.string
            guard let text else { throw value.bad(Self.textExpectation) }
            try body(value, text)
        }
    }

    private static let textExpectation = "a string that is not empty"
}
