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
        guard let id = root["id"]?.string, let params = root["params"] else { throw root.missing("id") }
        guard let elements = params.list, elements.count > 0 else { throw params.bad("a list that is not empty") }
        // Before they are read: each that is wrong has a sentence of its own.
        guard elements.count <= Self.itemsMax else { throw params.bad("a list of at most \(Self.itemsMax) elements") }
        self.id = id
        self.items = elements.map { Item($0) }
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

    fileprivate init(_ value: JSONValue) {
        self.traceID = value["trace_id"]?.string
        let content = Result { () throws(Refusal) in try Self.content(of: value) }
        self.content = content
        switch try? content.get().audience {
        case .matching(let kinds): self.names = kinds.registrationID.map(\.text) + kinds.alias.map(\.text)
        case .all, nil: self.names = []
        }
    }

    private static func content(of value: JSONValue) throws(Refusal) -> TemplateRequest.Content {
        guard value.kind == .object else { throw value.bad("an object") }
        try Self.shape.check(value)
        guard let audience = value["audience"] else { throw value.missing("audience") }
        var values: [String: String] = [:]
        if let keys = value["keys"]?.members {
            for (name, value) in keys {
                // A number counts as its digits.
                let text = value.kind == .number ? String(decoding: value.text, as: UTF8.self) : value.string
                guard let text else { throw value.bad("a string") }
                values[name.string ?? ""] = text
            }
        }
        let options = value["options"]
        if let options, options.members == nil { throw options.bad("an object") }
        return TemplateRequest.Content(
            values: values, audience: try Audience(decoding: audience, rule: .devices, isLiveActivity: false),
            audienceText: audience.compact(),
            options: options.map { Array($0.compact().dropFirst().dropLast()) } ?? [],
            geofence: value["geofence"].flatMap { $0.hasMembers ? $0.compact() : nil })
    }

    /// The push that a template makes of this item.
    ///
    /// - Throws: ``Refusal/Kind/missingValue`` for a variable without a value, and what a push is refused with.
    package func push(_ template: PushTemplate) throws(Refusal) -> PushRequest {
        let content = try self.content.get()
        return try template.push(
            content.values, audience: content.audienceText, options: content.options, geofence: content.geofence)
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

    /// Whether one call may have several audiences of this kind.
    var isList: Bool {
        switch self {
        case .alias, .registrationID: true
        case .broadcast, .tags, .segment, .abtest: false
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
        return found
    }
}
