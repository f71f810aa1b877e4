extension JSONValue {
    /// Reads a request body that must be a JSON object.
    ///
    /// - Throws: ``Refusal/Kind/missingValue`` when there is no body, ``Refusal/Kind/badValue`` when it is not JSON or
    ///   not an object.
    package static func requestBody(_ bytes: [UInt8]) throws(Refusal) -> JSONValue {
        guard !bytes.isEmpty else { throw Refusal(.missingValue, "Missing parameter: the request body is empty") }
        let root: JSONValue
        do {
            root = try JSONValue(parsing: bytes)
        } catch {
            throw Refusal(error)
        }
        guard root.kind == .object else { throw Refusal.bad("The request body", "a JSON object") }
        return root
    }

    /// Refuses this value with ``Refusal/Kind/badValue``, naming its place.
    ///
    /// - Parameter expectation: what the value must be, as a phrase that follows "must be".
    package func bad(_ expectation: String) -> Refusal {
        .bad(self.path.isEmpty ? "The request body" : self.path, expectation)
    }

    /// The text of a string that a store is to keep.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` for what is no string, and for U+0000, at which a store would cut it off.
    func keptText() throws(Refusal) -> String {
        guard let text = self.string else { throw self.bad("a string") }
        guard !text.utf8.contains(0) else { throw self.bad("a text without the character U+0000") }
        return text
    }

    /// Refuses with ``Refusal/Kind/missingValue``, naming a member that this object lacks.
    package func missing(_ name: StaticString) -> Refusal {
        let path = self.path
        return .missing(path.isEmpty ? "\(name)" : "\(path).\(name)")
    }
}

extension Refusal {
    /// A body that is not JSON.
    package init(_ error: JSONError) {
        self.init(.badValue, "The request body is not JSON: at byte \(error.offset), \(error.reason)")
    }
}
