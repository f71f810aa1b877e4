/// The messages that were met last, decoded: what acks, reports and catch-ups ask for again and again. Not those that
/// nobody was there to get: under a flood of them they would come and go without being asked for.
///
/// Bounded in number and in bytes; the oldest go first.
struct RecentMessages: Sendable {
    static let countMax = 8192
    static let bytesMax = 64 << 20
    /// What a message takes beside its payload, roughly.
    private static let overheadBytes = 2048

    private var messages: [MessageID: Deliverable] = [:]
    /// In order of arrival, from ``head`` on; those that were removed stay until they are met.
    private var order: [MessageID] = []
    private var head = 0
    private var bytes = 0

    subscript(id: MessageID) -> Deliverable? { self.messages[id] }

    mutating func keep(_ deliverable: Deliverable) {
        guard self.messages[deliverable.id] == nil else { return }
        self.messages[deliverable.id] = deliverable
        self.order.append(deliverable.id)
        self.bytes += Self.size(of: deliverable)
        while self.messages.count > Self.countMax || self.bytes > Self.bytesMax, self.head < self.order.count {
            self.forget(self.order[self.head])
            self.head += 1
        }
        if self.head > Self.countMax {
            self.order.removeFirst(self.head)
            self.head = 0
        }
    }

    /// - Returns: what was known of it; nil when it is not kept, or is another app's.
    mutating func remove(_ id: MessageID, of app: AppID) -> Deliverable? {
        guard let deliverable = self.messages[id], deliverable.app == app else { return nil }
        self.forget(id)
        return deliverable
    }

    mutating func removeAll(of app: AppID) {
        for (id, deliverable) in self.messages where deliverable.app == app { self.forget(id) }
    }

    private mutating func forget(_ id: MessageID) {
        guard let deliverable = self.messages.removeValue(forKey: id) else { return }
        self.bytes -= Self.size(of: deliverable)
    }

    private static func size(of deliverable: Deliverable) -> Int {
        Self.overheadBytes + deliverable.message.payload.count + deliverable.request.sizeBytes
    }
}
