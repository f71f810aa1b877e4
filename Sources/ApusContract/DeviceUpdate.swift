/// What a caller wants changed on one device: the body of `POST /v3/devices/{rid}`.
///
/// Source: contract, device §4. Unknown keys are ignored, as everywhere outside the push family.
package struct DeviceUpdate: Sendable, Equatable {
    /// Tags in `add`, and in `remove`, repeated ones included.
    package static let tagsMax = 100
    /// Bytes of UTF-8 of all the tags in `add`, and in `remove`.
    package static let tagsMaxBytes = 1000

    /// Nil leaves the tags as they are.
    package let tags: Tags?
    /// `.some(nil)` unbinds.
    package let alias: Alias??
    /// `.some(nil)` clears.
    package let mobile: String??

    /// How the tags change.
    package enum Tags: Sendable, Equatable {
        case removeAll
        /// Removed first, then added.
        case change(add: [Tag], remove: [Tag])
    }

    /// - Throws: ``Refusal/Kind/badValue``, naming the key; ``Refusal/Kind/someBadValues`` when some of several tags
    ///   are illegal and others not.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        self.tags = try root["tags"].flatMap { (value) throws(Refusal) in try Tags(value) }
        self.alias = try root["alias"].map { (value) throws(Refusal) in try value.aliasOrNone() }
        self.mobile = try root["mobile"].map { (value) throws(Refusal) in try value.mobileOrNone() }
    }
}

extension DeviceUpdate.Tags {
    /// - Returns: nil for an object that names no tag.
    fileprivate init?(_ value: JSONValue) throws(Refusal) {
        if value.isString("") {
            self = .removeAll
            return
        }
        guard value.members != nil else { throw value.bad("an object with add and remove, or \"\" to remove all tags") }
        let (add, remove) = (try Self.texts(value["add"]), try Self.texts(value["remove"]))
        guard !add.isEmpty || !remove.isEmpty else { return nil }
        let illegal = (add + remove).filter { Tag($0.text) == nil }
        if let first = illegal.first {
            guard illegal.count < add.count + remove.count else { throw first.value.bad(Label.expectation) }
            throw Refusal(.someBadValues, "\(first.value.path) must be \(Label.expectation)")
        }
        self = .change(add: add.compactMap { Tag($0.text) }, remove: remove.compactMap { Tag($0.text) })
    }

    private static func texts(_ list: JSONValue?) throws(Refusal) -> [(value: JSONValue, text: String)] {
        guard let list else { return [] }
        guard let elements = list.list else { throw list.bad("an array of strings") }
        guard elements.count <= DeviceUpdate.tagsMax else { throw list.bad("at most \(DeviceUpdate.tagsMax) tags") }
        var texts: [(value: JSONValue, text: String)] = []
        for element in elements {
            guard let text = element.string else { throw element.bad("a string") }
            texts.append((element, text))
        }
        guard texts.reduce(0, { $0 + $1.text.utf8.count }) <= DeviceUpdate.tagsMaxBytes else {
            throw list.bad("at most \(DeviceUpdate.tagsMaxBytes) bytes of tags")
        }
        return texts
    }
}

/// Which devices are to be put under a tag or taken from under it, or taken from an alias: the body of
/// `POST /v3/tags/{tag}` and `POST /v3/aliases/{alias}`.
///
/// Source: contract, device §5 and §6.
package struct DeviceListUpdate: Sendable, Equatable {
    /// As they were sent, malformed ones too; distinct, in order.
    package let add: [String]
    /// As they were sent, malformed ones too; distinct, in order.
    package let remove: [String]

    /// What the endpoint offers.
    package enum Rule: Sendable {
        /// Devices are bound to an alias one by one, through the device.
        case removeOnly
        case addOrRemove
    }

    /// - Throws: ``Refusal/Kind/missingValue`` when nobody is named, ``Refusal/Kind/badValue``.
    package init(decoding bytes: [UInt8], rule: Rule) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        guard let lists = root["registration_ids"] else { throw root.missing("registration_ids") }
        guard lists.members != nil else { throw lists.bad("an object") }
        self.add = try Self.names(lists["add"])
        self.remove = try Self.names(lists["remove"])
        switch rule {
        case .removeOnly:
            guard self.add.isEmpty else {
                throw .bad("registration_ids.add", "absent: an alias is bound through the device")
            }
            guard !self.remove.isEmpty else { throw lists.missing("remove") }
        case .addOrRemove:
            guard !self.add.isEmpty || !self.remove.isEmpty else { throw .missing("registration_ids.add or .remove") }
        }
    }

    private static func names(_ list: JSONValue?) throws(Refusal) -> [String] {
        try list?.registrationIDTexts(0...JSONValue.registrationIDsMax) ?? []
    }
}

/// Whose online state is asked for: the body of `POST /v3/devices/status`.
///
/// Source: contract, device §7.
package struct DeviceStatusQuery: Sendable, Equatable {
    /// As they were sent, malformed ones too; distinct, in order, never empty.
    package let registrationIDs: [String]

    /// - Throws: ``Refusal/Kind/missingValue`` or ``Refusal/Kind/badValue``, naming the key.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        guard let names = root["registration_ids"] else { throw root.missing("registration_ids") }
        self.registrationIDs = try names.registrationIDTexts(1...JSONValue.registrationIDsMax)
    }
}
