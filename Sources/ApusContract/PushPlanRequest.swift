/// What a caller says of a push plan.
///
/// Source: contract, push §10.
package struct PushPlanRequest: Sendable, Equatable {
    /// The longest name, in bytes of UTF-8.
    package static let nameMaxBytes = 255
    /// The longest description, in bytes of UTF-8.
    package static let descriptionMaxBytes = 1000

    /// What `options.business_operation_code` names; never empty.
    package let name: String
    /// Nil when the caller says nothing of it.
    package let description: String?

    private static let shape: Shape = [
        "name": .required(.text), "description": .sized(maxBytes: Self.descriptionMaxBytes),
    ]

    /// - Throws: ``Refusal`` that names the place.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        try Self.shape.check(root)
        guard let value = root["name"] else { throw root.missing("name") }
        let name = try value.keptText()
        guard name.utf8.count <= Self.nameMaxBytes else {
            throw value.bad("at most \(Self.nameMaxBytes) bytes of UTF-8")
        }
        self.name = name
        self.description = try root["description"]?.keptText()
    }
}

/// Which push plans are listed.
package struct PushPlanQuery: Sendable, Equatable {
    /// Where a plan was made.
    package enum Source: Int, Sendable {
        case api = 0
        case portal = 1
    }

    /// From 1.
    package let page: Int
    /// 1 to ``pageSizeMax``.
    package let pageSize: Int
    /// Part of a name or description; nil for every plan.
    package let text: String?
    /// Nil for both.
    package let source: Source?

    /// Plans of one page: all that an app may have.
    package static let pageSizeMax = 1000

    /// Reads the parameters of a query, each nil where it is missing.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` for a page or a size that is none.
    package init(page: String?, pageSize: String?, text: String?, source: String?) throws(Refusal) {
        self.page = try Self.number(page, "page", standard: 1, 1...Int(Int32.max))
        self.pageSize = try Self.number(pageSize, "page_size", standard: 50, 1...Self.pageSizeMax)
        self.text = text
        // Whatever is neither asks for both.
        self.source = source.flatMap { Int($0) }.flatMap(Source.init)
    }

    private static func number(
        _ text: String?, _ name: String, standard: Int, _ bounds: ClosedRange<Int>
    ) throws(Refusal) -> Int {
        guard let text else { return standard }
        guard text.utf8.allSatisfy(\.isDigit), let number = Int(text), bounds.contains(number) else {
            throw .bad(name, "a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }
}
