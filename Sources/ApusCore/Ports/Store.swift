/// The truth: what was accepted, who is registered, what was received.
///
/// Implemented by SQLite, later by PostgreSQL. Batches in, pages out; every method may be called from any task.
package protocol Store: AccountStore, UploadStore {
    /// Writes a batch in one transaction, in order, and returns when it is durable (fsync).
    ///
    /// A write that fails keeps nothing of itself and does not spoil the others, unless the store cannot write at all:
    /// then what comes after it fails alike, untried.
    /// - Parameter take: gives the batch; asked once, when the writer is free, right before the transaction, so
    ///   that what comes until then goes along.
    /// - Returns: one outcome per write, in order.
    func commit(_ take: @Sendable () -> [Write]) async -> [WriteOutcome]

    /// Creates an app.
    ///
    /// - Returns: the app with its number.
    /// - Throws: ``StoreError/conflict`` when the key is taken.
    func createApp(_ app: App) async throws(StoreError) -> App
    /// Changes an app in one transaction, so that two operators at once both count; its number, key and creation time
    /// stay as they are.
    ///
    /// - Returns: the app as it is now; nil when there is no such app.
    func updateApp(_ id: AppID, _ change: @Sendable (inout App) -> Void) async throws(StoreError) -> App?
    /// Deletes an app with its devices, messages and receipts.
    ///
    /// - Returns: false when there is no such app.
    func deleteApp(_ id: AppID) async throws(StoreError) -> Bool
    /// All apps, by number.
    func apps() async throws(StoreError) -> [App]
    /// Whether another process has written since the last call (or since opening).
    func changedElsewhere() async throws(StoreError) -> Bool

    /// The greatest ordinal that a device of the app has; nil without a device.
    func lastOrdinal(of app: AppID) async throws(StoreError) -> Ordinal?
    /// What the audience index keeps of the devices with these ordinals.
    func audience(of app: AppID, in ordinals: ClosedRange<Ordinal>) async throws(StoreError) -> AudiencePage
    func device(_ ordinal: Ordinal, of app: AppID) async throws(StoreError) -> Device?
    /// Those of the devices that there are, in no order.
    func devices(_ ordinals: [Ordinal], of app: AppID) async throws(StoreError) -> [Device]
    /// The devices of these names, whatever their app, in no order.
    func devices(named names: [RegistrationID]) async throws(StoreError) -> [Device]
    /// The devices that carry an alias, the newest binding first.
    func devices(
        named alias: Alias, of app: AppID, on platforms: PlatformSet, limit: Int
    ) async throws(StoreError) -> [Device]
    /// The tags of an app that came into being last, the newest first: up to `limit` of each platform, each tag once.
    ///
    /// A tag is on a platform while a device of that platform carries it, and came when the first of them did.
    func newestTags(of app: AppID, limit: Int) async throws(StoreError) -> [Tag]
    /// A page of an app's test devices, the oldest first, and how many there are in all.
    func testDevices(of app: AppID, _ query: TestDeviceQuery) async throws(StoreError) -> TestDevicePage
    /// The place of the last write that imported a device.
    func lastImport() async throws(StoreError) -> ImportPlace

    /// The greatest message number ever committed; 0 at first.
    func lastMessageID() async throws(StoreError) -> MessageID
    /// Those of the messages that there are, in no order.
    func messages(_ ids: [MessageID]) async throws(StoreError) -> [Message]
    /// The live messages of an app that wait as bitmaps (``Message/Waiting/bitmap``), with empty payloads, oldest
    /// first.
    func waitingMessages(of app: AppID, at now: Timestamp) async throws(StoreError) -> [Message]
    /// The direct messages that wait for one device, oldest first, with a greater number than `after`:
    /// live, not expired, not received, not dropped.
    func inbox(
        of ordinal: Ordinal, in app: AppID, after: MessageID, at now: Timestamp, limit: Int
    ) async throws(StoreError) -> [Message]
    /// The numbers of what ``inbox(of:in:after:at:limit:)`` would give in all, oldest first, for each of the devices;
    /// those for whom nothing waits are absent.
    func waiting(
        of ordinals: [Ordinal], in app: AppID, at now: Timestamp
    ) async throws(StoreError) -> [Ordinal: [MessageID]]
    /// What an app accepted from a moment on, with empty payloads: what daily limits are counted from.
    ///
    /// - Parameter broadcastsOnly: leaves out what was not to all devices. To find the rest as well takes a look at all
    ///   messages of that time, of whatever app.
    func acceptedMessages(
        of app: AppID, since: Timestamp, broadcastsOnly: Bool
    ) async throws(StoreError) -> [Message]

    /// The receipts of messages, merged. Messages without any are absent.
    func receipts(of messages: [MessageID]) async throws(StoreError) -> [MessageID: [Receipt.Kind: Ordinals]]
    /// Everything that is remembered of one message, as of one moment; nil when there is none.
    func history(of message: MessageID) async throws(StoreError) -> MessageHistory?

    /// What the ledger is worked out from: an app's messages in order of their numbers, those after `after`, each page
    /// as of one moment.
    func ledger(of app: AppID, after: MessageID, limit: Int) async throws(StoreError) -> [LedgerRecord]

    /// The devices whose app was opened in the hours that touch the span, `until` excluded.
    ///
    /// Kept for 92 days: the 60 that statistics reach back, and on to the start of a month.
    func active(of app: AppID, from: Timestamp, until: Timestamp) async throws(StoreError) -> Ordinals

    /// The devices that were connected in the hours that touch the span, `until` excluded; kept as
    /// ``active(of:from:until:)``.
    func online(of app: AppID, from: Timestamp, until: Timestamp) async throws(StoreError) -> Ordinals
    /// How many devices were registered in the span, `until` excluded, by platform.
    func registered(of app: AppID, from: Timestamp, until: Timestamp) async throws(StoreError) -> PlatformCounts

    /// Keeps something under a new name.
    ///
    /// - Returns: false when there is no such app.
    /// - Throws: ``StoreError/conflict`` when the name is taken.
    func createDefinition(_ definition: Definition) async throws(StoreError) -> Bool
    func definition(_ kind: Definition.Kind, _ name: String, of app: AppID) async throws(StoreError) -> Definition?
    /// Everything of one kind that an app has, by name.
    func definitions(_ kind: Definition.Kind, of app: AppID) async throws(StoreError) -> [Definition]
    /// - Returns: false when there is no such name.
    func deleteDefinition(_ kind: Definition.Kind, _ name: String, of app: AppID) async throws(StoreError) -> Bool

    /// Keeps a new push plan, within ``PushPlan/countMax``.
    func createPlan(_ plan: PushPlan, of app: AppID) async throws(StoreError) -> PushPlanCreation
    /// Replaces the description of a push plan.
    ///
    /// - Returns: false when there is no such plan.
    func describePlan(_ name: String, _ description: String, of app: AppID) async throws(StoreError) -> Bool
    func plan(_ name: String, of app: AppID) async throws(StoreError) -> PushPlan?
    /// All push plans of an app, in order of creation.
    ///
    /// - Parameter text: what their names or descriptions hold; nil for every plan.
    func plans(of app: AppID, holding text: String?) async throws(StoreError) -> [PushPlan]

    /// The answer that a cid got, while it is kept.
    func answer(to cid: CID, in app: AppID, at now: Timestamp) async throws(StoreError) -> PushAnswer?

    func schedule(_ id: ScheduleID, of app: AppID) async throws(StoreError) -> Schedule?
    /// The live tasks of an app, oldest creation first, without the first `skip` of them.
    func liveSchedules(
        of app: AppID, at now: Timestamp, skip: Int, limit: Int
    ) async throws(StoreError) -> [Schedule]
    func liveScheduleCount(of app: AppID, at now: Timestamp) async throws(StoreError) -> Int
    /// What became of a task's fires, in order of their instants.
    func fires(of schedule: ScheduleID, in app: AppID) async throws(StoreError) -> [ScheduleFire]
    /// Tasks of any app whose next fire is not after `now`, in order of ``SchedulePlace``, behind `after`.
    func dueSchedules(
        at now: Timestamp, after: SchedulePlace?, limit: Int
    ) async throws(StoreError) -> [Schedule]
    /// The earliest fire of any task that is after `now`.
    func nextDue(after now: Timestamp) async throws(StoreError) -> Timestamp?

    /// Removes what has lost its use: waiting entries of expired messages, expired cids, and messages with their
    /// receipts `retentionSeconds` after their last record, tasks with their fires as long after their last one.
    ///
    /// - Returns: how many rows went.
    func sweep(at now: Timestamp, retentionSeconds: Int) async throws(StoreError) -> Int

    /// Finishes what was begun and lets go of the files. Later calls fail with ``StoreError/unavailable``.
    func close() async
}

