import ApusCore
import ApusSQLite
import ArgumentParser

/// `apus app …`: the apps of a store, also while a server runs on it.
struct AppCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Creates, lists, shows, updates and deletes apps.",
        discussion: "Works on the store directly; a running server honours a change within a second.",
        subcommands: [Create.self, List.self, Show.self, Update.self, RotateSecret.self, Delete.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Creates an app and prints its key and secret, once.")

        @OptionGroup var place: StorePlace
        @Argument(help: "A name for people.")
        var name: String
        @Option(help: ArgumentHelp("Take this key: 24 letters or digits.", valueName: "K"))
        var appKey: String?
        @Option(help: ArgumentHelp("Take this secret: 24 letters or digits.", valueName: "S"))
        var masterSecret: String?
        @Option(parsing: .singleValue, help: ArgumentHelp("A limit of this app. Repeatable.", valueName: "NAME=VALUE"))
        var limit: [String] = []

        func run() async throws {
            let keyText = self.appKey ?? RandomText.hex(digits: AppKey.length)
            let secret = self.masterSecret ?? RandomText.hex(digits: AppKey.length)
            guard let key = AppKey(keyText) else {
                throw ValidationError("--app-key takes 24 letters or digits, '\(keyText)' has another shape")
            }
            guard AppKey.isLegal(secret) else { throw ValidationError("--master-secret takes 24 letters or digits") }
            guard !self.name.isEmpty else { throw ValidationError("a name is needed") }
            var app = App(
                key: key, name: self.name, secret: SecretHash(hashing: secret), createdAt: Clocks.system.now())
            app.limits = try Self.limits(self.limit)
            try await self.place.withStore(makesIt: true) { store in
                do {
                    _ = try await store.createApp(app)
                } catch StoreError.conflict {
                    throw Failure(
                        "the key \(key.text) belongs to an app of this store already; "
                            + "'apus app show \(key.text)' shows it")
                }
            }
            if self.place.json {
                Terminal.print(self.json(key.text, secret))
            } else {
                Terminal.print("app_key        \(key.text)\nmaster_secret  \(secret)\nname           \(self.name)")
                Terminal.warn("The secret is shown only now; it cannot be read back from the store.")
            }
        }

        private func json(_ key: String, _ secret: String) -> String {
            var text = Array(#"{"app_key":""#.utf8)
            text.append(contentsOf: "\(key)\",\"master_secret\":\"\(secret)\",\"name\":".utf8)
            text.appendJSON(string: self.name)
            return String(decoding: text + "}".utf8, as: UTF8.self)
        }

        static func limits(_ assignments: [String], over limits: Limits = Limits()) throws -> Limits {
            var limits = limits
            for assignment in assignments {
                do {
                    let (name, value) = try Limits.parse(assignment)
                    guard name.isPerApp else {
                        throw ValidationError(
                            "--limit: \(name.rawValue) holds for the whole server, set it with 'apus serve --limit'")
                    }
                    limits[name] = value
                } catch let error as LimitError { throw ValidationError("--limit: \(error.sentence)") }
            }
            return limits
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all apps.")

        @OptionGroup var place: StorePlace

        func run() async throws {
            let apps = try await self.place.withStore { try await $0.apps() }
            guard !self.place.json else {
                Terminal.print("[" + apps.map { $0.json }.joined(separator: ",") + "]")
                return
            }
            for app in apps { Terminal.print("\(app.key.text)  \(app.isBlocked ? "blocked" : "open   ")  \(app.name)") }
            if apps.isEmpty { Terminal.warn("no apps yet; 'apus app create NAME' makes one") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one app.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The app's key.")
        var key: String

        func run() async throws {
            let app = try await self.place.withStore { try await AppCommand.find(self.key, in: $0) }
            Terminal.print(self.place.json ? app.json : app.lines)
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes limits, blacklist, allow-list or VIP of an app.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The app's key.")
        var key: String
        @Option(
            parsing: .singleValue,
            help: ArgumentHelp("A limit of this app. Repeatable; 0 means unlimited.", valueName: "NAME=VALUE"))
        var limit: [String] = []
        @Flag(name: .customLong("block"), help: "Put the app on the blacklist: every call is 403 / 2003.")
        var block = false
        @Flag(name: .customLong("unblock"), help: "Take the app off the blacklist.")
        var unblock = false
        @Option(
            name: .customLong("allow-ip"), parsing: .singleValue,
            help: ArgumentHelp(
                "Replace the allow-list of source addresses. Repeatable; 'any' empties it.", valueName: "CIDR"))
        var allowIP: [String] = []
        @Option(help: ArgumentHelp("Open or close the VIP-only endpoints.", valueName: "on|off"))
        var vip: String?

        func run() async throws {
            guard !(self.block && self.unblock) else {
                throw ValidationError("--block and --unblock exclude each other")
            }
            let change = try self.change()
            let updated = try await self.place.withStore { store in
                let app = try await AppCommand.find(self.key, in: store)
                // Checked before, and set over what the app has then: two operators at once both count.
                guard let updated = try await store.updateApp(app.id, change) else { throw AppCommand.gone(self.key) }
                return updated
            }
            Terminal.print(self.place.json ? updated.json : updated.lines)
        }

        /// What is to be done to the app.
        private func change() throws -> @Sendable (inout App) -> Void {
            let limits = try Create.limits(self.limit)
            let isBlocked: Bool? = self.block ? true : self.unblock ? false : nil
            let sources = try self.allowIP.filter { $0 != "any" }.map { text in
                guard let block = AddressBlock(text) else {
                    throw ValidationError("--allow-ip: '\(text)' is no address or CIDR block, as in 10.0.0.0/8")
                }
                return block
            }
            let isVIP: Bool?
            switch self.vip {
            case nil: isVIP = nil
            case "on": isVIP = true
            case "off": isVIP = false
            case let other?: throw ValidationError("--vip takes on or off, not '\(other)'")
            }
            let setsSources = !self.allowIP.isEmpty
            return { app in
                app.limits = app.limits.overlaid(by: limits)
                if let isBlocked { app.isBlocked = isBlocked }
                if setsSources { app.allowedSources = sources }
                if let isVIP { app.isVIP = isVIP }
            }
        }
    }

    struct RotateSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives an app a new master secret; the old one ends at once.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The app's key.")
        var key: String
        @Option(help: ArgumentHelp("Take this secret: 24 letters or digits.", valueName: "S"))
        var masterSecret: String?

        func run() async throws {
            let secret = self.masterSecret ?? RandomText.hex(digits: AppKey.length)
            guard AppKey.isLegal(secret) else { throw ValidationError("--master-secret takes 24 letters or digits") }
            let hash = SecretHash(hashing: secret)
            try await self.place.withStore { store in
                let app = try await AppCommand.find(self.key, in: store)
                guard try await store.updateApp(app.id, { $0.secret = hash }) != nil else {
                    throw AppCommand.gone(self.key)
                }
            }
            Terminal.print(
                self.place.json
                    ? #"{"app_key":"\#(self.key)","master_secret":"\#(secret)"}"# : "master_secret  \(secret)")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes an app with its devices, pushes and reports.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The app's key.")
        var key: String

        func run() async throws {
            try await self.place.withStore { store in
                let app = try await AppCommand.find(self.key, in: store)
                guard try await store.deleteApp(app.id) else {
                    throw Failure("the app \(self.key) was deleted already")
                }
            }
            Terminal.print(self.place.json ? #"{"app_key":"\#(self.key)","deleted":true}"# : "deleted \(self.key)")
        }
    }

    fileprivate static func gone(_ key: String) -> Failure { Failure("the app \(key) was deleted meanwhile") }

    /// - Throws: a ``Failure`` when the store has no app with this key.
    static func find(_ key: String, in store: SQLiteStore) async throws -> App {
        guard let app = try await store.apps().first(where: { $0.key.text == key }) else {
            throw Failure("no app has the key '\(key)'; 'apus app list' shows them all")
        }
        return app
    }
}

/// Which store a command works on.
struct StorePlace: ParsableArguments {
    @Option(help: ArgumentHelp("Where the store lives. (default: ./apus-data)", valueName: "DIR"))
    var data: String?
    @Option(help: ArgumentHelp("The store. (default: sqlite)", valueName: "sqlite"))
    var store: String?
    @Option(help: ArgumentHelp("A file of settings, one 'name = value' a line.", valueName: "FILE"))
    var config: String?
    @Flag(help: "Print one JSON value.")
    var json = false

    /// What was given, over the environment, over the file, over the defaults.
    func settings() throws -> Settings {
        let environment = Files.environment
        var given: [SettingName: [String]] = [:]
        given[.data] = self.data.map { [$0] }
        given[.store] = self.store.map { [$0] }
        return try Settings(
            try ResolvedSettings(
                commandLine: given, environment: environment, filePath: self.config ?? environment["APUS_CONFIG"]))
    }

    /// Opens the store, runs the body, closes the store.
    ///
    /// - Parameter makesIt: whether a store is made where there is none; else that is a ``Failure``.
    func withStore<Result: Sendable>(
        makesIt: Bool = false, _ body: (SQLiteStore) async throws -> Result
    ) async throws -> Result {
        let settings = try self.settings()
        guard makesIt || SQLiteStore.exists(folder: settings.data) else {
            throw Failure("there is no store in \(settings.data): name the server's folder with --data")
        }
        let opened: SQLiteStore
        do {
            var options = SQLiteStore.Options()
            // A server may be at work on the file, and hears of receipts that a command does not.
            options.lists = false
            opened = try await SQLiteStore.open(folder: settings.data, options: options)
        } catch { throw Failure(error.sentence) }
        do {
            let result = try await body(opened)
            await opened.close()
            return result
        } catch {
            await opened.close()
            if case StoreError.corrupt(let reason) = error {
                throw Failure(SQLiteOpenError.damaged(path: "\(settings.data)/apus.db", reason: reason).sentence)
            }
            if let error = error as? StoreError { throw Failure("the store did not do it: \(error)") }
            throw error
        }
    }
}

extension App {
    /// What may be shown of an app: everything but its secret.
    fileprivate var json: String {
        var text = Array(#"{"app_key":""#.utf8)
        text.append(contentsOf: "\(self.key.text)\",\"name\":".utf8)
        text.appendJSON(string: self.name)
        let createdAt = TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text
        text.append(contentsOf: ",\"created_at\":\"\(createdAt)\"".utf8)
        text.append(contentsOf: ",\"blocked\":\(self.isBlocked),\"vip\":\(self.isVIP),\"allow_ips\":".utf8)
        text.appendJSON(strings: self.allowedSources.map(\.text))
        let limits = self.limits.given.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\"\($0.key.rawValue)\":\($0.value)" }.joined(separator: ",")
        text.append(contentsOf: ",\"limits\":{\(limits)}}".utf8)
        return String(decoding: text, as: UTF8.self)
    }

    fileprivate var lines: String {
        let limits = self.limits.given.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key.rawValue)=\($0.value)" }.joined(separator: " ")
        let sources = self.allowedSources.map(\.text).joined(separator: " ")
        return """
            app_key    \(self.key.text)
            name       \(self.name)
            created    \(TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text) (UTC+8)
            state      \(self.isBlocked ? "blocked" : "open")
            vip        \(self.isVIP ? "on" : "off")
            allow-ip   \(sources.isEmpty ? "any" : sources)
            limits     \(limits.isEmpty ? "the server's" : limits)
            """
    }
}
