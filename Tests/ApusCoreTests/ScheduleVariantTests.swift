import ApusCore
import ApusTesting
import Testing

@Suite struct `A task for an uploaded list` {
    @Test func `is recorded as refused when the app has lost its rights, and goes on when it has them again`()
        async throws
    {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.daily(from: 60), push: try await Self.push(stage))
        var app = stage.app
        app.isVIP = false
        try await `Broadcasts of a day`.change(app, in: stage.node)
        await stage.advance(seconds: 60)
        app.isVIP = true
        try await `Broadcasts of a day`.change(app, in: stage.node)
        await stage.advance(seconds: 86_400)
        #expect(try await stage.codes(id) == [2006, 0])
    }

    @Test func `says which part of the push is at fault when the list is gone, and that trying again is no use`()
        async throws
    {
        let stage = try await ScheduleStage()
        let id = try await stage.create(stage.single(in: 60), push: try await Self.push(stage))
        for file in try await stage.node.core.files.files(of: .app(stage.app.id)) {
            try await stage.node.core.files.delete(file.id.text, of: .app(stage.app.id))
        }
        await stage.advance(seconds: 60)
        let fire = try #require(try await stage.fires(id).first)
        guard case .failed(let code, let message, let mayRetry) = fire.outcome else {
            throw Unexpected(what: "\(fire.outcome)")
        }
        #expect(code == 1003 && message.contains("audience.file.file_id") && !mayRetry)
        #expect(try await stage.received().isEmpty)
    }

    /// A push to a list that names the device of the stage.
    private static func push(_ stage: ScheduleStage) async throws -> String {
        let (core, app) = (stage.node.core, stage.app.id)
        let name = Array(stage.device.registrationID.text.utf8)
        let id = try await core.uploads.admit { upload throws(Refusal) in
            var list = AudienceListDraft(kind: .registrationID, in: upload.begin())
            try await list.append(name)
            try await list.finish()
            return try await core.files.keep(list, named: "l.txt", timeToLiveHours: 720, of: .app(app))
        }
        return
            #"{"platform":"all","audience":{"file":{"file_id":"\#(id.text)"}},"notification":{"alert":"hi"}}"#
    }
}

@Suite struct `Tasks by template` {
    @Test func `are held to the live tasks of the app, item by item`() async throws {
        let stage = try await ScheduleStage(limits: Limits([.schedulesLive: 3]))
        try await Self.save(stage)
        let outcomes = try await stage.node.core.schedules.create(try Self.request(stage, items: 10), of: stage.app)
        #expect(outcomes.count == 10)
        #expect(outcomes.count { (try? $0.get()) != nil } == 3)
        for outcome in outcomes {
            if case .failure(let refusal) = outcome { #expect(refusal.row(for: .push).code == 1012) }
        }
        #expect(try await stage.liveCount() == 3)
    }

    @Test func `push what the template was when they were made`() async throws {
        let stage = try await ScheduleStage()
        try await Self.save(stage)
        _ = try await stage.node.core.schedules.create(try Self.request(stage, items: 1), of: stage.app)
        #expect(try await stage.node.store.deleteDefinition(.template, "t", of: stage.app.id))
        let later = try await stage.restarted()
        await later.advance(seconds: 60)
        #expect(try await later.received().count == 1)
        #expect(
            await later.refusal {
                _ = try await later.node.core.schedules.create(try Self.request(later, items: 1), of: later.app)
            }?.kind == .nameUnknown)
    }

    private static func save(_ stage: ScheduleStage) async throws {
        let template = Array(#"{"platform":"all","notification":{"alert":"{{x}}"}}"#.utf8)
        let definition = try Definition(
            app: stage.app.id, kind: .template, name: "t", text: template, createdAt: stage.node.clock.now)
        #expect(try await stage.node.store.createDefinition(definition))
    }

    private static func request(_ stage: ScheduleStage, items: Int) throws -> TemplateScheduleRequest {
        let audience = #"{"registration_id":["\#(stage.device.registrationID.text)"]}"#
        let item = #"{"keys":{"x":"hi"},"audience":\#(audience)}"#
        let params = Array(repeating: item, count: items).joined(separator: ",")
        let text =
            #"{"id":"t","schedule_name":"n","trigger":\#(stage.single(in: 60)),"params":[\#(params)]}"#
        return try TemplateScheduleRequest(decoding: Array(text.utf8))
    }
}
