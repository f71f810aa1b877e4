import ApusCore
import ApusTesting
import ApusWire
import Glibc
import NIOCore
import NIOPosix
import Synchronization

@testable import ApusEdge

/// One event loop of an edge, with devices at the other ends of socket pairs. What runs on the loop for a test runs
/// there alone, so that a test sees each step of a walk: what a device has got can be read at once.
final class LoopStage: Sendable {
    static let app = AppID(1)

    let core: TestCore
    private let eventLoop: any EventLoop
    private let loop: NIOLoopBound<EdgeLoop>

    private init(_ core: TestCore, _ eventLoop: any EventLoop, _ loop: NIOLoopBound<EdgeLoop>) {
        self.core = core
        self.eventLoop = eventLoop
        self.loop = loop
    }

    /// - Parameter visits: how many connections a step of a walk visits.
    static func open(visits: Int = 1) async throws -> LoopStage {
        let core = try await TestCore.open()
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        var settings = EdgeSettings()
        settings.walkVisitsMax = visits
        settings.walkStep = .hours(1)
        let (services, clocks) = (core.core, core.clock.clocks)
        let loop = try await eventLoop.submit { [settings] in
            let loop = EdgeLoop(
                index: 0, eventLoop: eventLoop, services: EdgeServices(core: services, clocks: clocks),
                settings: settings, directory: SessionDirectory(presence: services.presence), doors: EdgeDoors())
            return NIOLoopBound(loop, eventLoop: eventLoop)
        }.get()
        return LoopStage(core, eventLoop, loop)
    }

    /// Does something on the loop; nothing else runs there meanwhile.
    func run<Outcome: Sendable>(_ body: @escaping @Sendable (EdgeLoop) throws -> Outcome) async throws -> Outcome {
        let loop = self.loop
        return try await self.eventLoop.submit { try body(loop.value) }.get()
    }

    /// Waits until something holds on the loop.
    func wait(until condition: @escaping @Sendable (EdgeLoop) -> Bool) async throws {
        while try await !self.run(condition) { await Task.yield() }
    }

    /// Connects a device whose session is live.
    ///
    /// - Parameters:
    ///   - isPlain: false for one whose socket must not be written to past the channel.
    ///   - sendBufferBytes: what the kernel takes of what is sent to it; nil for the system's.
    func connect(
        _ ordinal: Ordinal, of app: AppID = LoopStage.app, isPlain: Bool = true, sendBufferBytes: Int32? = nil
    ) async throws -> Peer {
        let peer = try await self.attach(isPlain: isPlain, sendBufferBytes: sendBufferBytes)
        try await self.run { $0.enterTestDevice(peer.session, DeviceKey(app: app, ordinal: ordinal)) }
        try await self.wait { $0.slots[peer.session]?.catchUp.isLive == true }
        return peer
    }

    /// Connects a device that has not logged in.
    func attach(isPlain: Bool = true, sendBufferBytes: Int32? = nil) async throws -> Peer {
        var pair: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
            throw SimulatedDevice.Unexpected("no socket pair: \(errno)")
        }
        if var bytes = sendBufferBytes {
            setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        let loop = self.loop
        let session = self.eventLoop.makePromise(of: SessionID?.self)
        _ = try await ClientBootstrap(group: self.eventLoop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = SessionHandler(loop: loop.value, source: nil, isPlain: isPlain)
                try channel.pipeline.syncOperations.addHandler(handler)
                session.succeed(loop.value.slots.all.first { $0.isOf(handler) }?.id)
            }
        }.withConnectedSocket(pair[0]).get()
        guard let session = try await session.futureResult.get() else { throw SimulatedDevice.Unexpected("no session") }
        return Peer(session: session, descriptor: pair[1])
    }

    /// A push of this number, accepted now.
    func delivery(_ number: Int64, of app: AppID = LoopStage.app, timeToLive: Int = 60, alert: String = "x") throws
        -> Delivery
    {
        try Pushes(start: self.core.clock.now).delivery(number, of: app, timeToLive: timeToLive, alert: alert)
    }
}

extension EdgeLoop {
    fileprivate func enterTestDevice(_ session: SessionID, _ key: DeviceKey) {
        guard let connection = self.slots[session] else { return }
        let device = EnteredDevice(key: key, platform: .android, framesPerSecond: 100, waitingMax: 1000)
        self.enter(connection, as: device, greeting: .none)
    }
}

extension Connection {
    fileprivate func isOf(_ handler: SessionHandler) -> Bool {
        switch self.outlet {
        case .webSocket(let own): own === handler
        case .events: false
        }
    }
}

/// The other end of a device's connection.
final class Peer: Sendable {
    let session: SessionID
    private let descriptor: Int32
    private let decoder = Mutex(WebSocketDecoder(from: .server))

    init(session: SessionID, descriptor: Int32) {
        self.session = session
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    /// Says that nothing more will come, and reads nothing more.
    func leave() { shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    /// What has come since the last look, a word for each frame: the number of a push, `-` and the number of one that
    /// is taken back, or its `op`.
    func received() throws -> [String] {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = recv(self.descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return [] }
        return try self.decoder.withLock { decoder in
            decoder.feed(ByteBuffer(bytes: bytes[..<count]))
            var words: [String] = []
            while let event = try decoder.next() {
                guard case .text(let text) = event else { continue }
                let frame = try JSONValue(parsing: text)
                let (operation, id) = (frame["op"]?.string ?? "?", frame["msg_id"]?.string ?? "?")
                words.append(operation == "push" ? id : operation == "withdraw" ? "-\(id)" : operation)
            }
            return words
        }
    }
}
