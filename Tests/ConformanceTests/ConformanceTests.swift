import Testing

@Suite(.serialized) struct `The contract` {
    /// Cases that run at the same time on one server.
    private static let atOnce = 8

    @Test func `holds in process, case by case`() async throws {
        let cases = try Case.all()
        #expect(cases.count > 400)
        // A case that moves the clock moves it for everybody on its server.
        let groups = Dictionary(grouping: cases) { $0.given.serverText + ($0.movesClock ? $0.name : "") }
        for group in groups.values { try await Self.run(group) { try await InProcess($0) } }
    }

    @Test func `holds against the built executable, case by case`() async throws {
        let cases = try Case.all().filter { !$0.movesClock }
        for group in Dictionary(grouping: cases, by: \.given.serverText).values {
            try await Self.run(group) { try await Binary($0) }
        }
    }

    private static func run(
        _ cases: [Case], on start: (Preparation) async throws -> any ServerUnderTest
    ) async throws {
        let preparation = try await Preparation(cases)
        let server = try await start(preparation)
        await withTaskGroup(of: Void.self) { group in
            for (index, item) in cases.enumerated() {
                if index >= self.atOnce { await group.next() }
                group.addTask {
                    do {
                        var run = CaseRun(item, on: try preparation.stage(of: item, on: server))
                        try await run.run()
                    } catch let failed as CaseRun.Failed {
                        Issue.record("\(item.name), \(failed.sentence)")
                    } catch {
                        Issue.record("\(item.name): \(error)")
                    }
                }
            }
        }
        try await server.stop()
    }
}
