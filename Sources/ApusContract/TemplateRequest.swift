/// Pushes by template: one template, and for each push its values and its audience.
///
/// Source: contract, push §7.
package struct TemplateRequest: Sendable {
    /// The template's name.
    package let id: String
    /// In the order of the request; never empty.
    package let items: [Item]

    /// One element of `params`.
    package struct Item: Sendable {
        /// Sent back with the result; nil when the caller sent none.
        package let traceID: String?
        /// The devices or users that it names, for telling whether two items may meet; empty for wider audiences.
        package let names: [String]
        /// What it asks for, or why that is no push whatever the template.
        fileprivate let content: Result<Content, Refusal>
    }

    fileprivate struct Content: Sendable {
        let values: [String: String]
        let audience: Audience
        let audienceText: [UInt8]
        let rule: AudienceRule
        /// The inside of an object.
        let options: [UInt8]
        let geofence: [UInt8]?
    }

    private static let shape: Shape = ["id": .required(.text), "params": .required(.any)]

    /// Elements of `params`: no more could name devices, each of which names one at least.
    package static let itemsMax = Audience.namesMax

    /// Reads the body of a push by template. What is wrong with one item is told with that item, but for the rules over
    /// all audiences.
    ///
    /// - Throws: ``Refusal`` when the request as a whole cannot be read.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        try Self.shape.check(root)
        try self.init(checked: root, audience: .devices)
    }

    /// Reads `id` and `params` of a body whose keys were checked.
    fileprivate init(checked root: JSONValue, audience rule: AudienceRule) throws(Refusal) {
        guard let id = root["id"]?.string, let params = root["params"] else { throw root.missing("id") }
        guard let elements = params.list, elements.count > 0 else { throw params.bad("a list that is not empty") }
        // Before they are read: each that is wrong has a sentence of its own.
        guard elements.count <= Self.itemsMax else { throw params.bad("a list of at most \(Self.itemsMax) elements") }
        self.id = id
        self.items = elements.map { Item($0, audience: rule) }
        try self.checkAudiences()
    }

    /// One kind only; wide audiences alone; at most a thousand names in all; one fence.
    private func checkAudiences() throws(Refusal) {
        let contents = self.items.compactMap { try? $0.content.get() }
        var kinds: Set<AudienceKind> = []
        for content in contents { kinds.formUnion(AudienceKind.kinds(of: content.audience)) }
        guard kinds.count <= 1 else { throw .bad("The audiences of params", "of one kind") }
        if let kind = kinds.first {
            guard kind.isList || self.items.count == 1 else {
                throw .bad("params", "one element where its audience is \(kind.rawValue)")
            }
            guard self.items.reduce(0, { $0 + $1.names.count }) <= Audience.namesMax else {
                throw .bad("params", "audiences of at most \(Audience.namesMax) names together")
            }
        }
        guard contents.count(where: { $0.geofence != nil }) <= 1 else {
            throw .bad("params", "elements of which one at most has a geofence")
        }
    }
}

extension TemplateRequest.Item {
    private static let shape: Shape = [
        "keys": .free,
        "audience": .required(.any),
        "options": .any,
        "trace_id": .string,
        "geofence": .free,
    ]

    fileprivate init(_ value: JSONValue, audience rule: AudienceRule) {
        self.traceID = value["trace_id"]?.string
        let content = Result { () throws(Refusal) in try Self.content(of: value, rule) }
        self.content = content
        switch try? content.get().audience {
        case .matching(let kinds): self.names = kinds.registrationID.map(\.text) + kinds.alias.map(\.text)
        case .all, nil: self.names = []
        }
    }