extension Store {
    /// Writes a batch that is there already.
    package func commit(_ writes: [Write]) async -> [WriteOutcome] { await self.commit { writes } }
}

/// Why a store did not do as it was asked.
package enum StoreError: Error, Equatable, Sendable {
    /// It cannot be reached, is closed, or is being upgraded: later may work.
    case unavailable
    /// It did not answer in time.
    case timeout
    /// What was to be new is there already.
    case conflict
    /// No room, or the disk refuses writes.
    case full
    /// It holds something that cannot be.
    case corrupt(String)
}

/// One change of the store. What is large lies behind a reference: a write changes hands several times.
package indirect enum Write: Sendable {
    /// Keeps a message, its waiting entries, and the answer under its cid. The decoded request goes along for those who
    /// follow the commit, and the push plan that it names counts it; nil means that it has to be decoded from the
    /// payload, and that no plan counts it.
    /// ``Message/overrides`` turns the state of the app's older message to overridden, if it is live, and removes its
    /// waiting entries. Fails with ``StoreError/conflict`` when the number is taken, or the cid by one that is kept.
    case message(Message, request: PushRequest? = nil, cid: CIDRecord?)
    /// Merges receipts; those of unknown messages are dropped. ``Receipt/Kind/received`` and ``Receipt/Kind/dropped``
    /// end the waiting of their devices.
    case receipts([Receipt], at: Timestamp)
    /// Withdraws a message that is live: it waits for nobody any more. Harmless when repeated or unknown.
    case withdraw(MessageID, of: AppID, at: Timestamp)
    /// A new device. Fails with ``StoreError/conflict`` when the registration id is taken. Its ordinal is a wish: where
    /// it is taken (another process registers too), the store gives the one after the greatest, and the outcome is
    /// ``WriteOutcome/changed(from:to:)`` with the device as it was kept. Refused with
    /// ``Refusal/Kind/aliasLimitExceeded`` when its alias names `devicesPerAlias` others; nil for no limit.
    case register(Device, devicesPerAlias: Int? = nil)
    /// Changes a device; the outcome is ``WriteOutcome/changed(from:to:)`` or ``WriteOutcome/refused(_:)``. An alias
    /// that is new to it is limited as that of a new device.
    case change(DeviceChange, of: Ordinal, in: AppID, devicesPerAlias: Int? = nil)
    /// Changes several devices of an app, each at most once: all of them, or none when one is refused. The outcome is
    /// ``WriteOutcome/changedAll(_:)``, or ``WriteOutcome/refused(_:)`` with the ids of all that are at fault.
    case changeAll([DeviceChangeOrder], in: AppID)
    /// No change: reads, at its own place in the order of the writes, up to `limit` devices that were imported after a
    /// place. The outcome is ``WriteOutcome/adopted(_:through:)``.
    case adopt(after: ImportPlace, limit: Int)
    /// Devices that were seen alive, that is connected.
    case seen(Ordinals, of: AppID, at: Timestamp)
    /// Devices whose app was opened, for user statistics.
    case active(Ordinals, of: AppID, at: Timestamp)
    /// A new task and the answer under its cid. Refused with ``Refusal/Kind/kindLimitExceeded`` when the app has
    /// `liveMax` live tasks already; fails with ``StoreError/conflict`` when the cid is taken.
    case createSchedule(Schedule, liveMax: Int, cid: CIDRecord?)
    /// Replaces a task, whose ``Schedule/revision`` is the one that was read: fails with ``StoreError/conflict`` when
    /// it has another by now. Refused with ``Refusal/Kind/messageUnknown`` when it is gone.
    case changeSchedule(Schedule)
    /// Removes a task with its fires. Refused with ``Refusal/Kind/messageUnknown`` when there is none.
    case deleteSchedule(ScheduleID, of: AppID)
    /// Takes a task past some fires, and keeps the message that the last of them made: both or neither. Refused with
    /// ``Refusal/Kind/messageUnknown`` when the task has changed or is gone, so that no instant is made twice. The
    /// request is the message's, as with ``message(_:request:cid:)``.
    case fire(ScheduleStep, Message?, request: PushRequest? = nil)
}

