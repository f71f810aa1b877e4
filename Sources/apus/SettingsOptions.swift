import ArgumentParser

/// The options of a server, each also an environment variable and a key of the settings file.
struct SettingsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where the store lives. (default: ./apus-data)", valueName: "DIR"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "Where the REST API listens; port 0 for any. (default: 127.0.0.1:8080)", valueName: "HOST:PORT"))
    var api: String?
    @Option(help: ArgumentHelp("Where devices connect. (default: 127.0.0.1:8081)", valueName: "HOST:PORT"))
    var edge: String?
    @Option(help: ArgumentHelp("What this node does. (default: api,edge,relay)", valueName: "LIST"))
    var roles: String?
    @Option(help: ArgumentHelp("The store. (default: sqlite)", valueName: "sqlite"))
    var store: String?
    @Option(help: ArgumentHelp("The bus between nodes. (default: local)", valueName: "local"))
    var bus: String?
    @Option(help: ArgumentHelp("Certificate chain in PEM: turns both listeners to TLS.", valueName: "FILE"))
    var tlsCertificate: String?
    @Option(help: ArgumentHelp("Private key in PEM.", valueName: "FILE"))
    var tlsKey: String?
    @Flag(help: "Refuse API calls that did not come over TLS, with 404 / 1020.")
    var httpsOnly = false
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A proxy whose X-Forwarded headers are believed. Repeatable.", valueName: "CIDR"))
    var trustProxy: [String] = []
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A server-wide limit. Repeatable; 0 means unlimited.", valueName: "NAME=VALUE"))
    var limit: [String] = []
    @Option(help: ArgumentHelp("How long a stop may take. (default: 20)", valueName: "N"))
    var drainSeconds: String?
    @Option(
        help: ArgumentHelp("trace, debug, info, notice, warning, error or critical. (default: info)", valueName: "L"))
    var logLevel: String?
    @Option(help: ArgumentHelp("A file of settings, one 'name = value' a line.", valueName: "FILE"))
    var config: String?

    /// What was given, over the environment, over the file, over the defaults.
    func resolved(environment: [String: String] = Files.environment) throws -> ResolvedSettings {
        var given: [SettingName: [String]] = [:]
        let single: [(SettingName, String?)] = [
            (.data, self.data), (.api, self.api), (.edge, self.edge), (.roles, self.roles), (.store, self.store),
            (.bus, self.bus), (.tlsCertificate, self.tlsCertificate), (.tlsKey, self.tlsKey),
            (.drainSeconds, self.drainSeconds), (.logLevel, self.logLevel),
        ]
        for (name, value) in single { given[name] = value.map { [$0] } }
        if self.httpsOnly { given[.httpsOnly] = ["on"] }
        if !self.trustProxy.isEmpty { given[.trustProxy] = self.trustProxy }
        if !self.limit.isEmpty { given[.limit] = self.limit }
        return try ResolvedSettings(
            commandLine: given, environment: environment, filePath: self.config ?? environment["APUS_CONFIG"])
    }
}
