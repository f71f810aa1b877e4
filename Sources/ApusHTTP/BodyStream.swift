package import ApusContract
package import NIOCore
private import Synchronization

/// The body of a request that is answered while it still arrives.
///
/// Filled on the event loop of its connection, read by one task on any thread. The connection reads on from its socket
/// only while the reader waits, so what lies here is bounded by what one turn of the loop takes from the socket.
package final class BodyStream: Sendable {
    private enum Ending {
        case complete
        case failed(Refusal)
    }

    private struct State {
        var arrived = ByteBuffer()
        var received = 0
        var ending: Ending?
        var reader: CheckedContinuation<Void, Never>?
    }

    private enum Turn {
        case part(ByteBuffer)
        case ended(Ending)
        case wait
    }

    private let state = Mutex(State())
    private let limit: Int
    private let demand: @Sendable () -> Void

    /// - Parameters:
    ///   - limit: the most bytes in all; a body that is longer fails with ``Refusal/Kind/tooLarge``.
    ///   - demand: called on the reader's thread whenever it has to wait.
    init(limit: Int, demand: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.demand = demand
    }

    /// What came since the last call, waiting until something does.
    ///
    /// - Returns: nil behind the last byte; never an empty buffer.
    /// - Throws: ``Refusal/Kind/tooLarge`` as soon as the body is over its limit, ``Refusal/Kind/badValue`` when the
    ///   rest will not come.
    package func next() async throws(Refusal) -> ByteBuffer? {
        while true {
            switch self.state.withLock({ Self.turn(&$0) }) {
            case .part(let bytes): return bytes
            case .ended(.complete): return nil
            case .ended(.failed(let refusal)): throw refusal
            case .wait: await self.wait()
            }
        }
    }

    private static func turn(_ state: inout State) -> Turn {
        if state.arrived.readableBytes > 0 {
            defer { state.arrived = ByteBuffer() }
            return .part(state.arrived)
        }
        return state.ending.map(Turn.ended) ?? .wait
    }

    private func wait() async {
        await withCheckedContinuation { reader in
            let waits = self.state.withLock { state in
                guard state.arrived.readableBytes == 0, state.ending == nil else { return false }
                precondition(state.reader == nil, "a body with two readers")
                state.reader = reader
                return true
            }
            if waits { self.demand() } else { reader.resume() }
        }
    }
}

// The connection's side

extension BodyStream {
    /// Whether the reader waits for more.
    var isAwaited: Bool { self.state.withLock { $0.reader != nil } }

    func append(_ bytes: ByteBuffer) {
        self.change { state in
            guard state.ending == nil else { return }
            state.received += bytes.readableBytes
            if state.received > self.limit {
                Self.fail(&state, .tooLarge(limit: self.limit))
            } else if state.arrived.readableBytes == 0 {
                state.arrived = bytes
            } else {
                state.arrived.writeImmutableBuffer(bytes)
            }
        }
    }

    /// Says that all of it has arrived.
    func complete() {
        self.change { state in
            if state.ending == nil { state.ending = .complete }
        }
    }

    /// Says that the rest will not come. Its reader gets nothing more, also of what has arrived.
    func abandon() {
        self.change { state in
            if state.ending == nil { Self.fail(&state, Refusal(.badValue, "The request is not complete")) }
        }
    }

    private static func fail(_ state: inout State, _ refusal: Refusal) {
        state.ending = .failed(refusal)
        state.arrived = ByteBuffer()
    }

    /// Changes the state, and wakes the reader when there is something for it.
    private func change(_ body: (inout State) -> Void) {
        let reader = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            body(&state)
            guard state.arrived.readableBytes > 0 || state.ending != nil else { return nil }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }
}

extension Refusal {
    /// The refusal of a body over its limit.
    static func tooLarge(limit: Int) -> Refusal { Refusal(.tooLarge, "The body is larger than \(limit) bytes") }
}
