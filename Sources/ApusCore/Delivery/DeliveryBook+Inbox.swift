internal import Synchronization

extension DeliveryBook {
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
        let wide = self.wide(for: device, after: MessageID(0), at: now).map(\.deliverable.id)
        let all = (narrow + wide).sorted()
        guard all.count > waitingMax else { return all.count }
        await drop(
            all.prefix(all.count - waitingMax).map { id in
                Receipt(message: id, kind: .dropped, ordinals: Ordinals([device.ordinal]))
            })
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
        for device: DeviceKey, platform: Platform, after: MessageID, limit: Int
    ) async throws(StoreError) -> [Delivery] {
        let now = self.clocks.now()
        let last = self.state.withLock { $0.committedThrough }
        let wide = self.wide(for: device, after: after, at: now).filter { $0.deliverable.id <= last }
        let narrow = try await self.store.inbox(
            of: device.ordinal, in: device.app, after: after, at: now, limit: limit)
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(narrow.count + wide.count)
        for message in narrow where message.id <= last {
            let known = self.state.withLock { $0.recent[message.id] }
            let deliverable = if let known { known } else { try Deliverable(message: message) }
            deliveries.append(Delivery(deliverable: deliverable, dueAt: message.acceptedAt))
        }
        deliveries.append(contentsOf: wide)
        deliveries.sort { $0.deliverable.id < $1.deliverable.id }
        return Array(deliveries.prefix(limit))
    }

    /// Those of the app's wide messages that wait for the device.
    private func wide(for device: DeviceKey, after: MessageID, at now: Timestamp) -> [Delivery] {
        self.state.withLock { state in
            (state.wide[device.app] ?? []).compactMap { entry in
                let deliverable = entry.deliverable
                guard deliverable.id > after, deliverable.message.timeToLiveSeconds > 0,
                    deliverable.message.target.contains(device.ordinal), !entry.done.contains(device.ordinal)
                else { return nil }
                let dueAt =
                    entry.pace.map { $0.dueAt(rank: deliverable.message.target.rank(of: device.ordinal)) }
                    ?? deliverable.message.acceptedAt
                guard dueAt <= now, now < deliverable.expiresAt(dueAt: dueAt) else { return nil }
                return Delivery(deliverable: deliverable, dueAt: dueAt)
            }
        }
    }
}
