/// Many pushes to one device or one user each, in one call.
///
/// Source: contract, push §4.
package struct BatchRequest: Sendable {
    /// Items of one call.
    package static let itemsMax = 1000

    /// What an item's `target` is.
    package enum Target: Sendable {
        case registrationID, alias
    }

    /// One entry of `pushlist`.
    package struct Item: Sendable {
        /// The key as it was sent, under which the answer stands.
        package let key: String
        /// The key as an idempotency id; nil when it cannot be one.
        package let cid: CID?
        /// As it was sent; empty where it is malformed. Items with one target keep their order.
        package let target: String
        /// The push, its `cid` filled in; or why it is none.
        package let push: Result<PushRequest, Refusal>
    }

    /// In the order of the text, distinct by key; never empty.
    package let items: [Item]

    private static let shape: Shape = ["pushlist": .required(.any)]

    /// Reads the body of a batch. What is wrong with one item is told with that item.
    ///
    /// - Throws: ``Refusal`` when the list as a whole cannot be read.
    package init(decoding bytes: [UInt8], to target: Target) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        try Self.shape.check(root)
        guard let list = root["pushlist"] else { throw root.missing("pushlist") }
        let members = list.members.map { Array($0) } ?? []
        guard (1...Self.itemsMax).contains(members.count) else {
            throw list.bad("an object of 1 to \(Self.itemsMax) items")
        }
        self.items = members.map { name, value in Item(name.string ?? "", value, to: target) }
    }
}

extension BatchRequest.Item {
    /// What a push has, less what the call itself says: who is meant, and the idempotency id.
    private static let shape: Shape = [
        "platform": .any,
        "target": .required(.any),
        "notification": .any,
        "message": .any,
        "notification_3rd": .any,
        "sms_message": .any,
        "options": .any,
        "callback": .any,
    ]

    fileprivate init(_ key: String, _ value: JSONValue, to kind: BatchRequest.Target) {
        self.key = key
        self.cid = CID(key)
        // Read for itself, so that refusals name places of the item.
        let target = Result { () throws(Refusal) in try Self.target(of: value, as: kind) }
        self.target = (try? target.get())?.text ?? ""
        self.push = Result { [cid = self.cid] () throws(Refusal) in
            guard let cid else {
                throw Refusal.bad("The key of an item", "1 to \(CID.sizeMaxBytes) characters of 0-9 A-Z a-z _ -")
            }
            let (item, text, name) = try target.get()
            var push = item.compact(omitting: item["target"].map { [$0.index] } ?? [])
            push.removeLast()
            if push.last != UInt8(ascii: "{") { push.append(UInt8(ascii: ",")) }
            push.append(json: "\"audience\":{\"")
            push.append(json: name)
            push.append(json: "\":")
            push.appendJSON(strings: [text])
            push.append(json: "},\"cid\":")
            push.appendJSON(string: cid.text)
            push.append(UInt8(ascii: "}"))
            return try PushRequest(decoding: push)
        }
    }

    /// The item on its own, whom it is for, and under which kind of an audience that stands.
    private static func target(
        of value: JSONValue, as target: BatchRequest.Target
    ) throws(Refusal) -> (item: JSONValue, text: String, kind: StaticString) {
        // Not by its place, which is found by walking there: a thousand items would walk a thousand times.
        guard value.kind == .object else { throw .bad("The item", "an object") }
        let item = try JSONValue.requestBody(value.compact())
        try Self.shape.check(item)
        guard let named = item["target"] else { throw item.missing("target") }
        // A number counts as its digits, as in an audience.
        let text = named.kind == .number ? String(decoding: named.text, as: UTF8.self) : named.string
        guard let text, !text.isEmpty else { throw named.bad("a string that is not empty") }
        switch target {
        case .registrationID:
            guard RegistrationID(text) != nil else {
                throw Refusal(.badValue, "The registration_id \(text.prefix(64)) is invalid!")
            }
            return (item, text, "registration_id")
        case .alias:
            guard Alias(text) != nil else { throw named.bad(Label.expectation) }
            return (item, text, "alias")
        }
    }
}
