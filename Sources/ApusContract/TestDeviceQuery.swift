/// A device that is to become a test device, or to be renamed: the body of `POST /v3/test/model/add` and
/// `PUT /v3/test/model/update`.
///
/// Source: contract, device §8.
package struct TestDeviceEntry: Sendable, Equatable {
    /// The longest name, in bytes of UTF-8.
    package static let nameMaxBytes = 255

    /// For people; never empty.
    package let name: String
    /// As it was sent; may be malformed.
    package let registrationID: String

    /// - Throws: ``Refusal/Kind/missingValue`` or ``Refusal/Kind/badValue``, naming the key.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        self.name = try Self.text("device_name", of: root)
        guard self.name.utf8.count <= Self.nameMaxBytes else {
            throw .bad("device_name", "at most \(Self.nameMaxBytes) bytes of UTF-8")
        }
        self.registrationID = try Self.text("registration_id", of: root)
    }

    private static func text(_ name: StaticString, of root: JSONValue) throws(Refusal) -> String {
        guard let value = root[name] else { throw root.missing(name) }
        let text = try value.keptText()
        guard !text.isEmpty else { throw value.bad("a string that is not empty") }
        return text
    }
}

/// Which test devices are asked for: the query of `GET /v3/test/model/list`.
///
/// Source: contract, device §8.
package struct TestDeviceQuery: Sendable, Equatable {
    /// Test devices of one page.
    package static let pageSizeMax = 200

    /// From 1.
    package let page: Int
    /// 1 to ``pageSizeMax``.
    package let pageSize: Int
    /// What the devices must have in common; nil for nothing.
    package let filter: Filter?

    /// What narrows the list.
    package enum Filter: Sendable, Equatable {
        /// The name holds this text.
        case nameHolds(String)
        /// As it was sent; may be malformed, and is then nobody's.
        case registrationID(String)
    }

    /// Reads the query values, percent-decoded; nil for what is missing.
    ///
    /// - Throws: ``Refusal/Kind/badValue``; ``Refusal/Kind/missingValue`` when only one of page and size is there.
    package init(page: String?, pageSize: String?, name: String?, registrationID: String?) throws(Refusal) {
        switch (page, pageSize) {
        case (nil, nil): (self.page, self.pageSize) = (1, Self.pageSizeMax)
        case (_?, nil): throw .missing("page_size, together with page,")
        case (nil, _?): throw .missing("page, together with page_size,")
        case (let page?, let size?):
            self.page = try Self.number(page, "page", 1...Int(Int32.max))
            self.pageSize = try Self.number(size, "page_size", 1...Self.pageSizeMax)
        }
        self.filter = name.map(Filter.nameHolds) ?? registrationID.map(Filter.registrationID)
    }

    private static func number(_ text: String, _ name: String, _ bounds: ClosedRange<Int>) throws(Refusal) -> Int {
        guard text.utf8.allSatisfy(\.isDigit), let number = Int(text), bounds.contains(number) else {
            throw .bad(name, "a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }
}
