/// From an audience as asked to devices: bitmaps, and what operators saved under names.
struct AudienceResolver: Sendable {
    let index: AudienceIndex
    let store: any Store
    let clocks: Clocks
    private let splits = SplitBook()

    init(index: AudienceIndex, store: any Store, clocks: Clocks) {
        self.index = index
        self.store = store
        self.clocks = clocks
    }

    /// The devices that a push means whose audience names a segment or an A/B test; none where nobody matches.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` for a segment or A/B test that the app does not have; store refusals.
    func resolve(_ named: Audience.Kinds, of request: PushRequest, _ app: AppID) async throws(Refusal) -> Ordinals {
        let audience = self.index[app]
        let now = self.clocks.now()
        func members(_ wanted: Audience) -> Ordinals {
            audience.resolve(wanted, on: request.platforms, testOnly: request.options.testModel, at: now)
        }
        var kinds = named
        let segment = try await self.segment(kinds.segment, of: app)
        let test = try await self.test(kinds.abtest, of: app)
        (kinds.segment, kinds.abtest) = (nil, nil)
        // Nothing beside the saved ones: everybody, whom they narrow.
        var found = members(kinds.isEmpty ? .all : .matching(kinds))
        if let segment { found.formIntersection(members(segment.audience)) }
        if let (test, membership) = test {
            found.formIntersection(members(test.audience))
            found.formIntersection(self.splits.members(of: membership, below: audience.endOrdinal))
        }
        return found
    }

    private func segment(_ name: String?, of app: AppID) async throws(Refusal) -> Segment? {
        guard let name else { return nil }
        guard let definition = try await self.definition(.segment, name, of: app) else {
            throw .bad("audience.segment", "the name of a segment of this app")
        }
        return try Self.kept { () throws(Refusal) in try Segment(decoding: definition.text) }
    }

    private func test(_ text: String?, of app: AppID) async throws(Refusal) -> (ABTest, ABTest.Membership)? {
        guard let text else { return nil }
        let expectation = "the name of an A/B test of this app with one of its parts, as in NAME.a"
        guard let part = ABTest.Part(text), let definition = try await self.definition(.abtest, part.test, of: app)
        else { throw .bad("audience.abtest", expectation) }
        let test = try Self.kept { () throws(Refusal) in try ABTest(decoding: definition.text) }
        guard let membership = test.membership(of: part) else { throw .bad("audience.abtest", expectation) }
        return (test, membership)
    }

    private func definition(
        _ kind: Definition.Kind, _ name: String, of app: AppID
    ) async throws(Refusal) -> Definition? {
        do { return try await self.store.definition(kind, name, of: app) } catch { throw Refusal(error) }
    }

    /// What was checked when it was saved: that it does not read any more is no fault of the caller.
    private static func kept<Value>(_ read: () throws(Refusal) -> Value) throws(Refusal) -> Value {
        do { return try read() } catch { throw Refusal(.internalFault) }
    }
}
