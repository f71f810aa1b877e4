internal import ApusCore
private import CPrefetch
internal import NIOCore

/// The connections of one app on one loop, and the pushes on their way to all of them.
///
/// Owner: the ``EdgeLoop`` of its event loop.
final class AppConnections {
    let app: AppID
    /// All of them, in the order in which a walk visits them.
    private var order = VisitOrder<Connection>()
    private var byOrdinal: [Ordinal: Connection] = [:]
    /// The walk that is under way.
    private(set) var walk: Walk?
    /// The pushes that were rung for since it began: the next walk.
    private(set) var next: Walk?
    /// What the last walk had to bring, and how long it took.
    private var lastWalk = (pushes: 0, duration: TimeAmount.zero)
    /// So many pushes would come together if each of the last walk were followed by another one.
    private var expectedCount = 0

    init(_ app: AppID) { self.app = app }

    /// In no order, so that all of them are visited without a look-up each.
    var all: ContiguousArray<Connection> { self.order.members }
    var count: Int { self.order.members.count }

    /// Whether there is neither a connection nor a push for one.
    var isIdle: Bool { self.order.members.isEmpty && !self.isWalking }
    /// Whether pushes are on their way.
    var isWalking: Bool { self.walk != nil || self.next != nil }

    subscript(_ ordinal: Ordinal) -> Connection? { self.byOrdinal[ordinal] }

    func insert(_ connection: Connection, for ordinal: Ordinal) {
        connection.rank = self.order.append(connection)
        self.byOrdinal[ordinal] = connection
    }

    /// Takes a connection out; the device's entry stays where a newer one has taken it over.
    func remove(_ connection: Connection, for ordinal: Ordinal) {
        guard connection.rank < self.count, self.all[connection.rank] === connection else { return }
        self.order.remove(at: connection.rank) { $0.rank = $1 }
        if self.byOrdinal[ordinal] === connection { self.byOrdinal[ordinal] = nil }
    }
}

// MARK: - Walks

extension AppConnections {
    /// Adds a push to the next walk.
    func add(_ push: WidePush) {
        let walk = self.next ?? Walk()
        walk.pushes.append(push)
        self.next = walk
    }

    /// The walk that is under way, or the next one, from its beginning; nil when there is nothing to bring.
    func walkOn(at now: NIODeadline) -> Walk? {
        if let walk { return walk }
        guard let next else { return nil }
        next.beganAt = now
        (self.walk, self.next) = (next, nil)
        self.order.restart()
        return next
    }

    /// The next connection on the walk; nil at its end.
    func nextOnWalk() -> Connection? {
        guard let connection = self.order.next() else { return nil }
        self.fetchUpcoming()
        return connection
    }

    /// So many visits before its own a connection's memory is fetched. One would be too late: the visits of a batch
    /// follow each other at once.
    private static let fetchedAhead = 4

    /// Has the memory fetched that the walk looks at soon, while it is busy with this connection: beside its part of a
    /// system call a visit is above all waiting for memory.
    private func fetchUpcoming() {
        let index = self.order.visitedCount + Self.fetchedAhead - 1
        let stride = MemoryLayout<Connection>.stride
        guard index < self.count else { return }
        // A reference is the address of its object. To count it would be to wait for the very memory.
        let start = self.order.members.withUnsafeBytes { $0.load(fromByteOffset: index * stride, as: UInt.self) }
        for line in 0..<Connection.walkedLines { prefetch(start + line * 64) }
    }

    /// Ends the walk that is under way.
    func finishWalk(at now: NIODeadline) {
        guard let walk else { return }
        self.lastWalk = (walk.pushes.count, now - walk.beganAt)
        self.expectedCount = min(Walk.pushesMax, walk.pushes.count + (self.next?.pushes.count ?? 0))
        self.walk = nil
    }

    /// How long the next walk should wait for further pushes. Where the last one had several to bring, more are on
    /// their way as a rule, held up by that very walk: then one write brings them all.
    var gatheringDelay: TimeAmount {
        let delay = min(EdgeSettings.gatheringMax, .nanoseconds(self.lastWalk.duration.nanoseconds / 4))
        guard self.lastWalk.pushes > 1, delay >= EdgeSettings.gatheringMin,
            let next, next.pushes.count < self.expectedCount
        else { return .zero }
        return delay
    }

    /// The walks that are still to come by a connection, the older one first.
    func walks(before connection: Connection) -> [Walk] {
        guard self.isWalking else { return [] }
        let current = self.order.isVisited(connection.rank) ? nil : self.walk
        return [current, self.next].compactMap(\.self)
    }

    /// What a walk has not brought yet of a push, it will not bring to these.
    func cancel(_ id: MessageID, for recipients: Ordinals) {
        self.walk?.cancel(id, for: recipients)
        self.next?.cancel(id, for: recipients)
    }

    /// Walks bring nobody what has expired on the way.
    func dropExpired(at now: Timestamp) {
        self.walk?.dropExpired(at: now)
        self.next?.dropExpired(at: now)
    }

    /// Brings nothing more.
    func cancelWalks() {
        for walk in [self.walk, self.next].compactMap(\.self) {
            for push in walk.pushes { push.cancel() }
        }
    }
}
