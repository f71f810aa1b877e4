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
    private(set) var stages: [String: Filled] = [:]

    /// What the store holds for one case.
    struct Filled {
        let appKey: String
        let secret: String
        let devices: [String: (registrationID: String, secret: String)]
        let accounts: [String: Account]
    }

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
        // No case is about how long a request may take to arrive, and a build under a sanitizer reads slowly.
        arguments += ["--limit", "receive_seconds=120"]
        for limit in self.given.limits("server_limits") { arguments += ["--limit", limit] }
        for network in self.given.texts("trust_proxies") { arguments += ["--trust-proxy", network] }
        if self.given.json["https_only"]?.boolean == true { arguments.append("--https-only") }
        return arguments
    }

    private static func fill(_ store: SQLiteStore, for item: Case) async throws -> Filled {
        let given = item.given
        var devices: [String: (registrationID: String, secret: String)] = [:]
        let (app, account) = try await Self.createApp(given.json, given.devices, item.name, store, &devices)
        var limits = app.limits
        for limit in given.limits("limits") {
            let (name, value) = try Limits.parse(limit)
            limits[name] = value
        }
        guard try await store.updateApp(app.id, { [limits] in $0.limits = limits }) != nil else {
            throw CaseRun.Failed(sentence: "\(item.name): no app")
        }
        var accounts: [String: Account] = [:]
        var members = [app.id]
        if let other = given.json["other_app"] {
            let otherDevices = (other["devices"]?.array ?? []).map(Case.Device.init)
            let (otherApp, otherAccount) = try await Self.createApp(
                other, otherDevices, "\(item.name), other", store, &devices)
            accounts["other"] = otherAccount
            members.append(otherApp.id)
        }
        var owner: DeveloperID?
        if let developer = given.json["developer"] {
            let (key, secret) = (try Self.freshKey(), RandomText.hex(digits: 24))
            var row = Developer(
                key: key, name: item.name, secret: SecretHash(hashing: secret), createdAt: Clocks.system.now())
            row.mayUploadFiles = developer["files"]?.boolean ?? true
            row = try await store.createDeveloper(row)
            owner = row.id
            if developer["owns_app"]?.boolean == true { try await store.assign(app.id, to: row.id) }
            accounts["developer"] = Account(user: key.text, secret: secret)
        }
        if let group = given.json["group"] {
            let (key, secret) = (try Self.freshKey(), RandomText.hex(digits: 24))
            let row = AppGroup(
                key: key, name: item.name, secret: SecretHash(hashing: secret), createdAt: Clocks.system.now(),
                developer: group["of_developer"]?.boolean == true ? owner : nil,
                members: group["empty"]?.boolean == true ? [] : members)
            _ = try await store.createGroup(row)
            accounts["group"] = Account(user: "group-\(key.text)", secret: secret)
        }
        return Filled(appKey: account.user, secret: account.secret, devices: devices, accounts: accounts)
    }

    private static func freshKey() throws -> AccountKey {
        guard let key = AccountKey(RandomText.hex(digits: 24)) else { throw CaseRun.Failed(sentence: "no key") }
        return key
    }

    /// Makes an app with its devices.
    ///
    /// - Parameter devices: takes up names, ids and secrets of the devices.
    private static func createApp(
        _ given: JSON, _ wanted: [Case.Device], _ name: String, _ store: SQLiteStore,
        _ devices: inout [String: (registrationID: String, secret: String)]
    ) async throws -> (App, Account) {
        let (keyText, secret) = (RandomText.hex(digits: 24), RandomText.hex(digits: 24))
        guard let key = AppKey(keyText) else { throw CaseRun.Failed(sentence: "no key") }
        var app = App(key: key, name: name, secret: SecretHash(hashing: secret), createdAt: Clocks.system.now())
        app.isBlocked = given["blocked"]?.boolean ?? false
        app.isVIP = given["vip"]?.boolean ?? true
        app.allowedSources = (given["allow_ips"]?.array ?? []).compactMap { $0.string.flatMap { AddressBlock($0) } }
        app = try await store.createApp(app)
        for saved in given["saved"]?.array ?? [] { try await Self.save(saved, of: app.id, in: store) }
        for (ordinal, device) in wanted.enumerated() {
            let (deviceName, deviceSecret) = ("1" + RandomText.hex(digits: 18), RandomText.hex(digits: 32))
            guard let registrationID = RegistrationID(deviceName),
                let platform = Platform(name: device.json["platform"]?.string ?? "")
            else { throw CaseRun.Failed(sentence: "\(name): bad device \(device.json.text)") }
            var row = Device(
                app: app.id, ordinal: Ordinal(ordinal), registrationID: registrationID,
                secret: SecretHash(hashing: deviceSecret), platform: platform, registeredAt: Clocks.system.now())
            row.tags = (device.json["tags"]?.array ?? []).compactMap { $0.string.flatMap { Tag($0) } }
            row.alias = device.json["alias"]?.string.flatMap { Alias($0) }
            row.mobile = device.json["mobile"]?.string
            row.seenAt = device.json["seen_seconds_ago"]?.integer.map { Clocks.system.now().adding(seconds: -$0) }
            row.isTest = device.json["test"]?.boolean ?? false
            guard await store.commit([.register(row)]) == [.done] else {
                throw CaseRun.Failed(sentence: "\(name): the store refused device \(device.name)")
            }
            devices[device.name] = (deviceName, deviceSecret)
        }
        return (app, Account(user: keyText, secret: secret))
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
            accounts: stage.accounts, devices: stage.devices, clock: server.clock)
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
