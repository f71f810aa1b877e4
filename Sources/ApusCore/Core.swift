package import Logging
private import Synchronization

/// From an accepted request to a counted receipt: the services of one node over one store, and what runs in the
/// background for them.
package final class Core: Sendable {
    /// Which apps there are.
    package let directory: AppDirectory
    /// Which developers and groups there are.
    package let accounts: AccountDirectory
    /// Which devices each app has.
    package let index: AudienceIndex
    /// Which of them are online here.
    package let presence: Presence
    /// What rings when something was committed.
    package let bus: LocalBus
    /// What waits for whom.
    package let book: DeliveryBook
    /// The one way into the store for whatever must be durable and in order.
    package let committer: Committer
    /// Pushes and withdrawals.
    package let pushes: PushService
    /// Registrations, logins and changes of devices.
    package let devices: DeviceService
    /// Receipts in, counts out.
    package let reports: ReportBook
    /// Scheduled tasks.
    package let schedules: ScheduleService
    /// What makes their pushes.
    package let scheduleRunner: ScheduleRunner
    /// Names that pushes are counted under.
    package let plans: PushPlanService
    /// Who came, connected and was active.
    package let users: UserStatistics
    /// Apps and certificates of developers.
    package let developers: DeveloperService
    /// Pushes to all apps of a group.
    package let groups: GroupPushService
    /// What lets uploads in.
    package let uploads: UploadIntake
    /// Uploaded lists.
    package let files: FileService
    /// Most bytes of an uploaded list; `Int.max` for unlimited.
    package let fileMaxBytes: Int
    /// Most bytes of an uploaded image; `Int.max` for unlimited.
    package let imageMaxBytes: Int
    /// Uploaded images.
    package let images: ImageService
    /// What tells the operator of strangers who misbehave.
    package let incidents: IncidentLog
    /// Who may call.
    package let authenticator: Authenticator
    /// How often.
    package let quota: Quota

    private let store: any Store
    /// Whether another process has changed the store and that has not been taken over.
    private let isBehind = Atomic(false)
    private let reloading: Reloading

    /// Builds the services over an open store and loads what is derived from it.
    ///
    /// - Parameters:
    ///   - limits: the server's; apps may have their own over them.
    ///   - sealingKey: what secrets that must be read back are sealed with; a fresh one for a store that has none.
    package init(
        store: any Store, limits: Limits, clocks: Clocks, logger: Logger, sealingKey: SealingKey = SealingKey()
    ) async throws(StoreError) {
        let last = try await store.lastMessageID()
        // Before the devices are read: what is imported meanwhile is adopted once more.
        let adopted = try await store.lastImport()
        let directory = AppDirectory(serverLimits: limits)
        let index = AudienceIndex()
        let presence = Presence()
        let bus = LocalBus()
        let book = DeliveryBook(store: store, bus: bus, clocks: clocks, last: last, logger: logger)
        let bell = ScheduleBell()
        let counted = CountedReceipts()
        let follower = Follower(
            directory: directory, index: index, book: book, counted: counted, bell: bell, logger: logger)
        let committer = Committer(store: store, clocks: clocks, last: last) { follower.committed($0, $1) }
        self.store = store
        self.directory = directory
        self.index = index
        self.presence = presence
        self.bus = bus
        self.book = book
        self.committer = committer
        let waitSeconds = limits[.requestSeconds] == 0 ? 30 : max(1, limits[.requestSeconds] * 4 / 5)
        self.pushes = PushService(
            directory: directory, index: index, presence: presence, book: book, committer: committer, store: store,
            clocks: clocks, waitSeconds: waitSeconds)
        let incidents = IncidentLog(logger: logger, clocks: clocks)
        self.incidents = incidents
        self.devices = DeviceService(
            directory: directory, index: index, committer: committer, presence: presence, store: store, clocks: clocks,
            adopted: adopted, serverLimits: limits, incidents: incidents)
        self.reports = ReportBook(
            book: book, committer: committer, index: index, counted: counted, store: store, clocks: clocks)
        self.schedules = ScheduleService(
            directory: directory, pushes: self.pushes, committer: committer, store: store, clocks: clocks)
        self.scheduleRunner = ScheduleRunner(
            directory: directory, pushes: self.pushes, committer: committer, store: store, bell: bell, clocks: clocks,
            logger: logger)
        self.plans = PushPlanService(store: store, clocks: clocks)
        self.users = UserStatistics(
            index: index, presence: presence, committer: committer, store: store, clocks: clocks)
        let accounts = AccountDirectory()
        self.accounts = accounts
        self.fileMaxBytes = limits.ceiling(.fileBytes)
        self.imageMaxBytes = limits.ceiling(.imageBytes)
        self.uploads = UploadIntake(store: store, clocks: clocks, runningMax: limits.ceiling(.uploadsRunning))
        self.files = FileService(store: store, clocks: clocks)
        self.images = ImageService(store: store, clocks: clocks, directory: directory)
        self.authenticator = Authenticator(
            directory: directory, accounts: accounts, serverLimits: limits, clocks: clocks)
        self.groups = GroupPushService(
            directory: directory, accounts: accounts, authenticator: self.authenticator, pushes: self.pushes,
            reports: self.reports, files: self.files, committer: committer, store: store, clocks: clocks,
            waitSeconds: waitSeconds)
        self.quota = Quota(directory: directory, serverLimits: limits, clocks: clocks)
        let reloading = Reloading(
            directory: directory, accounts: accounts, index: index, book: book, presence: presence,
            pushes: self.pushes, store: store)
        self.reloading = reloading
        self.developers = DeveloperService(
            directory: directory, store: store, sealingKey: sealingKey, clocks: clocks
        ) { () throws(StoreError) in try await reloading.run() }
        try await self.reloadApps()
    }

    /// Returns while the store can be read.
    ///
    /// - Throws: ``Refusal/Kind/backendDown`` when it is gone, else what a request would be refused with.
    package func checkStore() async throws(Refusal) {
        do { _ = try await self.store.lastMessageID() } catch { throw Refusal(error) }
    }

    /// Takes over what another process has changed in the store. What fails is tried again at the next call.
    package func followOperators() async throws(StoreError) {
        if try await self.store.changedElsewhere() { self.isBehind.store(true, ordering: .relaxed) }
        guard self.isBehind.load(ordering: .relaxed) else { return }
        try await self.reloadApps()
        try await self.devices.adoptElsewhere()
        self.isBehind.store(false, ordering: .relaxed)
    }

    /// Takes over the apps, developers and groups that the store holds now: loads the new ones, forgets the deleted
    /// ones.
    package func reloadApps() async throws(StoreError) { try await self.reloading.run() }
}