    private static func content(
        of value: JSONValue, _ rule: AudienceRule
    ) throws(Refusal) -> TemplateRequest.Content {
        // Not by its place, which is found by walking there: a thousand elements would walk a thousand times.
        guard value.kind == .object else { throw .bad("The element of params", "an object") }
        let value = try JSONValue.requestBody(value.compact())
        try Self.shape.check(value)
        guard let audience = value["audience"] else { throw value.missing("audience") }
        var values: [String: String] = [:]
        if let keys = value["keys"]?.members {
            for (name, value) in keys {
                // A number counts as its digits.
                let text = value.kind == .number ? String(decoding: value.text, as: UTF8.self) : value.string
                guard let text else { throw value.bad("a string") }
                // What can be no variable is ignored, as what this template does not have.
                guard (1...PushTemplate.variableMaxBytes).contains(name.stringSize ?? 0) else { continue }
                values[name.string ?? ""] = text
            }
        }
        let options = value["options"]
        if let options, options.members == nil { throw options.bad("an object") }
        return TemplateRequest.Content(
            values: values, audience: try Audience(decoding: audience, rule: rule, isLiveActivity: false),
            audienceText: audience.compact(), rule: rule,
            options: options.map { Array($0.compact().dropFirst().dropLast()) } ?? [],
            geofence: value["geofence"].flatMap { $0.hasMembers ? $0.compact() : nil })
    }

    /// The push that a template makes of this item.
    ///
    /// - Throws: ``Refusal/Kind/missingValue`` for a variable without a value, and what a push is refused with.
    package func push(_ template: PushTemplate) throws(Refusal) -> PushRequest {
        let content = try self.content.get()
        return try template.push(
            content.values, audience: content.audienceText, rule: content.rule, options: content.options,
            geofence: content.geofence)
    }
}

/// Scheduled pushes by template: each of the params becomes a task, all with one name and one trigger.
///
/// Source: contract, push §7.
package struct TemplateScheduleRequest: Sendable {
    /// What is pushed.
    package let pushes: TemplateRequest
    /// See ``ScheduleSections/isLegal(name:)``.
    package let name: String
    /// When every one of the tasks fires.
    package let trigger: ScheduleSections.Section<Trigger>

    private static let shape: Shape = [
        "id": .required(.text), "params": .required(.any), "schedule_name": .required(.any), "trigger": .required(.any),
    ]

    /// Reads the body of a scheduled push by template, as ``TemplateRequest/init(decoding:)`` does.
    ///
    /// - Throws: ``Refusal`` when the request as a whole cannot be read.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        try Self.shape.check(root)
        guard let name = root["schedule_name"] else { throw root.missing("schedule_name") }
        guard let trigger = root["trigger"] else { throw root.missing("trigger") }
        self.name = try ScheduleSections.name(name)
        self.trigger = ScheduleSections.Section(value: try Trigger(trigger), kept: trigger.compact())
        self.pushes = try TemplateRequest(checked: root, audience: .devicesOrFile)
    }

    /// Whether a body, legal or not, has an audience that is an uploaded list.
    package static func namesFile(_ root: JSONValue) -> Bool {
        root["params"]?.list?.contains { $0["audience"]?["file"] != nil } ?? false
    }
}

/// The kinds that the audiences of one call must share; the three kinds of tags are one.
private enum AudienceKind: String {
    case broadcast = "a broadcast"
    case tags = "by tags"
    case alias = "by alias"
    case registrationID = "by registration id"
    case segment = "a segment"
    case abtest = "an A/B test"
    case file = "a file"

    /// Whether one call may have several audiences of this kind.
    var isList: Bool {
        switch self {
        case .alias, .registrationID: true
        case .broadcast, .tags, .segment, .abtest, .file: false
        }
    }

    static func kinds(of audience: Audience) -> Set<AudienceKind> {
        guard case .matching(let kinds) = audience else { return [.broadcast] }
        var found: Set<AudienceKind> = []
        if !kinds.tag.isEmpty || !kinds.tagAnd.isEmpty || !kinds.tagNot.isEmpty { found.insert(.tags) }
        if !kinds.alias.isEmpty { found.insert(.alias) }
        if !kinds.registrationID.isEmpty { found.insert(.registrationID) }
        if kinds.segment != nil { found.insert(.segment) }
        if kinds.abtest != nil { found.insert(.abtest) }
        if kinds.fileID != nil { found.insert(.file) }
        return found
    }
}
