/// Receipts in, counts out. The store merges; this decides what may be merged.
package final class ReportBook: Sendable {
    private let book: DeliveryBook
    private let committer: Committer
    private let index: AudienceIndex
    private let counted: CountedReceipts
    private let store: any Store
    private let clocks: Clocks

    /// - Parameter counted: hears of every receipt that is written.
    init(
        book: DeliveryBook, committer: Committer, index: AudienceIndex, counted: CountedReceipts, store: any Store,
        clocks: Clocks
    ) {
        self.book = book
        self.counted = counted
        self.committer = committer
        self.index = index
        self.store = store
        self.clocks = clocks
    }

    /// What one device tells about messages.
    package struct Acknowledgement: Sendable {
        /// Who tells.
        package let device: DeviceKey
        /// As the device named them: unknown and foreign ones may be among them.
        package let messages: [MessageID]
        /// What it tells of all of them.
        package let kind: Receipt.Kind

        package init(device: DeviceKey, messages: [MessageID], kind: Receipt.Kind) {
            self.device = device
            self.messages = messages
            self.kind = kind
        }
    }

    /// Keeps what devices tell. Durable when it returns.
    ///
    /// - Returns: for each acknowledgement the ids that are recorded for its device, now or before; ids that are
    ///   unknown or were not addressed to it are left out. A refusal means that nothing of it is sure to be kept.
    package func record(_ batch: [Acknowledgement]) async -> [Result<[MessageID], Refusal>] {
        let known: [MessageID: Deliverable]
        do {
            known = try await self.book.deliverables(Self.messages(of: batch), keepsFound: false)
        } catch {
            return batch.map { _ in .failure(Refusal(error)) }
        }
        var merged = MergedReceipts(known)
        let accepted = batch.map { merged.take($0) }
        let receipts = merged.receipts
        guard !receipts.isEmpty else { return accepted.map { .success($0) } }
        self.book.keep(Set(receipts.map(\.message)).compactMap { known[$0] })
        switch await self.committer.commit(.receipts(receipts, at: self.clocks.now())) {
        case .done, .changed, .changedAll, .adopted: return accepted.map { .success($0) }
        case .refused(let refusal): return accepted.map { $0.isEmpty ? .success([]) : .failure(refusal) }
        case .failed(let error): return accepted.map { $0.isEmpty ? .success([]) : .failure(Refusal(error)) }
        }
    }

    /// Every message once; neighbours, which as a rule tell of the same, are not looked up.
    private static func messages(of batch: [Acknowledgement]) -> [MessageID] {
        var (all, last): (Set<MessageID>, MessageID?) = ([], nil)
        for acknowledgement in batch {
            for id in acknowledgement.messages where id != last {
                all.insert(id)
                last = id
            }
        }
        return Array(all)
    }

    /// Notes that a message was handed to devices' connections. Written behind, never waited for.
    package func noteSent(_ message: MessageID, to ordinals: Ordinals) {
        guard !ordinals.isEmpty else { return }
        self.committer.commitLater(
            .receipts([Receipt(message: message, kind: .sent, ordinals: ordinals)], at: self.clocks.now()))
    }
}

// MARK: - Reports

extension ReportBook {
    /// What happened to messages of an app, in order of the ids; nil for ids that the app does not have.
    package func reports(on ids: [MessageID], of app: AppID) async throws(Refusal) -> [MessageReport?] {
        do {
            let known = try await self.book.deliverables(ids).filter { $0.value.app == app }
            let counts = try await self.counts(of: known)
            return ids.map { id in known[id].flatMap { message in counts[id].map { Self.report(on: message, $0) } } }
        } catch {
            throw Refusal(error)
        }
    }

    /// What happened to messages, whichever apps they are of; unknown ones are left out.
    func reports(on ids: [MessageID]) async throws(Refusal) -> [MessageReport] {
        do {
            let known = try await self.book.deliverables(ids)
            let counts = try await self.counts(of: known)
            return ids.compactMap { id in
                known[id].flatMap { message in counts[id].map { Self.report(on: message, $0) } }
            }
        } catch {
            throw Refusal(error)
        }
    }

    private static func report(on deliverable: Deliverable, _ counts: ReceiptCounts) -> MessageReport {
        MessageReport(
            platforms: deliverable.request.platforms,
            hasNotification: !deliverable.request.content.notifications.isEmpty,
            hasMessage: deliverable.request.content.message != nil,
            isLiveActivity: deliverable.request.content.isLiveActivity,
            targeted: deliverable.message.targeted, online: deliverable.message.online,
            sent: counts.sent, received: counts.received, displayed: counts.displayed,
            clickedNotification: counts.clickedNotification, clickedMessage: counts.clickedMessage)
    }

    /// The counts of all of them, from memory where nothing has changed since they were last asked for.
    private func counts(
        of messages: [MessageID: Deliverable]
    ) async throws(StoreError) -> [MessageID: ReceiptCounts] {
        var (counts, number) = self.counted.begin(Array(messages.keys))
        let missing = messages.filter { counts[$0.key] == nil }
        guard !missing.isEmpty else { return counts }
        let receipts = try await self.store.receipts(of: Array(missing.keys))
        let fresh = missing.mapValues { self.count(receipts[$0.id] ?? [:], of: $0) }
        self.counted.finish(fresh, number: number)
        counts.merge(fresh) { $1 }
        return counts
    }

    private func count(_ receipts: [Receipt.Kind: Ordinals], of deliverable: Deliverable) -> ReceiptCounts {
        let audience = self.index[deliverable.app]
        let target = deliverable.message.target
        func counts(_ kinds: Receipt.Kind...) -> PlatformCounts {
            let union = kinds.reduce(into: Ordinals()) { $0.formUnion(receipts[$1] ?? Ordinals()) }
            return audience.counts(of: union.intersection(target))
        }
        return ReceiptCounts(
            sent: counts(.sent, .received), received: counts(.received), displayed: counts(.displayed),
            clickedNotification: counts(.clickedNotification), clickedMessage: counts(.clickedMessage))
    }

    /// Where one message stands on one device.
    package enum DeviceState: Int, Sendable, Equatable {
        case delivered = 0
        case notDelivered = 1
        /// The registration id is not of this app.
        case unknownDevice = 2
        /// The device is of this app and not a target of this message.
        case notTargeted = 3
    }

    /// Where a message stands on devices, by registration id as it was asked.
    ///
    /// - Parameter day: only a push of this day counts; nil for today.
    package func states(
        of id: MessageID, on registrationIDs: [String], of app: AppID, acceptedOn day: DayUTC8?
    ) async throws(Refusal) -> [DeviceState] {
        do {
            let day = day ?? DayUTC8(epochMilliseconds: self.clocks.now().milliseconds)
            var target = Ordinals()
            var received = Ordinals()
            if let message = try await self.book.deliverables([id])[id]?.message, message.app == app,
                DayUTC8(epochMilliseconds: message.acceptedAt.milliseconds) == day
            {
                target = message.target
                received = try await self.store.receipts(of: [id])[id]?[.received] ?? Ordinals()
            }
            let audience = self.index[app]
            return registrationIDs.map { text in
                guard let name = RegistrationID(text), let ordinal = audience.ordinal(of: name) else {
                    return .unknownDevice
                }
                guard target.contains(ordinal) else { return .notTargeted }
                return received.contains(ordinal) ? .delivered : .notDelivered
            }
        } catch {
            throw Refusal(error)
        }
    }
}
