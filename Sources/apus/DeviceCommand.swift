import ApusCore
import ApusSQLite
import ArgumentParser

/// `apus device …`: the devices of a store, also while a server runs on it.
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Imports devices and shows what is known of one.",
        discussion: "Works on the store directly; a running server honours an import within a second.",
        subcommands: [Import.self, Show.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Imports devices from a file, one JSON object a line.",
            discussion: """
                A line holds "platform" and, as wanted, "registration_id", "secret", "tags", "alias", "mobile" and \
                "tokens". A device that the app has already is updated: what its line does not name stays as it is. \
                A line that is wrong is refused as a whole, by its number, and the import goes on; the exit status is \
                then 1. A device without a secret gets one when --credentials names a file for it; without that file \
                it cannot log in.
                """)

        @OptionGroup var place: StorePlace
        @Argument(help: "The file of devices.")
        var file: String
        @Option(help: ArgumentHelp("The app's key.", valueName: "K"))
        var app: String
        @Option(
            help: ArgumentHelp(
                "Append the ids and secrets that are made to this file, one JSON object a line.", valueName: "FILE"))
        var credentials: String?

        func run() async throws {
            let lines = try LineFile(reading: self.file)
            let credentials = try self.credentials.map { try CredentialsFile(appendingTo: $0) }
            let counts = try await self.place.withStore { store in
                let app = try await AppCommand.find(self.app, in: store)
                var run = DeviceImport(of: app.id, into: store, credentials: credentials, at: Clocks.system.now())
                return try await run.importAll(lines)
            }
            if self.place.json {
                Terminal.print(counts.json)
            } else {
                Terminal.print("imported \(counts.imported), updated \(counts.updated), refused \(counts.refused)")
            }
            guard counts.refused == 0 else {
                throw Failure(
                    "\(counts.refused) lines were refused, as told above; correct them and import those lines again")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one device.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The device's registration id.")
        var registrationID: String
        @Option(help: ArgumentHelp("The app's key.", valueName: "K"))
        var app: String

        func run() async throws {
            let device = try await self.place.withStore { store in
                let app = try await AppCommand.find(self.app, in: store)
                let found = try await RegistrationID(self.registrationID).asyncMap {
                    try await store.devices(named: [$0])
                }
                guard let device = found?.first, device.app == app.id else {
                    throw Failure("the app \(self.app) has no device '\(self.registrationID)'")
                }
                return device
            }
            Terminal.print(self.place.json ? device.json : device.lines)
        }
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ transform: (Wrapped) async throws -> Result) async throws -> Result? {
        guard let self else { return nil }
        return try await transform(self)
    }
}

extension Device {
    private static func text(_ moment: Timestamp?) -> String? {
        moment.map { TimeUTC8(epochMilliseconds: $0.milliseconds).text }
    }

    /// What may be shown of a device: everything but its secret, and of vendor tokens only whose they are.
    fileprivate var json: String {
        var text = Array("{".utf8)
        func member(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: "\"\(name)\":".utf8)
            write(&text)
        }
        func member(_ name: StaticString, _ value: String?) {
            member(name) { text in
                if let value { text.appendJSON(string: value) } else { text.append(json: "null") }
            }
        }
        func member(_ name: StaticString, _ flag: Bool) { member(name) { $0.append(json: flag ? "true" : "false") } }
        member("registration_id", self.registrationID.text)
        member("platform", self.platform.name)
        member("tags") { $0.appendJSON(strings: self.tags.map(\.text)) }
        member("alias", self.alias?.text ?? "")
        member("mobile", self.mobile ?? "")
        member("tokens") { $0.appendJSON(strings: self.tokens.keys.sorted()) }
        for name in ["model", "os", "app_version"] as [StaticString] { member(name, self.details["\(name)"]) }
        member("registered_at", Self.text(self.registeredAt))
        member("last_online_time", Self.text(self.seenAt))
        member("imported_at", Self.text(self.importedAt))
        member("can_log_in", self.secret != nil)
        member("is_test", self.isTest)
        return String(decoding: text + "}".utf8, as: UTF8.self)
    }

    fileprivate var lines: String {
        let details = self.details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        return """
            registration_id  \(self.registrationID.text)
            platform         \(self.platform.name)
            tags             \(self.tags.isEmpty ? "-" : self.tags.map(\.text).joined(separator: " "))
            alias            \(self.alias?.text ?? "-")
            mobile           \(self.mobile ?? "-")
            tokens           \(self.tokens.isEmpty ? "-" : self.tokens.keys.sorted().joined(separator: " "))
            device           \(details.isEmpty ? "-" : details)
            registered       \(Self.text(self.registeredAt) ?? "-") (UTC+8)
            last online      \(Self.text(self.seenAt) ?? "never")
            imported         \(Self.text(self.importedAt) ?? "never")
            can log in       \(self.secret == nil ? "no, import it with a secret" : "yes")
            test device      \(self.isTest ? self.testName?.text ?? "yes" : "no")
            """
    }
}
