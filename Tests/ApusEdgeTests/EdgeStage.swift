import ApusCore
import ApusEdge
import ApusHTTP
import ApusSQLite
import ApusTesting
import ApusWire
import Logging
import NIOCore
import NIOPosix

/// An edge on loopback for one test, with everything behind it real.
final class EdgeStage: Sendable {
    let core: Core
    let app: App
    let edge: EdgeServer
    private let listener: HTTPListener
    private let store: SQLiteStore
    private let folder: TemporaryFolder
    var port: Int { self.listener.address.port ?? 0 }

    private init(limits: Limits, settings: EdgeSettings) async throws {
        let logger = Logger(label: "edge-test")
        let clocks = Clocks.system
        self.folder = try TemporaryFolder()
        self.store = try await SQLiteStore.open(folder: self.folder.path)
        guard let key = AppKey("0123456789abcdef01234567") else { throw Refusal(.internalFault) }
        self.app = try await self.store.createApp(
            App(key: key, name: "edge", secret: SecretHash(hashing: "secret"), createdAt: clocks.now()))
        self.core = try await Core(store: self.store, limits: limits, clocks: clocks, logger: logger)
        let group = MultiThreadedEventLoopGroup.singleton
        self.edge = EdgeServer(
            services: EdgeServices(core: self.core, clocks: clocks), settings: settings, group: group)
        self.listener = try await HTTPListener.bind(
            host: "127.0.0.1", port: 0, on: group, logger: logger, responder: self.edge)
    }

    /// Runs the body against an edge of its own.
    static func run(
        limits: Limits = Limits(), settings: EdgeSettings = EdgeSettings(),
        _ body: (EdgeStage) async throws -> Void
    ) async throws {
        let stage = try await EdgeStage(limits: limits, settings: settings)
        do {
            try await body(stage)
        } catch {
            await stage.close()
            throw error
        }
        await stage.close()
    }

    private func close() async {
        await self.edge.drain(within: .seconds(2))
        await self.listener.shutDown(within: .seconds(2))
        await self.core.committer.drained()
        await self.store.close()
    }
}

extension EdgeStage {
    /// Pushes a notification to everybody.
    ///
    /// - Returns: its `msg_id`.
    @discardableResult
    func push(_ alert: String = "hello", timeToLive: Int = 3600) async throws -> String {
        let options = #"{"time_to_live":\#(timeToLive)}"#
        let text = #"{"platform":"all","audience":"all","notification":{"alert":"\#(alert)"},"options":\#(options)}"#
        let request = try PushRequest(decoding: Array(text.utf8))
        return try await self.core.pushes.push(request, of: self.app).messageID.text
    }

    func withdraw(_ id: String) async throws {
        guard let message = MessageID(decimal: id) else { throw Refusal(.messageUnknown) }
        try await self.core.pushes.withdraw(message, of: self.app)
    }

    func deleteApp() async throws {
        _ = try await self.store.deleteApp(self.app.id)
        try await self.core.reloadApps()
    }

    /// How many devices have acked a push, as the store has it.
    func receivedCount(_ id: String) async throws -> Int {
        guard let message = MessageID(decimal: id) else { return 0 }
        return try await self.store.receipts(of: [message])[message]?[.received]?.members.count ?? 0
    }

    /// Registers a device that then leaves.
    func registerDevice() async throws -> SimulatedDevice.Identity {
        try await SimulatedDevice.connect(port: self.port) { device in
            let identity = try await device.register(self.app.key)
            try await device.leave()
            return identity
        }
    }

    /// Sends one plain request.
    func request(
        _ method: String, _ path: String, as identity: SimulatedDevice.Identity? = nil, headers: [String] = [],
        body: String = ""
    ) async throws -> RawHTTP.Answer {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: edge.test", "Content-Length: \(body.utf8.count)"] + headers
        if let identity { lines.append(identity.authorization) }
        let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
        return try await RawHTTP.send(Array(text.utf8), port: self.port, hasBody: method != "HEAD")
    }
}

extension SimulatedDevice.Identity {
    /// The header field that proves it to plain requests.
    var authorization: String {
        "Authorization: Basic \(Base64.encode("\(self.registrationID):\(self.secret)".utf8))"
    }
}

extension RawHTTP.Answer {
    func json() throws -> JSONValue { try JSONValue(parsing: self.body) }

    /// `error.code` of a refusal.
    func errorCode() throws -> Int64? { try self.json()["error"]?["code"]?.integer }
}
