internal import Synchronization

extension DeliveryBook {
    /// Most pushes that one write drops, so that it does not hold up everybody else's.
    private static let dropMax = 500

    /// Opens a device's inbox at its login.
    ///
    /// When more wait than the app allows (`offline_per_device`), the oldest are dropped here, durably and counted.
    /// - Parameter drop: records the dropped ones; returns when that is durable.
    /// - Returns: how many pushes wait for the device now.
    package func open(
        _ device: DeviceKey, waitingMax: Int, drop: ([Receipt]) async -> Void
    ) async throws(StoreError) -> Int {
        let now = self.clocks.now()
        let narrow = try await self.store.waiting(of: device.ordinal, in: device.app, at: now)
        let wide = self.wide(for: device, after: MessageID(0), at: now).map(\.id)
        let all = (narrow + wide).sorted()
        guard all.count > waitingMax else { return all.count }
        let me = Ordinals([device.ordinal])
        let excess = all.prefix(all.count - waitingMax).map { Receipt(message: $0, kind: .dropped, ordinals: me) }
        for start in stride(from: 0, to: excess.count, by: Self.dropMax) {
            await drop(Array(excess[start..<min(start + Self.dropMax, excess.count)]))
        }
        return waitingMax
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
        let last = self.state.withLock { $0.committedThrough[device.app] } ?? self.last
        var (page, after): ([Delivery], MessageID) = ([], after)
        // Once around as a rule; again where messages had to be passed over.
        while page.count < limit {
            let found = try await self.candidates(for: device, after: after, through: last, limit: limit - page.count)
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
        for device: DeviceKey, after: MessageID, through last: MessageID, limit: Int
    ) async throws(StoreError) -> (deliveries: [Delivery], next: MessageID?) {
        let now = self.clocks.now()
        let wide = self.wide(for: device, after: after, at: now).filter { $0.id <= last }
        let narrow = try await self.store.inbox(
            of: device.ordinal, in: device.app, after: after, at: now, limit: limit
        ).filter { $0.id <= last }
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
        return (deliveries, taken.count == limit ? taken.last?.id : nil)
    }

    /// Those of the app's wide messages that wait for the device, oldest first, and when they are due.
    private func wide(
        for device: DeviceKey, after: MessageID, at now: Timestamp
    ) -> [(id: MessageID, dueAt: Timestamp)] {
        self.state.withLock { state in
            (state.wide[device.app] ?? []).compactMap { entry in
                let message = entry.message
                guard message.id > after, message.timeToLiveSeconds > 0, message.target.contains(device.ordinal),
                    !entry.done.contains(device.ordinal)
                else { return nil }
                let dueAt =
                    entry.pace.map { $0.dueAt(rank: message.target.rank(of: device.ordinal)) } ?? message.acceptedAt
                guard dueAt <= now, now < dueAt.adding(seconds: message.timeToLiveSeconds) else { return nil }
                return (message.id, dueAt)
            }
        }
    }
}
