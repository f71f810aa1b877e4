internal import ApusCore
internal import GRDB

/// One transaction of writes: what they share, and what is to follow once it is durable.
struct Batch {
    let db: Database
    let statements: HotStatements
    /// As they are in this transaction.
    var marks: Inbox.Marks
    var changes = FreshInbox.Changes()
    /// What ``FreshInbox`` begins anew with, before the changes.
    var derived: InboxLister.Derived?
    /// The listing under way, as far as this transaction took it.
    var listing: Inbox.Listing?
    /// The greatest number of a message that was kept.
    var lastMessage: MessageID?
    /// When those that were kept expire.
    private var expiries = Expiries.Lists()
    /// Apps that are there, as far as was asked. None goes while this transaction lasts.
    private var apps: Set<AppID> = []

    init(_ db: Database, _ statements: HotStatements) throws {
        self.db = db
        self.statements = statements
        self.marks = try Inbox.marks(read: statements.readMarks.integers())
    }

    /// Notes a message that was kept.
    mutating func noteKept(_ message: Message) {
        self.lastMessage = max(self.lastMessage ?? message.id, message.id)
        self.expiries.append(message.id, dueAt: message.expiresAt)
    }

    /// Whether there is such an app.
    mutating func has(_ app: AppID) throws -> Bool {
        if self.apps.contains(app) { return true }
        guard try Apps.exists(app, in: self.db) else { return false }
        self.apps.insert(app)
        return true
    }

    /// Writes what is counted over all of them.
    func finish() throws {
        guard let last = self.lastMessage else { return }
        try self.db.run("UPDATE counters SET value = max(value, ?) WHERE name = 'last_message'", last.number)
        try self.expiries.write(.expiry, in: self.db)
    }
}

extension Write {
    /// Does one write inside a transaction. What it throws must undo the transaction.
    func apply(in batch: inout Batch) throws -> WriteOutcome {
        let db = batch.db
        switch self {
        case .message(let message, let request, let cid):
            let outcome = try Messages.keep(message, cid: cid, in: &batch)
            if outcome == .done { try Self.count(message, request, in: db) }
            return outcome
        case .receipts(let receipts, let now):
            try Receipts.merge(receipts, at: now, in: &batch)
        case .withdraw(let message, let app, let now):
            try Messages.withdraw(message, of: app, at: now, in: batch)
        case .register(let device, let devicesPerAlias):
            return try Devices.register(device, devicesPerAlias: devicesPerAlias, in: db)
        case .change(let change, let ordinal, let app, let devicesPerAlias):
            return try Devices.change(change, of: ordinal, in: app, devicesPerAlias: devicesPerAlias, in: db)
        case .changeAll(let orders, let app):
            return try Devices.changeAll(orders, in: app, in: db)
        case .adopt(let place, let limit):
            return try Devices.adopt(after: place, limit: limit, in: db)
        case .seen(let ordinals, let app, let now):
            try Devices.seen(ordinals, of: app, at: now, in: db)
            try DeviceHours.online.record(ordinals, of: app, at: now, in: db)
        case .active(let ordinals, let app, let now):
            try DeviceHours.active.record(ordinals, of: app, at: now, in: db)
        case .createSchedule(let schedule, let liveMax, let cid):
            return try Schedules.create(schedule, liveMax: liveMax, cid: cid, in: db)
        case .changeSchedule(let schedule):
            return try Schedules.change(schedule, in: db)
        case .deleteSchedule(let id, let app):
            return try Schedules.delete(id, of: app, in: db)
        case .fire(let step, let message, let request):
            let outcome = try Schedules.step(step, message, in: &batch)
            if outcome == .done, let message { try Self.count(message, request, in: db) }
            return outcome
        }
        return .done
    }

    /// Counts a message under the plan that its push names, if it names one.
    private static func count(_ message: Message, _ request: PushRequest?, in db: Database) throws {
        guard let plan = request?.options.businessOperationCode else { return }
        try Plans.count(plan, of: message.app, at: message.acceptedAt, in: db)
    }
}
