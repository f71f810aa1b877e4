import ApusCore
import ApusSQLite
import ApusTesting
import ArgumentParser
import Foundation
import Logging
import NIOCore

@testable import apus

/// A server with the apps and devices of some cases.
protocol ServerUnderTest: Sendable {
    var apiPort: Int { get }
    var edgePort: Int { get }
    var clock: ManualClock? { get }
    func stop() async throws
}

/// What every server is started with: its store, filled before the start, and its switches.
struct Preparation {
    let folder: TemporaryFolder
    let given: Case.Given
    private(set) var stages:
        [String: (appKey: String, secret: String, devices: [String: (registrationID: String, secret: String)])] = [:]

    init(_ cases: [Case]) async throws {
        guard let first = cases.first else { throw CaseRun.Failed(sentence: "no cases") }
        self.folder = try TemporaryFolder()
        self.given = first.given
        let store = try await SQLiteStore.open(folder: self.folder.path)
        for item in cases { self.stages[item.name] = try await Self.fill(store, for: item) }
        await store.close()
    }

    /// The command line that starts the server the cases want.
    var arguments: [String] {
        var arguments = ["--data", self.folder.path, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0"]
        for limit in self.given.limits("server_limits") { arguments += ["--limit", limit] }
        for network in self.given.texts("trust_proxies") { arguments += ["--trust-proxy", network] }
        if self.given.json["https_only"]?.boolean == true { arguments.append("--https-only") }
        return arguments
    }

    private static func fill(
        _ store: SQLiteStore, for item: Case
    ) async throws -> (appKey: String, secret: String, devices: [String: (registrationID: String, secret: String)]) {
        let given = item.given
        let (keyText, secret) = (RandomText.hex(digits: 24), RandomText.hex(digits: 24))
        guard let key = AppKey(keyText) else { throw CaseRun.Failed(sentence: "no key") }
        var app = App(key: key, name: item.name, secret: SecretHash(hashing: secret), createdAt: Clocks.system.now())
        for limit in given.limits("limits") {
            let (name, value) = try Limits.parse(limit)
            app.limits[name] = value
        }
        app.isBlocked = given.json["blocked"]?.boolean ?? false
        app.isVIP = given.json["vip"]?.boolean ?? true
        app.allowedSources = given.texts("allow_ips").compactMap { AddressBlock($0) }
        app = try await store.createApp(app)
        for saved in given.json["saved"]?.array ?? [] { try await Self.save(saved, of: app.id, in: store) }
        var devices: [String: (registrationID: String, secret: String)] = [:]
        for (ordinal, device) in given.devices.enumerated() {
            let (name, deviceSecret) = ("1" + RandomText.hex(digits: 18), RandomText.hex(digits: 32))
            guard let registrationID = RegistrationID(name),
                let platform = Platform(name: device.json["platform"]?.string ?? "")
            else { throw CaseRun.Failed(sentence: "\(item.name): bad device \(device.json.text)") }
            var row = Device(
                app: app.id, ordinal: Ordinal(ordinal), registrationID: registrationID,
                secret: SecretHash(hashing: deviceSecret), platform: platform, registeredAt: Clocks.system.now())
            row.tags = (device.json["tags"]?.array ?? []).compactMap { $0.string.flatMap { Tag($0) } }
            row.alias = device.json["alias"]?.string.flatMap { Alias($0) }
            row.mobile = device.json["mobile"]?.string
            row.seenAt = device.json["seen_seconds_ago"]?.integer.map { Clocks.system.now().adding(seconds: -$0) }
            row.isTest = device.json["test"]?.boolean ?? false
            guard await store.commit([.register(row)]) == [.done] else {
                throw CaseRun.Failed(sentence: "\(item.name): the store refused device \(device.name)")
            }
            devices[device.name] = (name, deviceSecret)
        }
        return (keyText, secret, devices)
    }

    private static func save(_ json: JSON, of app: AppID, in store: SQLiteStore) async throws {
        let kinds: [String: Definition.Kind] = ["segment": .segment, "abtest": .abtest, "template": .template]
        guard let kind = kinds[json["kind"]?.string ?? ""], let text = json["definition"]?.text else {
            throw CaseRun.Failed(sentence: "odd definition \(json.text)")
        }
        let definition = try Definition(
            app: app, kind: kind, name: json["name"]?.string ?? "", text: Array(text.utf8),
            createdAt: Clocks.system.now())
        guard try await store.createDefinition(definition) else { throw CaseRun.Failed(sentence: "no app") }
    }

    func stage(of item: Case, on server: any ServerUnderTest) throws -> Stage {
        guard let stage = self.stages[item.name] else { throw CaseRun.Failed(sentence: "not prepared") }
        return Stage(
            apiPort: server.apiPort, edgePort: server.edgePort, appKey: stage.appKey, masterSecret: stage.secret,
            devices: stage.devices, clock: server.clock)
    }
}

/// A node inside this process, whose clock can be moved.
struct InProcess: ServerUnderTest {
    let clock: ManualClock? = ManualClock()
    let apiPort: Int
    let edgePort: Int
    private let node: Node

    init(_ preparation: Preparation) async throws {
        let options = try SettingsOptions.parse(preparation.arguments)
        let settings = try Settings(try options.resolved(environment: [:]))
        var logger = Logger(label: "apus")
        logger.logLevel = .critical
        self.node = try await Node.start(settings, clocks: self.clock?.clocks ?? .system, logger: logger)
        (self.apiPort, self.edgePort) = (self.node.apiPort ?? 0, self.node.edgePort ?? 0)
    }

    func stop() async { await self.node.stop(within: .seconds(5)) }
}

/// The executable, as its users run it.
struct Binary: ServerUnderTest {
    let clock: ManualClock? = nil
    let apiPort: Int
    let edgePort: Int
    private let process: SpawnedServer

    init(_ preparation: Preparation) async throws {
        self.process = try await SpawnedServer.start(preparation.arguments)
        (self.apiPort, self.edgePort) = (self.process.apiPort, self.process.edgePort)
    }

    func stop() async throws { try await self.process.stop() }
}
