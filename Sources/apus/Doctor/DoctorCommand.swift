import ApusContract
import ApusCore
import ApusHTTP
import ApusSQLite
import ArgumentParser
import NIOCore
import NIOPosix

/// `apus doctor`: what an operator would run into, before it happens.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks settings, store, disk, clock, ports, certificate and limits, and says what to do.",
        discussion: """
            Takes the settings of 'apus serve', changes nothing and may run beside the server. Each line is ok, a \
            warning or a problem. Exit status 0 where nothing is a problem, else 1. The whole store is read, which \
            takes as long as the disk needs for it.
            """)

    @OptionGroup var options: SettingsOptions
    @Option(help: ArgumentHelp("How many devices will be connected at a time.", valueName: "N"))
    var connections: Int?
    @Flag(help: "Print one JSON value.")
    var json = false

    func validate() throws {
        guard self.connections ?? 1 > 0 else { throw ValidationError("--connections takes a number from 1 on") }
    }

    func run() async throws {
        let findings = await self.findings()
        Terminal.print(self.json ? Finding.json(findings) : findings.map(\.line).joined(separator: "\n"))
        let problems = findings.filter { $0.verdict == .problem }.map(\.check)
        guard problems.isEmpty else {
            throw Failure("\(problems.joined(separator: ", ")): not as it should be; what to do stands beside each")
        }
    }

    /// Without settings nothing else can be looked at: not where the store is, nor who listens where.
    private func findings() async -> [Finding] {
        let settings: Settings
        let unknown: [String]
        do {
            let resolved = try self.options.resolved()
            settings = try Settings(resolved)
            unknown = resolved.unknownVariables
        } catch let error as ValidationError {
            return [Finding("settings", .problem, error.message)]
        } catch {
            return [Finding("settings", .problem, "\(error)")]
        }
        var findings = [Self.settings(unknown)]
        let server = HostFacts.server(on: settings.data)
        findings.append(ServerCheck(server: server).finding)
        findings += Self.storage(settings)
        for listener in Settings.Role.allCases where settings.roles.contains(listener) {
            if let check = await Self.port(listener, settings, isServerRunning: server != nil) {
                findings.append(check.finding)
            }
        }
        findings.append(Self.tls(settings).finding)
        findings.append(HostFacts.descriptors(of: server, connections: self.connections).finding)
        findings.append(HostFacts.backlog().finding)
        findings.append(HostFacts.sending().finding)
        if let memory = HostFacts.memory() { findings.append(memory.finding) }
        return findings
    }

    private static func settings(_ unknown: [String]) -> Finding {
        guard let first = unknown.first else { return Finding("settings", .ok, "all settings are valid") }
        return Finding(
            "settings", .warning,
            "\(first) looks like a setting and is none: correct its name, or unset it"
                + (unknown.count > 1 ? " (and \(unknown.count - 1) more)" : ""))
    }

    /// The folder, the disk under it, the store in it, and the clock, which is measured against the store.
    private static func storage(_ settings: Settings) -> [Finding] {
        let ground = HostFacts.nearestFolder(settings.data)
        var findings = [HostFacts.folder(settings.data).finding]
        if let disk = HostFacts.disk(at: ground) { findings.append(disk.finding) }
        findings.append(HostFacts.filesystem(at: ground).finding)
        var state: StoreCheck.State
        var newest: Timestamp?
        do {
            let examination = try StoreExamination.of(folder: settings.data)
            state = examination.map { .read($0) } ?? .missing
            newest = examination?.newest
        } catch {
            state = .refused(error)
        }
        findings.append(StoreCheck(state: state, path: "\(settings.data)/apus.db").finding)
        findings.append(HostFacts.clock(newest: newest).finding)
        return findings
    }

    /// - Returns: nil for a role that does not listen.
    private static func port(_ role: Settings.Role, _ settings: Settings, isServerRunning: Bool) async -> PortCheck? {
        let place: Settings.Endpoint
        switch role {
        case .api: place = settings.api
        case .edge: place = settings.edge
        case .relay: return nil
        }
        let isShared = settings.api == settings.edge && place.port != 0 && settings.roles.isSuperset(of: [.api, .edge])
        return PortCheck(
            listener: role.rawValue, place: place, outcome: await Self.probe(place), isServerRunning: isServerRunning,
            isShared: isShared)
    }

    /// Listens as the server does, for a moment.
    private static func probe(_ place: Settings.Endpoint) async -> PortCheck.Outcome {
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: place.host, port: place.port).get()
            try await channel.close().get()
            return .free
        } catch let error as IOError {
            return PortCheck.Outcome(errorNumber: error.errnoCode, description: error.description)
        } catch {
            return .failed("\(error)")
        }
    }

    private static func tls(_ settings: Settings) -> TLSCheck {
        let state: TLSCheck.State
        if let files = settings.tls {
            do {
                state = .read(
                    try TLSFiles(certificatePath: files.certificatePath, keyPath: files.keyPath).examine(),
                    isKeyOpen: HostFacts.isOpenToAll(files.keyPath))
            } catch {
                state = .unusable(error.sentence)
            }
        } else {
            let hosts = [(Settings.Role.api, settings.api.host), (.edge, settings.edge.host)]
            state = .plain(hosts: hosts.filter { settings.roles.contains($0.0) }.map(\.1))
        }
        return TLSCheck(state: state, now: Clocks.system.now())
    }
}
