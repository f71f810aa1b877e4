import ApusCore
import ArgumentParser
import Logging

/// Everything that can be set, by the name that is its option (`--api`), its environment variable (`APUS_API`) and its
/// key in the settings file (`api`).
enum SettingName: String, CaseIterable, Sendable {
    case data, api, edge, roles, store, bus
    case tlsCertificate = "tls-certificate"
    case tlsKey = "tls-key"
    case httpsOnly = "https-only"
    case trustProxy = "trust-proxy"
    case limit
    case drainSeconds = "drain-seconds"
    case logLevel = "log-level"

    /// Whether it may be given several times; in the environment the values are separated by commas.
    var isList: Bool { self == .trustProxy || self == .limit }

    /// What holds when nobody set it.
    var standard: [String] {
        switch self {
        case .data: ["./apus-data"]
        case .api: ["127.0.0.1:8080"]
        case .edge: ["127.0.0.1:8081"]
        case .roles: ["api,edge,relay"]
        case .store: ["sqlite"]
        case .bus: ["local"]
        case .httpsOnly: ["off"]
        case .drainSeconds: ["20"]
        case .logLevel: ["info"]
        case .tlsCertificate, .tlsKey, .trustProxy, .limit: []
        }
    }

    var environmentName: String { "APUS_" + self.rawValue.uppercased().replacing("-", with: "_") }
}

/// Where a value came from.
enum SettingSource: String, Sendable {
    case commandLine = "command line"
    case environment
    case file
    case standard = "default"
}

/// The settings in force, checked.
struct Settings: Sendable, Equatable {
    struct Endpoint: Sendable, Equatable {
        let host: String
        let port: Int
    }

    enum Role: String, CaseIterable, Sendable { case api, edge, relay }

    var data = ""
    var api = Endpoint(host: "127.0.0.1", port: 8080)
    var edge = Endpoint(host: "127.0.0.1", port: 8081)
    var roles: Set<Role> = []
    var tls: TLS?
    var isHTTPSOnly = false
    var trustedProxies: [AddressBlock] = []
    var limits = Limits()
    var drainSeconds = 20
    var logLevel = Logger.Level.info

    struct TLS: Sendable, Equatable {
        let certificatePath: String
        let keyPath: String
    }

    /// Checks resolved values.
    ///
    /// - Throws: a ``ValidationError`` (exit status 64) that names the setting, what was given, and what would be
    ///   right.
    init(_ values: ResolvedSettings) throws {
        self.data = try values.one(.data)
        self.api = try values.endpoint(.api)
        self.edge = try values.endpoint(.edge)
        for name in try values.one(.roles).split(separator: ",") {
            guard let role = Role(rawValue: String(name)) else {
                throw values.bad(.roles, "'\(name)' is no role; known are api, edge, relay")
            }
            self.roles.insert(role)
        }
        guard !self.roles.isEmpty else { throw values.bad(.roles, "at least one of api, edge, relay is needed") }
        guard try values.one(.store) == "sqlite" else {
            let given = ResolvedSettings.hidingPassword(try values.one(.store))
            throw values.bad(.store, "'\(given)' is not available in this version, use sqlite")
        }
        guard try values.one(.bus) == "local" else {
            let given = ResolvedSettings.hidingPassword(try values.one(.bus))
            throw values.bad(.bus, "'\(given)' is not available in this version, use local")
        }
        switch (values[.tlsCertificate].first, values[.tlsKey].first) {
        case (nil, nil): break
        case (let certificate?, let key?): self.tls = TLS(certificatePath: certificate, keyPath: key)
        case (_?, nil): throw values.bad(.tlsCertificate, "tls-key is needed beside it")
        case (nil, _?): throw values.bad(.tlsKey, "tls-certificate is needed beside it")
        }
        self.isHTTPSOnly = try values.flag(.httpsOnly)
        self.trustedProxies = try values[.trustProxy].map { text in
            guard let block = AddressBlock(text) else {
                throw values.bad(.trustProxy, "'\(text)' is no address or CIDR block, as in 10.0.0.0/8")
            }
            return block
        }
        for assignment in values[.limit] {
            do {
                let (name, value) = try Limits.parse(assignment)
                self.limits[name] = value
            } catch { throw values.bad(.limit, error.sentence) }
        }
        guard let seconds = Int(try values.one(.drainSeconds)), (0...3600).contains(seconds) else {
            throw values.bad(.drainSeconds, "'\(try values.one(.drainSeconds))' is no number of seconds from 0 to 3600")
        }
        self.drainSeconds = seconds
        guard let level = Logger.Level(rawValue: try values.one(.logLevel)) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw values.bad(.logLevel, "'\(try values.one(.logLevel))' is no level; known are \(known)")
        }
        self.logLevel = level
    }
}
