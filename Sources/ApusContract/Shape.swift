/// The members that an object may have and what each must be: one line a member.
///
/// Checking refuses in a fixed order that does not depend on the order of the text: first an unknown member (the first
/// in the text), then each known one in the order of the lines. A member that is null counts as absent, and of members
/// with one name only the last is looked at.
struct Shape: Sendable, ExpressibleByDictionaryLiteral {
    /// Members one shape may have: room for the largest, kept small because a check clears that much memory.
    private static let rowsMax = 32

    struct Row: Sendable {
        let name: StaticString
        let rule: Rule
        let isRequired: Bool

        init(_ name: StaticString, _ rule: Rule) {
            self.name = name
            self.rule = rule
            self.isRequired = rule.isRequired
        }
    }

    let rows: [Row]
    /// The start of each name, so that most rows are passed over in one comparison.
    private let heads: [UInt64]
    let passesUnknown: Bool

    init(dictionaryLiteral rows: (StaticString, Rule)...) {
        self.init(rows.map { Row($0, $1) }, passesUnknown: false)
    }

    private init(_ rows: [Row], passesUnknown: Bool) {
        precondition(rows.count <= Self.rowsMax, "a shape of \(rows.count) members")
        self.rows = rows
        self.heads = rows.map { JSONDocument.head(of: UnsafeBufferPointer($0.name)) }
        self.passesUnknown = passesUnknown
    }

    /// The same shape for objects to which others may add members of their own.
    var open: Shape { Shape(self.rows, passesUnknown: true) }

    /// Holds a value against this shape.
    ///
    /// - Throws: ``Refusal/Kind/unsupportedKey``, ``Refusal/Kind/missingValue`` or ``Refusal/Kind/badValue``, with the
    ///   path.
    func check(_ value: JSONValue) throws(Refusal) {
        guard value.kind == .object else {
            guard value.isEmptyContainer else { throw value.bad("an object") }
            return try self.checkEmpty(value)
        }
        // Tape index of the value in each row; 0, where the whole text stands, for none.
        var found = InlineArray<32, UInt32>(repeating: 0)
        var hasUnknown = false
        let document = value.document
        var (name, end) = (value.index + 1, Int(value.token.next))
        while name < end {
            if let row = self.row(of: name, in: document) {
                found[row] = UInt32(name + 1)
            } else {
                hasUnknown = true
            }
            name = document.next(name + 1)
        }
        if hasUnknown, !self.passesUnknown { try self.refuseUnknown(in: value) }
        for row in self.rows.indices {
            let index = Int(found[row])
            if index != 0, document.tape[index].kind != .null {
                try self.rows[row].rule.check(JSONValue(document: document, index: index))
            } else if self.rows[row].isRequired {
                throw value.missing(self.rows[row].name)
            }
        }
    }

    private func checkEmpty(_ value: JSONValue) throws(Refusal) {
        for row in self.rows where row.isRequired { throw value.missing(row.name) }
    }

    private func row(of name: Int, in document: JSONDocument) -> Int? {
        let head = document.head(name)
        return self.heads.withUnsafeBufferPointer { heads in
            for row in heads.indices where heads[row] == head && document.string(name, is: self.rows[row].name) {
                return row
            }
            return nil
        }
    }

    /// Refuses the first unknown member that does not come to nothing because its last value is null.
    private func refuseUnknown(in object: JSONValue) throws(Refusal) {
        for name in JSONMemberIndices(object.document, object: object.index)
        where self.row(of: name, in: object.document) == nil {
            let key = JSONValue(document: object.document, index: name).quotable
            let path = object.path
            throw Refusal(.unsupportedKey, "The key '\(key)'\(path.isEmpty ? "" : " of \(path)") is not supported")
        }
    }
}
