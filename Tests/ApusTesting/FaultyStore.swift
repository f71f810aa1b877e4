package import ApusCore
private import Synchronization

/// A real store whose commits can be held up or made to fail.
///
/// Everything else is the real store's doing: what is kept is really kept, what fails really leaves nothing.
package final class FaultyStore: Store {
    /// What befalls one commit.
    package enum Fault: Sendable {
        /// Waits for ``release()``, then commits as usual.
        case hold
        /// Every write of the batch fails with this error; nothing of it is kept.
        case fail(StoreError)
    }

    private struct State {
        var commits = 0
        var batchSizes: [Int] = []
        /// By the number of the commit.
        var faults: [Int: Fault] = [:]
        var held: [CheckedContinuation<Void, Never>] = []
        var awaitingHold: [CheckedContinuation<Void, Never>] = []
        var readFault: StoreError?
        var groupPushFault: StoreError?
    }

    let real: any Store
    private let state = Mutex(State())

    package init(over real: any Store) { self.real = real }

    /// Plans a fault.
    ///
    /// - Parameter next: which commit from now on: 1 is the next one.
    package func plan(_ fault: Fault, atNext next: Int = 1) {
        self.state.withLock { $0.faults[$0.commits + next] = fault }
    }

    /// Returns when a commit is being held; at once when one is.
    package func holding() async {
        await withCheckedContinuation { continuation in
            let isHolding = self.state.withLock { state in
                if state.held.isEmpty { state.awaitingHold.append(continuation) }
                return !state.held.isEmpty
            }
            if isHolding { continuation.resume() }
        }
    }

    /// Lets the held commits go on.
    package func release() {
        let held = self.state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    /// Makes every read fail from now on; nil ends that.
    package func failReads(with error: StoreError?) { self.state.withLock { $0.readFault = error } }

    /// How many writes each commit carried, oldest first.
    package var batchSizes: [Int] { self.state.withLock { $0.batchSizes } }

    package func commit(_ take: @Sendable () -> [Write]) async -> [WriteOutcome] {
        let writes = take()
        let fault = self.state.withLock { state in
            state.commits += 1
            state.batchSizes.append(writes.count)
            return state.faults.removeValue(forKey: state.commits)
        }
        switch fault {
        case nil: break
        case .hold: await self.hold()
        case .fail(let error): return writes.map { _ in .failed(error) }
        }
        return await self.real.commit { writes }
    }

    private func hold() async {
        await withCheckedContinuation { continuation in
            let waiters = self.state.withLock { state in
                state.held.append(continuation)
                defer { state.awaitingHold = [] }
                return state.awaitingHold
            }
            for waiter in waiters { waiter.resume() }
        }
    }

    func reading() throws(StoreError) {
        if let error = self.state.withLock({ $0.readFault }) { throw error }
    }

    /// Makes the next group push fail where it is kept as a whole, after its parts were.
    package func failNextGroupPush(with error: StoreError) { self.state.withLock { $0.groupPushFault = error } }

    func keeping() throws(StoreError) {
        let fault = self.state.withLock { state in
            defer { state.groupPushFault = nil }
            return state.groupPushFault
        }
        if let fault { throw fault }
    }
}

// MARK: - Passed on

extension FaultyStore {
    package func createApp(_ app: App) async throws(StoreError) -> App { try await self.real.createApp(app) }

    package func updateApp(
        _ id: AppID, _ change: @Sendable (inout App) -> Void
    ) async throws(StoreError) -> App? {
        try await self.real.updateApp(id, change)
    }

    package func deleteApp(_ id: AppID) async throws(StoreError) -> Bool { try await self.real.deleteApp(id) }

    package func sweep(at now: Timestamp, retentionSeconds: Int) async throws(StoreError) -> Int {
        try await self.real.sweep(at: now, retentionSeconds: retentionSeconds)
    }

    package func close() async { await self.real.close() }

    package func apps() async throws(StoreError) -> [App] {
        try self.reading()
        return try await self.real.apps()
    }

    package func changedElsewhere() async throws(StoreError) -> Bool {
        try self.reading()
        return try await self.real.changedElsewhere()
    }

    package func lastOrdinal(of app: AppID) async throws(StoreError) -> Ordinal? {
        try self.reading()
        return try await self.real.lastOrdinal(of: app)
    }

    package func audience(
        of app: AppID, in ordinals: ClosedRange<Ordinal>
    ) async throws(StoreError) -> AudiencePage {
        try self.reading()
        return try await self.real.audience(of: app, in: ordinals)
    }

    package func device(_ ordinal: Ordinal, of app: AppID) async throws(StoreError) -> Device? {
        try self.reading()
        return try await self.real.device(ordinal, of: app)
    }

    package func devices(_ ordinals: [Ordinal], of app: AppID) async throws(StoreError) -> [Device] {
        try self.reading()
        return try await self.real.devices(ordinals, of: app)
    }

    package func devices(named names: [RegistrationID]) async throws(StoreError) -> [Device] {
        try self.reading()
        return try await self.real.devices(named: names)
    }

    package func devices(
        named alias: Alias, of app: AppID, on platforms: PlatformSet, limit: Int
    ) async throws(StoreError) -> [Device] {
        try self.reading()
        return try await self.real.devices(named: alias, of: app, on: platforms, limit: limit)
    }

    package func newestTags(of app: AppID, limit: Int) async throws(StoreError) -> [Tag] {
        try self.reading()
        return try await self.real.newestTags(of: app, limit: limit)
    }

    package func testDevices(of app: AppID, _ query: TestDeviceQuery) async throws(StoreError) -> TestDevicePage {
        try self.reading()
        return try await self.real.testDevices(of: app, query)
    }

    package func ledger(
        of app: AppID, after: MessageID, limit: Int
    ) async throws(StoreError) -> [LedgerRecord] {
        try self.reading()
        return try await self.real.ledger(of: app, after: after, limit: limit)
    }

    package func lastImport() async throws(StoreError) -> ImportPlace {
        try self.reading()
        return try await self.real.lastImport()
    }

    package func lastMessageID() async throws(StoreError) -> MessageID {
        try self.reading()
        return try await self.real.lastMessageID()
    }

    package func history(of message: MessageID) async throws(StoreError) -> MessageHistory? {
        try self.reading()
        return try await self.real.history(of: message)
    }

    package func messages(_ ids: [MessageID]) async throws(StoreError) -> [Message] {
        try self.reading()
        return try await self.real.messages(ids)
    }

    package func waitingMessages(of app: AppID, at now: Timestamp) async throws(StoreError) -> [Message] {
        try self.reading()
        return try await self.real.waitingMessages(of: app, at: now)
    }

    package func inbox(
        of ordinal: Ordinal, in app: AppID, after: MessageID, at now: Timestamp, limit: Int
    ) async throws(StoreError) -> [Message] {
        try self.reading()
        return try await self.real.inbox(of: ordinal, in: app, after: after, at: now, limit: limit)
    }

    package func waiting(
        of ordinals: [Ordinal], in app: AppID, at now: Timestamp
    ) async throws(StoreError) -> [Ordinal: [MessageID]] {
        try self.reading()
        return try await self.real.waiting(of: ordinals, in: app, at: now)
    }

    package func acceptedMessages(
        of app: AppID, since: Timestamp, broadcastsOnly: Bool
    ) async throws(StoreError) -> [Message] {
        try self.reading()
        return try await self.real.acceptedMessages(of: app, since: since, broadcastsOnly: broadcastsOnly)
    }

    package func receipts(
        of messages: [MessageID]
    ) async throws(StoreError) -> [MessageID: [Receipt.Kind: Ordinals]] {
        try self.reading()
        return try await self.real.receipts(of: messages)
    }

    package func active(
        of app: AppID, from: Timestamp, until: Timestamp
    ) async throws(StoreError) -> Ordinals {
        try self.reading()
        return try await self.real.active(of: app, from: from, until: until)
    }

    package func answer(to cid: CID, in app: AppID, at now: Timestamp) async throws(StoreError) -> PushAnswer? {
        try self.reading()
        return try await self.real.answer(to: cid, in: app, at: now)
    }

    package func schedule(_ id: ScheduleID, of app: AppID) async throws(StoreError) -> Schedule? {
        try self.reading()
        return try await self.real.schedule(id, of: app)
    }

    package func liveSchedules(
        of app: AppID, at now: Timestamp, skip: Int, limit: Int
    ) async throws(StoreError) -> [Schedule] {
        try self.reading()
        return try await self.real.liveSchedules(of: app, at: now, skip: skip, limit: limit)
    }

    package func liveScheduleCount(of app: AppID, at now: Timestamp) async throws(StoreError) -> Int {
        try self.reading()
        return try await self.real.liveScheduleCount(of: app, at: now)
    }

    package func fires(of schedule: ScheduleID, in app: AppID) async throws(StoreError) -> [ScheduleFire] {
        try self.reading()
        return try await self.real.fires(of: schedule, in: app)
    }

    package func dueSchedules(
        at now: Timestamp, after: SchedulePlace?, limit: Int
    ) async throws(StoreError) -> [Schedule] {
        try self.reading()
        return try await self.real.dueSchedules(at: now, after: after, limit: limit)
    }

    package func nextDue(after now: Timestamp) async throws(StoreError) -> Timestamp? {
        try self.reading()
        return try await self.real.nextDue(after: now)
    }

    package func online(
        of app: AppID, from: Timestamp, until: Timestamp
    ) async throws(StoreError) -> Ordinals {
        try self.reading()
        return try await self.real.online(of: app, from: from, until: until)
    }

    package func registered(
        of app: AppID, from: Timestamp, until: Timestamp
    ) async throws(StoreError) -> PlatformCounts {
        try self.reading()
        return try await self.real.registered(of: app, from: from, until: until)
    }

    package func createDefinition(_ definition: Definition) async throws(StoreError) -> Bool {
        try await self.real.createDefinition(definition)
    }

    package func definition(
        _ kind: Definition.Kind, _ name: String, of app: AppID
    ) async throws(StoreError) -> Definition? {
        try self.reading()
        return try await self.real.definition(kind, name, of: app)
    }

    package func definitions(_ kind: Definition.Kind, of app: AppID) async throws(StoreError) -> [Definition] {
        try self.reading()
        return try await self.real.definitions(kind, of: app)
    }

    package func deleteDefinition(
        _ kind: Definition.Kind, _ name: String, of app: AppID
    ) async throws(StoreError) -> Bool {
        try await self.real.deleteDefinition(kind, name, of: app)
    }

    package func createPlan(_ plan: PushPlan, of app: AppID) async throws(StoreError) -> PushPlanCreation {
        try await self.real.createPlan(plan, of: app)
    }

    package func describePlan(
        _ name: String, _ description: String, of app: AppID
    ) async throws(StoreError) -> Bool {
        try await self.real.describePlan(name, description, of: app)
    }

    package func plan(_ name: String, of app: AppID) async throws(StoreError) -> PushPlan? {
        try self.reading()
        return try await self.real.plan(name, of: app)
    }

    package func plans(of app: AppID, holding text: String?) async throws(StoreError) -> [PushPlan] {
        try self.reading()
        return try await self.real.plans(of: app, holding: text)
    }
}
