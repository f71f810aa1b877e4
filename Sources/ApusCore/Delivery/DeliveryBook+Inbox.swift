internal import Synchronization

extension DeliveryBook {
    /// Most pushes that one write drops, so that it does not hold up everybody else's.
    private static let dropMax = 500

    /// A device whose session begins.
    package struct Opening: Sendable {
        /// Whose session it is.
        package let device: DeviceKey
        /// Most pushes that may wait for it (`offline_per_device`).
        package let waitingMax: Int

        package init(device: DeviceKey, waitingMax: Int) {
            self.device = device
            self.waitingMax = waitingMax
        }
    }

    /// What waits for a device when its session begins.
    package struct Inbox: Sendable {
        /// How many pushes, without those of ``excess``.
        package let count: Int
        /// The first page of them, as ``undelivered(for:after:limit:)`` gives it; nil where that has to be asked.
        package let page: [Delivery]?
        /// The oldest, which are too many: to be made durable, write by write, before the page is read.
        package let excess: [[Receipt]]

        package init(count: Int, page: [Delivery]?, excess: [[Receipt]]) {
            self.count = count
            self.page = page
            self.excess = excess
        }
    }

    /// Looks what waits for many devices, with one question to the store. Their sessions must hear of nudges already.
    ///
    /// When more wait for a device than its app allows, the oldest are to be dropped, durably and counted.
    /// - Parameter pageMax: length of a page.
    /// - Returns: in the order of the devices.
    package func open(_ openings: [Opening], pageMax: Int) async -> [Result<Inbox, StoreError>] {
        let now = self.clocks.now()
        var (last, narrow): ([AppID: MessageID], [AppID: StoreAnswers<Ordinal, [MessageID]>]) = ([:], [:])
        for (app, devices) in Dictionary(grouping: openings.map(\.device), by: \.app) {
            last[app] = self.last(of: app)
            narrow[app] = await StoreAnswers(about: devices.map(\.ordinal)) { [store] ordinals throws(StoreError) in
                try await store.waiting(of: ordinals, in: app, at: now)
            }
        }
        var inboxes: [Result<Inbox, StoreError>] = []
        inboxes.reserveCapacity(openings.count)
        for opening in openings {
            let app = opening.device.app
            do throws(StoreError) {
                let waiting = try narrow[app]?.answer(about: opening.device.ordinal) ?? []
                inboxes.append(
                    .success(try await self.inbox(opening, waiting, through: last[app] ?? self.last, pageMax, at: now)))
            } catch {
                inboxes.append(.failure(error))
            }
        }
        return inboxes
    }

    private func inbox(
        _ opening: Opening, _ narrow: [MessageID], through last: MessageID, _ pageMax: Int, at now: Timestamp
    ) async throws(StoreError) -> Inbox {
        let device = opening.device
        let wide = self.wide(for: device, after: MessageID(0), at: now).map(\.id)
        let count = narrow.count + wide.count
        guard count > 0 else { return Inbox(count: 0, page: [], excess: []) }
        guard count <= opening.waitingMax else {
            let excess = (narrow + wide).sorted().prefix(count - opening.waitingMax)
            return Inbox(count: opening.waitingMax, page: nil, excess: Self.dropping(excess, by: device))
        }
        // Only narrow ones have to be read.
        guard narrow.isEmpty else { return Inbox(count: count, page: nil, excess: []) }
        let page = try await self.page(
            for: device, after: MessageID(0), through: last, limit: pageMax, hasNarrow: false)
        return Inbox(count: count, page: page, excess: [])
    }

    private static func dropping(_ excess: ArraySlice<MessageID>, by device: DeviceKey) -> [[Receipt]] {
        let me = Ordinals([device.ordinal])
        let receipts = excess.map { Receipt(message: $0, kind: .dropped, ordinals: me) }
        return stride(from: 0, to: receipts.count, by: self.dropMax).map { start in
            Array(receipts[start..<min(start + self.dropMax, receipts.count)])
        }
    }