/// Brings what is derived from the store's apps up to date.
///
/// One at a time: an operator's change and a developer's may come together, and the older picture must not win.
private actor Reloading {
    let directory: AppDirectory
    let accounts: AccountDirectory
    let index: AudienceIndex
    let book: DeliveryBook
    let presence: Presence
    let pushes: PushService
    let store: any Store
    private var last: Task<Result<Void, StoreError>, Never>?

    init(
        directory: AppDirectory, accounts: AccountDirectory, index: AudienceIndex, book: DeliveryBook,
        presence: Presence, pushes: PushService, store: any Store
    ) {
        self.directory = directory
        self.accounts = accounts
        self.index = index
        self.book = book
        self.presence = presence
        self.pushes = pushes
        self.store = store
    }

    /// Reads the store after this call began, and returns when what it holds is in force.
    func run() async throws(StoreError) {
        let before = self.last
        let task = Task<Result<Void, StoreError>, Never> {
            _ = await before?.value
            do throws(StoreError) {
                return .success(try await self.read())
            } catch {
                return .failure(error)
            }
        }
        self.last = task
        try await task.value.get()
    }

    /// A new app is known to callers only once all that is derived from its rows is there, and a group only after its
    /// apps.
    private func read() async throws(StoreError) {
        let apps = try await self.store.apps()
        for app in apps where self.directory.app(app.id) == nil {
            try await self.index.load(app.id, from: self.store)
            try await self.book.load(app.id)
        }
        for app in self.directory.replace(with: apps) {
            self.book.remove(app)
            self.index.remove(app)
            self.presence.remove(app)
            self.pushes.remove(app)
        }
        try await self.accounts.reload(from: self.store)
    }
}

/// Keeps what is derived from the store in step with it: hears of every committed write, in order.
private struct Follower: Sendable {
    let directory: AppDirectory
    let index: AudienceIndex
    let book: DeliveryBook
    let counted: CountedReceipts
    let bell: ScheduleBell
    let logger: Logger

    func committed(_ write: Write, _ outcome: WriteOutcome) {
        // Also where they were refused: a write that failed late may be on the disk.
        if case .receipts(let receipts, _) = write { self.counted.forget(receipts) }
        switch (write, outcome) {
        case (_, .failed(let error)) where error != .conflict:
            self.logger.error("the store failed a write", metadata: ["error": "\(error)"])
        case (.message(let message, let request, _), .done): self.book.committed(message, request)
        case (.fire(_, let message, let request), .done):
            if let message { self.book.committed(message, request) }
            self.bell.ring()
        case (.createSchedule, .done), (.changeSchedule, .done), (.deleteSchedule, .done): self.bell.ring()
        case (.receipts(let receipts, _), .done): self.book.committed(receipts)
        case (.withdraw(let id, let app, _), .done): self.book.withdrawn(id, of: app)
        case (.register(let device, _), .done), (.register, .changed(_, let device)): self.index[device.app].add(device)
        case (.change, .changed(let old, let new)):
            self.index[new.app].change([DeviceMove(from: old, to: new)])
        case (.changeAll(_, let app), .changedAll(let moves)): self.index[app].change(moves)
        case (.adopt, .adopted(let devices, _)):
            // An app that is not known yet is loaded as a whole once it is.
            for (app, devices) in Dictionary(grouping: devices, by: \.app) where self.directory.app(app) != nil {
                self.index[app].adopt(devices)
            }
        case (.seen(let ordinals, let app, let at), .done): self.index[app].noteAlive(ordinals, at: at)
        case (.active, _), (_, .refused), (_, .failed): break
        case (_, .done), (_, .changed), (_, .changedAll), (_, .adopted): break
        }
    }
}
