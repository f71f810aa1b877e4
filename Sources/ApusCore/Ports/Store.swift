/// The truth: what was accepted, who is registered, what was received.
///
/// Implemented by SQLite, later by PostgreSQL. Batches in, pages out; every method may be called from any task.
package protocol Store: AccountStore, UploadStore {
    /// Writes a batch in one transaction, in order, and returns when it is durable (fsync).
    ///
    /// A write that fails keeps nothing of itself and does not spoil the others.
    /// - Returns: one outcome per write, in order.
    func commit(_ writes: [Write]) async -> [WriteOutcome]

    /// Creates an app.
    ///
    /// - Returns: the app with its number.
    /// - Throws: ``StoreError/conflict`` when the key is taken.
    func createApp(_ app: App) async throws(StoreError) -> App
    /// Replaces everything of an app but its number, key and creation time.
    ///
    /// - Returns: false when there is no such app.
    func updateApp(_ app: App) async throws(StoreError) -> Bool
    /// Deletes an app with its devices, messages and receipts.
    ///
    /// - Returns: false when there is no such app.
    func deleteApp(_ id: AppID) async throws(StoreError) -> Bool
    /// All apps, by number.
    func apps() async throws(StoreError) -> [App]
    /// Whether another process has written since the last call (or since opening).
    func changedElsewhere() async throws(StoreError) -> Bool

    /// The devices of an app in order of their ordinals, from `first` on.
    func devices(of app: AppID, from first: Ordinal, limit: Int) async throws(StoreError) -> [Device]
    func device(_ ordinal: Ordinal, of app: AppID) async throws(StoreError) -> Device?

    /// The greatest message number ever committed; 0 at first.
    func lastMessageID() async throws(StoreError) -> MessageID
    /// Those of the messages that there are, in no order.
    func messages(_ ids: [MessageID]) async throws(StoreError) -> [Message]
    /// The messages of an app that wait for devices and are too wide for the index by device
    /// (``Message/isDirect`` is false), or that are spread over time; oldest first.
    func waitingMessages(of app: AppID, at now: Timestamp) async throws(StoreError) -> [Message]
    /// The direct messages that wait for one device, oldest first, with a greater number than `after`:
    /// live, not expired, not received, not dropped.
    func inbox(
        of ordinal: Ordinal, in app: AppID, after: MessageID, at now: Timestamp, limit: Int
    ) async throws(StoreError) -> [Message]
    /// The numbers of what ``inbox(of:in:after:at:limit:)`` would give in all, oldest first.
    func waiting(of ordinal: Ordinal, in app: AppID, at now: Timestamp) async throws(StoreError) -> [MessageID]
    /// Everything that an app accepted from a moment on, with empty payloads: what daily limits are counted from.
    func acceptedMessages(of app: AppID, since: Timestamp) async throws(StoreError) -> [Message]

    /// The receipts of messages, merged. Messages without any are absent.
    func receipts(of messages: [MessageID]) async throws(StoreError) -> [MessageID: [Receipt.Kind: Ordinals]]

    /// The devices whose app was opened in the hours that touch the span, `until` excluded.
    ///
    /// Kept for 92 days: the 60 that statistics reach back, and on to the start of a month.
    func active(of app: AppID, from: Timestamp, until: Timestamp) async throws(StoreError) -> Ordinals

    /// The answer that a cid got, while it is kept.
    func answer(to cid: CID, in app: AppID, at now: Timestamp) async throws(StoreError) -> PushAnswer?

    /// Removes what has lost its use: waiting entries of expired messages, expired cids, and messages with their
    /// receipts `retentionSeconds` after their last record.
    ///
    /// - Returns: how many rows went.
    func sweep(at now: Timestamp, retentionSeconds: Int) async throws(StoreError) -> Int

    /// Finishes what was begun and lets go of the files. Later calls fail with ``StoreError/unavailable``.
    func close() async
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

/// One change of the store.
package enum Write: Sendable {
    /// Keeps a message, its waiting entries, and the answer under its cid.
    /// ``Message/overrides`` turns the state of the app's older message to overridden, if it is live, and removes its
    /// waiting entries. Fails with ``StoreError/conflict`` when the number is taken, or the cid by one that is kept.
    case message(Message, cid: CIDRecord?)
    /// Merges receipts; those of unknown messages are dropped. ``Receipt/Kind/received`` and ``Receipt/Kind/dropped``
    /// end the waiting of their devices.
    case receipts([Receipt], at: Timestamp)
    /// Withdraws a message that is live: it waits for nobody any more. Harmless when repeated or unknown.
    case withdraw(MessageID)
    /// A new device. Fails with ``StoreError/conflict`` when the registration id or the ordinal is taken.
    case register(Device)
    /// Changes a device; the outcome is ``WriteOutcome/changed(from:to:)`` or ``WriteOutcome/refused(_:)``.
    case change(DeviceChange, of: Ordinal, in: AppID)
    /// Devices that were seen alive.
    case seen(Ordinals, of: AppID, at: Timestamp)
    /// Devices whose app was opened, for user statistics.
    case active(Ordinals, of: AppID, at: Timestamp)
}

/// What became of one write.
package enum WriteOutcome: Sendable, Equatable {
    case done
    case changed(from: Device, to: Device)
    /// The change is not legal for this device, or the device is unknown, or the app of a new device or message is.
    case refused(Refusal)
    case failed(StoreError)
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

    package init(messageID: MessageID, sendno: Int64) {
        self.messageID = messageID
        self.sendno = sendno
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