    /// The pushes that a device has not received, oldest first: live, due, not expired.
    ///
    /// A page holds nothing beyond the last message that was committed before it was asked for, so that a session may
    /// move its cursor to the end of the page: what is committed meanwhile is rung for.
    /// - Parameters:
    ///   - after: only those with a greater number.
    ///   - limit: at most so many; fewer means that there are no more.
    package func undelivered(
        for device: DeviceKey, after: MessageID, limit: Int
    ) async throws(StoreError) -> [Delivery] {
        try await self.page(
            for: device, after: after, through: self.last(of: device.app), limit: limit, hasNarrow: true)
    }

    /// The last message of an app that was committed.
    private func last(of app: AppID) -> MessageID { self.state.withLock { $0.committedThrough[app] } ?? self.last }

    /// - Parameter hasNarrow: false where it is known that no narrow message up to `last` waits.
    private func page(
        for device: DeviceKey, after: MessageID, through last: MessageID, limit: Int, hasNarrow: Bool
    ) async throws(StoreError) -> [Delivery] {
        var (page, after): ([Delivery], MessageID) = ([], after)
        // Once around as a rule; again where messages had to be passed over.
        while page.count < limit {
            let found = try await self.candidates(
                for: device, after: after, through: last, limit: limit - page.count, hasNarrow: hasNarrow)
            page += found.deliveries
            guard let next = found.next else { break }
            after = next
        }
        return page
    }

    /// One look at what waits.
    ///
    /// - Returns: what can be delivered, and after which number to look on; nil at the end.
    private func candidates(
        for device: DeviceKey, after: MessageID, through last: MessageID, limit: Int, hasNarrow: Bool
    ) async throws(StoreError) -> (deliveries: [Delivery], next: MessageID?) {
        let now = self.clocks.now()
        let wide = self.wide(for: device, after: after, at: now).filter { $0.id <= last }
        var narrow: [Message] = []
        if hasNarrow {
            narrow = try await self.store.inbox(
                of: device.ordinal, in: device.app, after: after, at: now, limit: limit
            ).filter { $0.id <= last }
        }
        let stored = Dictionary(uniqueKeysWithValues: narrow.map { ($0.id, $0) })
        let waiting = narrow.map { (id: $0.id, dueAt: $0.acceptedAt) } + wide
        let taken = waiting.sorted { $0.id < $1.id }.prefix(limit)
        let known = try await self.deliverables(taken.filter { stored[$0.id] == nil }.map(\.id))
        let deliveries = taken.compactMap { entry in
            let recent = known[entry.id] ?? self.state.withLock { $0.recent[entry.id] }
            return (recent ?? stored[entry.id].flatMap { self.decoded($0) }).map {
                Delivery(deliverable: $0, dueAt: entry.dueAt)
            }
        }
        // What was read is acked soon.
        self.keep(deliveries.filter { stored[$0.deliverable.id] != nil }.map(\.deliverable))
        return (deliveries, taken.count == limit ? taken.last?.id : nil)
    }

    /// Those of the app's wide messages that wait for the device, oldest first, and when they are due.
    private func wide(
        for device: DeviceKey, after: MessageID, at now: Timestamp
    ) -> [(id: MessageID, dueAt: Timestamp)] {
        let waiting = self.state.withLock { $0.wide[device.app]?.waiting(for: device.ordinal, after: after) ?? [] }
        return waiting.compactMap { entry in
            let message = entry.message
            let dueAt = entry.pace.map { $0.dueAt(rank: message.target.rank(of: device.ordinal)) } ?? message.acceptedAt
            guard message.timeToLiveSeconds > 0, dueAt <= now, now < dueAt.adding(seconds: message.timeToLiveSeconds)
            else { return nil }
            return (message.id, dueAt)
        }
    }
}