/// What became of one write.
package enum WriteOutcome: Sendable, Equatable {
    case done
    case changed(from: Device, to: Device)
    /// In the order of the changes.
    case changedAll([DeviceMove])
    /// As they are now, in the order of their last imports; nothing up to this place is missing.
    case adopted([Device], through: ImportPlace)
    /// The change is not legal for this device, or the device is unknown, or the app of a new device or message is.
    case refused(Refusal)
    case failed(StoreError)
}

/// What is to change on one of several devices.
package struct DeviceChangeOrder: Sendable, Equatable {
    /// Which device of the app.
    package let ordinal: Ordinal
    /// What is to change.
    package let change: DeviceChange

    package init(ordinal: Ordinal, change: DeviceChange) {
        self.ordinal = ordinal
        self.change = change
    }
}

/// What a change made of a device.
package struct DeviceMove: Sendable, Equatable {
    /// Before it.
    package let from: Device
    /// After it.
    package let to: Device

    package init(from: Device, to: Device) {
        self.from = from
        self.to = to
    }
}

/// A place in the order in which devices were imported (``Device/importedAt`` was set), which another process does.
package struct ImportPlace: Hashable, Comparable, Sendable {
    /// 0 before the first.
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// A page of test devices.
package struct TestDevicePage: Sendable, Equatable {
    /// Of all pages together.
    package let total: Int
    /// Those of this page.
    package let devices: [Device]

    package init(total: Int, devices: [Device]) {
        self.total = total
        self.devices = devices
    }
}

extension WriteOutcome {
    /// - Throws: why nothing was kept.
    package func get() throws(Refusal) {
        switch self {
        case .done, .changed, .changedAll, .adopted: return
        case .refused(let refusal): throw refusal
        case .failed(let error): throw Refusal(error)
        }
    }
}

/// A cid with the answer it stands for.
package struct CIDRecord: Sendable, Equatable {
    /// Scoped to the app of its message.
    package let cid: CID
    /// What every repeat is answered with.
    package let answer: PushAnswer
    /// When the cid may be used afresh.
    package let expiresAt: Timestamp

    package init(cid: CID, answer: PushAnswer, expiresAt: Timestamp) {
        self.cid = cid
        self.answer = answer
        self.expiresAt = expiresAt
    }
}

/// The answer to an accepted push.
package struct PushAnswer: Sendable, Equatable {
    /// The number of the message that was kept.
    package let messageID: MessageID
    /// Echo of the caller's number; 0 when none was sent.
    package let sendno: Int64
    /// What stands in place of both when the cid was used to create a task: cids of pushes and tasks are one set.
    package let created: CreatedSchedule?

    /// The answer to a push that was accepted.
    package init(messageID: MessageID, sendno: Int64) {
        self.messageID = messageID
        self.sendno = sendno
        self.created = nil
    }

    /// The answer to a task that was created.
    package init(_ created: CreatedSchedule) {
        self.messageID = MessageID(0)
        self.sendno = 0
        self.created = created
    }
}

/// The answer to a task that was created.
package struct CreatedSchedule: Sendable, Equatable {
    /// Its fresh name.
    package let id: ScheduleID
    /// As it was sent.
    package let name: String

    package init(id: ScheduleID, name: String) {
        self.id = id
        self.name = name
    }
}

extension Refusal {
    /// How a fault of the store is told to a caller.
    package init(_ error: StoreError) {
        switch error {
        case .unavailable: self.init(.backendDown)
        case .timeout: self.init(.backendSlow)
        case .conflict, .full, .corrupt: self.init(.internalFault)
        }
    }
}
