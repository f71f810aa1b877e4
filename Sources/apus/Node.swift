import ApusAPI
import ApusCore
import ApusEdge
import ApusHTTP
import ApusSQLite
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// One running server: listeners, core, store; the only place that knows all of them.
///
/// Start order: listeners (answering 503), store, core, edge sessions, upkeep. Stop order is the reverse.
final class Node: Sendable {
    private let phase: NodePhase
    /// Held as long as the node lives.
    private let lock: FolderLock
    private let store: SQLiteStore
    private let core: Core
    private let edge: EdgeServer
    private let apiListener: HTTPListener?
    private let edgeListener: HTTPListener?
    private let upkeep: Upkeep
    private let upkeepTask: Task<Void, Never>
    private let settings: Settings
    private let logger: Logger

    private init(
        phase: NodePhase, lock: FolderLock, store: SQLiteStore, core: Core, edge: EdgeServer,
        apiListener: HTTPListener?, edgeListener: HTTPListener?, settings: Settings, clocks: Clocks, logger: Logger
    ) {
        self.phase = phase
        self.lock = lock
        self.store = store
        self.core = core
        self.edge = edge
        self.apiListener = apiListener
        self.edgeListener = edgeListener
        self.settings = settings
        self.logger = logger
        let upkeep = Upkeep(
            core: core, store: store, clocks: clocks, relays: settings.roles.contains(.relay), logger: logger)
        self.upkeep = upkeep
        self.upkeepTask = Task { await upkeep.run() }
    }

    /// Starts a node and returns when it serves.
    ///
    /// - Throws: a ``Failure`` that says what is in the way; nothing is left running then.
    static func start(_ settings: Settings, clocks: Clocks = .system, logger: Logger) async throws -> Node {
        let phase = NodePhase()
        let bodyMaxBytes = settings.limits.ceiling(.bodyBytes)
        let apiFront = Front(phase: phase, bodyMaxBytes: bodyMaxBytes) { APIResponder.family(of: $0) }
        let edgeFront = Front(phase: phase, bodyMaxBytes: bodyMaxBytes) { _ in .device }
        var listeners: [HTTPListener] = []
        do {
            var api: HTTPListener?
            var devices: HTTPListener?
            if settings.roles.contains(.api) {
                api = try await Self.listen(settings.api, Descriptors.forAPI, http2: true, settings, logger, apiFront)
                api.map { listeners.append($0) }
            }
            if settings.roles.contains(.edge) {
                devices = try await Self.listen(
                    settings.edge, Descriptors.forEdge, http2: false, settings, logger, edgeFront)
                devices.map { listeners.append($0) }
            }
            phase.move(to: .upgrading)
            let store = try await SQLiteStore.open(folder: settings.data)
            let lock = try FolderLock(settings.data)
            phase.move(to: .starting)
            await Self.dropStrayPieces(of: store, logger)
            let core = try await Core(
                store: store, limits: settings.limits, clocks: clocks, logger: logger,
                sealingKey: try KeyFile.sealingKey(in: settings.data))
            let edge = EdgeServer(
                services: EdgeServices(core: core, clocks: clocks), settings: Self.edgeSettings(settings),
                group: MultiThreadedEventLoopGroup.singleton)
            var callers = APIResponder.Settings()
            callers.isHTTPSOnly = settings.isHTTPSOnly
            callers.trustedProxies = settings.trustedProxies
            callers.bodyMaxBytes = bodyMaxBytes
            apiFront.open(APIResponder(core: core, settings: callers), check: core.checkStore)
            edgeFront.open(edge, check: core.checkStore)
            let node = Node(
                phase: phase, lock: lock, store: store, core: core, edge: edge, apiListener: api, edgeListener: devices,
                settings: settings, clocks: clocks, logger: logger)
            phase.move(to: .serving)
            logger.notice("serving", metadata: ["api": "\(node.apiURL ?? "-")", "edge": "\(node.edgeURL ?? "-")"])
            return node
        } catch {
            for listener in listeners { await listener.shutDown(within: .seconds(1)) }
            throw Failure(Self.sentence(error, settings))
        }
    }

