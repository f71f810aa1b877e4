import ApusCore
import ApusSQLite
import ArgumentParser

/// `apus developer …`: callers of the Admin API, also while a server runs.
struct DeveloperCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "developer",
        abstract: "Creates, lists, updates and deletes developers, who may call the Admin API.",
        discussion: "Works on the store directly; a running server honours a change within a second.",
        subcommands: [Create.self, List.self, Update.self, RotateSecret.self, Delete.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a developer and prints its key and secret, once.")

        @OptionGroup var place: StorePlace
        @Argument(help: "A name for people.")
        var name: String
        @Option(
            parsing: .singleValue,
            help: ArgumentHelp("An app that is to belong to the developer. Repeatable.", valueName: "K"))
        var app: [String] = []

        func run() async throws {
            guard !self.name.isEmpty else { throw ValidationError("a name is needed") }
            let secret = RandomText.hex(digits: AppKey.length)
            let developer = try await self.place.withStore { store in
                var apps: [App] = []
                for key in self.app { apps.append(try await AppCommand.find(key, in: store)) }
                let developer = try await store.createDeveloper(
                    Developer(
                        key: try FreshKey.draw(), name: self.name, secret: SecretHash(hashing: secret),
                        createdAt: Clocks.system.now()))
                for app in apps { try await store.assign(app.id, to: developer.id) }
                return developer
            }
            FreshKey.show("dev", developer.key, secret, json: self.place.json)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all developers.")

        @OptionGroup var place: StorePlace

        func run() async throws {
            let developers = try await self.place.withStore { try await $0.developers() }
            guard !self.place.json else {
                Terminal.print("[" + developers.map(\.json).joined(separator: ",") + "]")
                return
            }
            for developer in developers { Terminal.print("\(developer.key.text)  \(developer.name)") }
            if developers.isEmpty { Terminal.warn("no developers yet; 'apus developer create NAME' makes one") }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Changes what a developer has and may do.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The developer's key.")
        var key: String
        @Option(help: ArgumentHelp("Whether it may upload files for group pushes.", valueName: "on|off"))
        var files: String?
        @Option(
            parsing: .singleValue,
            help: ArgumentHelp("An app that is to belong to the developer. Repeatable.", valueName: "K"))
        var app: [String] = []

        func run() async throws {
            let mayUploadFiles: Bool? =
                switch self.files {
                case nil: nil
                case "on": true
                case "off": false
                case let other?: throw ValidationError("--files takes on or off, not '\(other)'")
                }
            let updated = try await self.place.withStore { store in
                let id = try await DeveloperCommand.find(self.key, in: store).id
                var apps: [AppID] = []
                for key in self.app { apps.append(try await AppCommand.find(key, in: store).id) }
                let updated = try await store.updateDeveloper(id, assigning: apps) { developer in
                    if let mayUploadFiles { developer.mayUploadFiles = mayUploadFiles }
                }
                guard let updated else { throw Failure("the developer \(self.key) was deleted meanwhile") }
                return updated
            }
            Terminal.print(self.place.json ? updated.json : "updated \(updated.key.text)")
        }
    }

    struct RotateSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a developer a new secret; the old one ends at once.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The developer's key.")
        var key: String

        func run() async throws {
            let secret = RandomText.hex(digits: AppKey.length)
            let developer = try await self.place.withStore { store in
                let id = try await DeveloperCommand.find(self.key, in: store).id
                let updated = try await store.updateDeveloper(id, assigning: []) { developer in
                    developer.secret = SecretHash(hashing: secret)
                }
                guard let updated else { throw Failure("the developer \(self.key) was deleted meanwhile") }
                return updated
            }
            FreshKey.show("dev", developer.key, secret, json: self.place.json)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a developer and its uploads; its apps and groups stay.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The developer's key.")
        var key: String

        func run() async throws {
            try await self.place.withStore { store in
                let developer = try await DeveloperCommand.find(self.key, in: store)
                guard try await store.deleteDeveloper(developer.id) else {
                    throw Failure("the developer \(self.key) was deleted already")
                }
            }
            Terminal.print(self.place.json ? #"{"dev_key":"\#(self.key)","deleted":true}"# : "deleted \(self.key)")
        }
    }

    /// - Throws: a ``Failure`` when the store has no developer with this key.
    static func find(_ key: String, in store: SQLiteStore) async throws -> Developer {
        guard let developer = try await store.developers().first(where: { $0.key.text == key }) else {
            throw Failure("no developer has the key '\(key)'; 'apus developer list' shows them all")
        }
        return developer
    }
}

/// Keys and secrets that were just drawn.
enum FreshKey {
    static func draw() throws -> AccountKey {
        guard let key = AccountKey(RandomText.hex(digits: AppKey.length)) else {
            throw Failure("no key could be drawn")
        }
        return key
    }

    /// Shows a key with its secret, which is told only now.
    ///
    /// - Parameter kind: `dev` or `group`, as the names of both begin.
    static func show(_ kind: String, _ key: AccountKey, _ secret: String, json: Bool) {
        let secretName = kind == "dev" ? "dev_secret" : "master_secret"
        if json {
            Terminal.print(#"{"\#(kind)_key":"\#(key.text)","\#(secretName)":"\#(secret)"}"#)
        } else {
            let width = secretName.count + 2
            for (name, value) in [("\(kind)_key", key.text), (secretName, secret)] {
                Terminal.print(name + String(repeating: " ", count: width - name.count) + value)
            }
            Terminal.warn("The secret is shown only now; it cannot be read back from the store.")
        }
    }
}

extension Developer {
    /// What may be shown of a developer: everything but its secret.
    fileprivate var json: String {
        var text = Array(#"{"dev_key":"\#(self.key.text)","name":"#.utf8)
        text.appendJSON(string: self.name)
        let createdAt = TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text
        text.append(contentsOf: ",\"created_at\":\"\(createdAt)\",\"files\":\(self.mayUploadFiles)}".utf8)
        return String(decoding: text, as: UTF8.self)
    }
}
