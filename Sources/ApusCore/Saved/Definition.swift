/// Something that an operator keeps for an app under a name: what it means is in its text.
package struct Definition: Sendable, Equatable {
    /// What pushes name, each kind with names of its own.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// ``Segment``.
        case segment
        /// ``ABTest``.
        case abtest
        /// ``PushTemplate``.
        case template
    }

    /// Longest name.
    package static let nameMaxBytes = 64

    /// Whose it is.
    package let app: AppID
    /// What its text is.
    package let kind: Kind
    /// Unique within the app and kind: 1 to 64 characters of `[0-9A-Za-z_-]`.
    package let name: String
    /// A JSON object, as its kind reads it.
    package let text: [UInt8]
    /// When the operator made it.
    package let createdAt: Timestamp

    /// Checks name and text.
    ///
    /// - Throws: ``Refusal`` with a sentence for the operator.
    package init(app: AppID, kind: Kind, name: String, text: [UInt8], createdAt: Timestamp) throws(Refusal) {
        guard (1...Self.nameMaxBytes).contains(name.utf8.count), name.utf8.allSatisfy(\.isIdentifier) else {
            throw .bad("The name", "1 to \(Self.nameMaxBytes) characters of 0-9 A-Z a-z _ -")
        }
        switch kind {
        case .segment: _ = try Segment(decoding: text)
        case .abtest: _ = try ABTest(decoding: text)
        case .template: _ = try PushTemplate(decoding: text)
        }
        self.init(kept: text, app: app, kind: kind, name: name, createdAt: createdAt)
    }

    /// What a store kept of one that was checked.
    package init(kept text: [UInt8], app: AppID, kind: Kind, name: String, createdAt: Timestamp) {
        self.app = app
        self.kind = kind
        self.name = name
        self.text = text
        self.createdAt = createdAt
    }
}

/// A name under which pushes are counted, `options.business_operation_code`.
package struct PushPlan: Sendable, Equatable {
    /// Plans of one app.
    package static let countMax = 1000

    /// Unique within its app; never empty.
    package let name: String
    /// For people.
    package var description: String
    /// Accepted pushes that named it.
    package var pushCount = 0
    /// When it was made.
    package let createdAt: Timestamp
    /// When a push that named it was last accepted; nil before the first.
    package var lastUsedAt: Timestamp?

    package init(name: String, description: String, createdAt: Timestamp) {
        self.name = name
        self.description = description
        self.createdAt = createdAt
    }
}

/// What became of a new push plan.
package enum PushPlanCreation: Sendable, Equatable {
    case created
    /// The app has one of this name.
    case nameTaken
    /// The app has ``PushPlan/countMax`` already.
    case full
}
