internal import NIOCore
private import Synchronization

/// The way to one ``EdgeLoop`` from anywhere.
final class EdgeDoor: Sendable {
    let eventLoop: any EventLoop
    private let box: NIOLoopBoundBox<EdgeLoop>

    init(_ loop: sending EdgeLoop, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.box = .makeBoxSendingValue(loop, eventLoop: eventLoop)
    }

    /// The loop's own state. Only to be asked for on its event loop.
    var here: EdgeLoop { self.box.value }

    /// Runs something there, soon, in the order of the calls.
    func enter(_ body: @escaping @Sendable (EdgeLoop) -> Void) {
        self.eventLoop.execute { body(self.box.value) }
    }
}

/// The doors of all loops of an edge, by index.
///
/// A leaf of its own, because loops reach one another through it: the edge opens it once all of them exist, and empties
/// it when it goes.
final class EdgeDoors: Sendable {
    private let doors = Mutex<[EdgeDoor]>([])

    func open(_ doors: [EdgeDoor]) { self.doors.withLock { $0 = doors } }

    var all: [EdgeDoor] { self.doors.withLock { $0 } }

    /// - Returns: nil when the edge is gone.
    subscript(_ index: Int) -> EdgeDoor? {
        self.doors.withLock { $0.indices.contains(index) ? $0[index] : nil }
    }
}