    /// Drops what a crash left of uploads. Nobody misses it: a store that cannot do it now is no reason not to start.
    private static func dropStrayPieces(of store: SQLiteStore, _ logger: Logger) async {
        do {
            let count = try await store.dropStrayPieces()
            if count > 0 { logger.info("dropped what was left of unfinished uploads", metadata: ["rows": "\(count)"]) }
        } catch {
            logger.warning("what is left of unfinished uploads stays", metadata: ["error": "\(error)"])
        }
    }

    private static func edgeSettings(_ settings: Settings) -> EdgeSettings {
        var edge = EdgeSettings()
        edge.bodyMaxBytes = settings.limits.ceiling(.bodyBytes)
        edge.trustedProxies = settings.trustedProxies
        return edge
    }

    private static func listen(
        _ place: Settings.Endpoint, _ connectionsMax: Int, http2: Bool, _ settings: Settings, _ logger: Logger,
        _ front: Front
    ) async throws(ListenError) -> HTTPListener {
        var http = HTTPSettings(settings.limits)
        http.connectionsMax = connectionsMax
        return try await HTTPListener.bind(
            host: place.host, port: place.port, on: MultiThreadedEventLoopGroup.singleton,
            tls: settings.tls.map { TLSFiles(certificatePath: $0.certificatePath, keyPath: $0.keyPath) }, http2: http2,
            settings: http, logger: logger, responder: front)
    }

    /// Stops: answers what was accepted, refuses everything new, sends devices away, flushes, closes.
    func stop(within limit: TimeAmount) async {
        let deadline = NIODeadline.now() + limit
        self.phase.move(to: .draining)
        self.logger.notice("draining")
        self.upkeepTask.cancel()
        await self.upkeepTask.value
        await self.edge.drain(within: Self.left(until: deadline))
        await self.core.committer.drained()
        // Whoever looks (a load balancer, a client about to send) is told 503 rather than met with a closed door.
        try? await Task.sleep(for: .milliseconds(min(300, Self.left(until: deadline).nanoseconds / 2_000_000)))
        async let edgeClosed: Void? = self.edgeListener?.shutDown(within: Self.left(until: deadline))
        await self.apiListener?.shutDown(within: Self.left(until: deadline))
        _ = await edgeClosed
        self.upkeep.flushSigns()
        await self.core.committer.drained()
        await self.store.close()
        self.logger.notice("stopped")
    }

    private static func left(until deadline: NIODeadline) -> TimeAmount { max(.zero, deadline - .now()) }

    /// What `serve --json` prints: where both listeners are.
    var readyLine: String {
        var text = Array("{".utf8)
        for (name, url) in [("api", self.apiURL), ("edge", self.edgeURL)] {
            guard let url else { continue }
            text.appendJSON(string: name)
            text.append(UInt8(ascii: ":"))
            text.appendJSON(string: url)
            text.append(UInt8(ascii: ","))
        }
        text.append(contentsOf: "\"pid\":\(Files.processID)}".utf8)
        return String(decoding: text, as: UTF8.self)
    }

    var apiPort: Int? { self.apiListener?.address.port }

    var edgePort: Int? { self.edgeListener?.address.port }

    var apiURL: String? { self.apiListener.map { self.url($0, self.settings.tls == nil ? "http" : "https") } }

    var edgeURL: String? { self.edgeListener.map { self.url($0, self.settings.tls == nil ? "ws" : "wss") } }

    private func url(_ listener: HTTPListener, _ scheme: String) -> String {
        let host = listener.address.ipAddress ?? "127.0.0.1"
        return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(listener.address.port ?? 0)"
    }

    private static func sentence(_ error: any Error, _ settings: Settings) -> String {
        switch error {
        case let error as ListenError: error.sentence
        case let error as SQLiteOpenError: error.sentence
        case StoreError.corrupt(let reason):
            SQLiteOpenError.damaged(path: "\(settings.data)/apus.db", reason: reason).sentence
        case let error as StoreError: "the store cannot be read: \(error)"
        default: "\(error)"
        }
    }
}
