private import Synchronization
package import Logging

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
    /// Apps and certificates of developers.
    package let developers: DeveloperService
    /// Pushes to all apps of a group.
    package let groups: GroupPushService
    /// Uploaded lists.
    package let files: FileService
    /// Most bytes of an uploaded list; `Int.max` for unlimited.
    package let fileMaxBytes: Int
    /// Most bytes of an uploaded image; `Int.max` for unlimited.
    package let imageMaxBytes: Int
    /// Uploaded images.
    package let images: ImageService
    /// Who may call.
    package let authenticator: Authenticator
    /// How often.
    package let quota: Quota

    private let store: any Store
    private let clocks: Clocks
    private let logger: Logger
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
        let directory = AppDirectory(serverLimits: limits)
        let index = AudienceIndex()
        let presence = Presence()
        let bus = LocalBus()
        let book = DeliveryBook(store: store, bus: bus, clocks: clocks, last: last)
        let follower = Follower(index: index, book: book, logger: logger)
        let committer = Committer(store: store, clocks: clocks, last: last) { follower.committed($0, $1) }
        self.store = store
        self.clocks = clocks
        self.logger = logger
        self.directory = directory
        self.index = index
        self.presence = presence
        self.bus = bus
        self.book = book
        self.committer = committer
        self.pushes = PushService(
            directory: directory, index: index, presence: presence, book: book, committer: committer, store: store,
            clocks: clocks)
        self.devices = DeviceService(
            directory: directory, index: index, committer: committer, presence: presence, store: store, clocks: clocks)
        self.reports = ReportBook(book: book, committer: committer, index: index, store: store, clocks: clocks)
        let accounts = AccountDirectory()
        self.accounts = accounts
        self.fileMaxBytes = limits.ceiling(.fileBytes)
        self.imageMaxBytes = limits.ceiling(.imageBytes)
        self.files = FileService(store: store, clocks: clocks)
        self.images = ImageService(store: store, clocks: clocks)
        self.authenticator = Authenticator(
            directory: directory, accounts: accounts, serverLimits: limits, clocks: clocks)
        self.groups = GroupPushService(
            directory: directory, accounts: accounts, authenticator: self.authenticator, pushes: self.pushes,
            reports: self.reports, files: self.files, committer: committer, store: store, clocks: clocks)
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

    private func read() async throws(StoreError) {
        let (added, removed) = try await self.directory.reload(from: self.store)
        try await self.accounts.reload(from: self.store)
        for app in added {
            try await self.index.load(app, from: self.store)
            try await self.book.load(app)
        }
        for app in removed {
            self.book.remove(app)
            self.index.remove(app)
            self.presence.remove(app)
            self.pushes.remove(app)
        }
    }
}

/// Keeps what is derived from the store in step with it: hears of every committed write, in order.
private struct Follower: Sendable {
    let index: AudienceIndex
    let book: DeliveryBook
    let logger: Logger

    func committed(_ write: Write, _ outcome: WriteOutcome) {
        switch (write, outcome) {
        case (_, .failed(let error)) where error != .conflict:
            self.logger.error("the store failed a write", metadata: ["error": "\(error)"])
        case (.message(let message, _), .done):
            do {
                self.book.committed(try Deliverable(message: message))
            } catch {
                self.logger.error("a message does not decode after its commit", metadata: ["error": "\(error)"])
            }
        case (.receipts(let receipts, _), .done): self.book.committed(receipts)
        case (.withdraw(let id), .done): self.book.withdrawn(id)
        case (.register(let device), .done): self.index[device.app].add(device)
        case (.change, .changed(let old, let new)): self.index[new.app].change(from: old, to: new)
        case (.seen(let ordinals, let app, let at), .done): self.index[app].noteAlive(ordinals, at: at)
        case (.active, _), (_, .refused), (_, .failed), (_, .done), (_, .changed): break
        }
    }
}
