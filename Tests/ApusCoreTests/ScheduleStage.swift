import ApusCore
import ApusTesting

/// A node with one app and one device of it, and what a test of schedules needs to say.
struct ScheduleStage {
    let node: TestCore
    let app: App
    let device: Device

    init(limits: Limits = Limits()) async throws {
        self.node = try await TestCore.open()
        self.app = try await self.node.createApp(limits: limits)
        self.device = try await self.node.register(1, of: self.app)[0]
    }

    private init(_ node: TestCore, like other: ScheduleStage) {
        self.node = node
        self.app = other.app
        self.device = other.device
    }

    /// The same after a stop and a start.
    func restarted() async throws -> ScheduleStage { ScheduleStage(try await self.node.restarted(), like: self) }

    /// The same as another node finds the files now: what a kill would leave.
    func copied() async throws -> ScheduleStage { ScheduleStage(try await self.node.copied(), like: self) }

    static let push = #"{"platform":"all","audience":"all","notification":{"alert":"hi"}}"#

    func time(in seconds: Int) -> String {
        TimeUTC8(epochMilliseconds: self.node.clock.now.adding(seconds: seconds).milliseconds).text
    }

    func single(in seconds: Int) -> String { #"{"single":{"time":"\#(self.time(in: seconds))"}}"# }

    /// Every day from the moment `start` seconds from now on, at that time of day.
    func daily(from start: Int, days: Int = 30) -> String {
        let time = self.time(in: start)
        return #"{"periodical":{"start":"\#(time)","end":"\#(self.time(in: start + days * 86_400))","#
            + #""time":"\#(time.suffix(8))","time_unit":"day","frequency":1}}"#
    }

    @discardableResult
    func create(
        _ trigger: String, push: String = Self.push, name: String = "task", cid: String? = nil
    ) async throws -> String {
        let head = cid.map { #""cid":"\#($0)","# } ?? ""
        let text = #"{\#(head)"name":"\#(name)","enabled":true,"trigger":\#(trigger),"push":\#(push)}"#
        let answer = try await self.node.core.schedules.create(
            try ScheduleSections.root(Array(text.utf8)), of: self.app)
        guard let created = answer.created else { throw Unexpected(what: "\(answer)") }
        return created.id.text
    }

    @discardableResult
    func change(_ id: String, _ text: String) async throws -> Schedule {
        try await self.node.core.schedules.change(
            id, to: try ScheduleSections.changed(by: try ScheduleSections.root(Array(text.utf8))), of: self.app)
    }

    func schedule(_ id: String) async throws -> Schedule {
        try await self.node.core.schedules.schedule(named: id, of: self.app)
    }

    func fires(_ id: String) async throws -> [ScheduleFire] {
        try await self.node.core.schedules.fires(ofScheduleNamed: id, of: self.app)
    }

    /// What each fire came to: 0 for a push.
    func codes(_ id: String) async throws -> [Int] {
        try await self.fires(id).map { fire in
            switch fire.outcome {
            case .pushed: 0
            case .failed(let code, _, _): code
            }
        }
    }

    func liveCount() async throws -> Int { try await self.node.core.schedules.page(1, of: self.app).total }

    /// Lets time go by, and lets the runner do what is due then.
    @discardableResult
    func advance(seconds: Int) async -> ScheduleRunner.Wake {
        self.node.clock.advance(seconds: seconds)
        return await self.node.core.scheduleRunner.fireDue()
    }

    /// Everything that the device would be sent.
    func received() async throws -> [MessageID] { try await self.node.inbox(of: self.device) }

    func refusal(_ body: () async throws -> Void) async -> Refusal? {
        do {
            try await body()
            return nil
        } catch {
            return error as? Refusal
        }
    }
}
