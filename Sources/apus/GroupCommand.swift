import ApusCore
import ApusSQLite
import ArgumentParser

/// `apus group …`: apps that are pushed to together, also while a server runs.
struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Creates, lists, updates and deletes groups of apps.",
        discussion: "Works on the store directly; a running server honours a change within a second.",
        subcommands: [Create.self, List.self, Update.self, RotateSecret.self, Delete.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a group and prints its key and secret, once.")

        @OptionGroup var place: StorePlace
        @Argument(help: "A name for people.")
        var name: String
        @Option(parsing: .singleValue, help: ArgumentHelp("An app of the group. Repeatable.", valueName: "K"))
        var app: [String] = []
        @Option(
            help: ArgumentHelp(
                "The developer whose files its pushes may name. (default: every developer's)", valueName: "K"))
        var developer: String?

        func run() async throws {
            guard !self.name.isEmpty else { throw ValidationError("a name is needed") }
            guard !self.app.isEmpty else {
                throw ValidationError("--app is needed: a group without apps reaches nobody")
            }
            let secret = RandomText.hex(digits: AppKey.length)
            let group = try await self.place.withStore { store in
                var members: [AppID] = []
                for key in self.app { members.append(try await AppCommand.find(key, in: store).id) }
                var owner: DeveloperID?
                if let key = self.developer { owner = try await DeveloperCommand.find(key, in: store).id }
                do {
                    return try await store.createGroup(
                        AppGroup(
                            key: try FreshKey.draw(), name: self.name, secret: SecretHash(hashing: secret),
                            createdAt: Clocks.system.now(), developer: owner, members: members))
                } catch StoreError.conflict {
                    throw Failure("the developer has a group named '\(self.name)' already; 'apus group list' shows it")
                }
            }
            FreshKey.show("group", group.key, secret, json: self.place.json)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all groups with their apps.")

        @OptionGroup var place: StorePlace

        func run() async throws {
            let (groups, apps) = try await self.place.withStore { (try await $0.groups(), try await $0.apps()) }
            let keys = Dictionary(uniqueKeysWithValues: apps.map { ($0.id, $0.key.text) })
            guard !self.place.json else {
                Terminal.print("[" + groups.map { $0.json(keys) }.joined(separator: ",") + "]")
                return
            }
            for group in groups {
                let members = group.members.compactMap { keys[$0] }.joined(separator: " ")
                Terminal.print("\(group.key.text)  \(group.name)  \(members)")
            }
            if groups.isEmpty { Terminal.warn("no groups yet; 'apus group create NAME --app K' makes one") }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Puts apps into a group, or takes them out.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The group's key.")
        var key: String
        @Option(parsing: .singleValue, help: ArgumentHelp("An app to put in. Repeatable.", valueName: "K"))
        var add: [String] = []
        @Option(parsing: .singleValue, help: ArgumentHelp("An app to take out. Repeatable.", valueName: "K"))
        var remove: [String] = []

        func run() async throws {
            let (group, apps) = try await self.place.withStore { store in
                let id = try await GroupCommand.find(self.key, in: store).id
                var (added, removed): (Set<AppID>, Set<AppID>) = ([], [])
                for key in self.add { added.insert(try await AppCommand.find(key, in: store).id) }
                for key in self.remove { removed.insert(try await AppCommand.find(key, in: store).id) }
                let updated = try await store.updateGroup(id) { [added, removed] group in
                    group.members = Set(group.members).union(added).subtracting(removed).sorted()
                }
                guard let updated else { throw Failure("the group \(self.key) was deleted meanwhile") }
                return (updated, try await store.apps())
            }
            let keys = Dictionary(uniqueKeysWithValues: apps.map { ($0.id, $0.key.text) })
            Terminal.print(self.place.json ? group.json(keys) : "updated \(group.key.text)")
        }
    }

    struct RotateSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a group a new secret; the old one ends at once.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The group's key.")
        var key: String

        func run() async throws {
            let secret = RandomText.hex(digits: AppKey.length)
            let group = try await self.place.withStore { store in
                let id = try await GroupCommand.find(self.key, in: store).id
                let updated = try await store.updateGroup(id) { $0.secret = SecretHash(hashing: secret) }
                guard let updated else { throw Failure("the group \(self.key) was deleted meanwhile") }
                return updated
            }
            FreshKey.show("group", group.key, secret, json: self.place.json)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Deletes a group; its apps stay.")

        @OptionGroup var place: StorePlace
        @Argument(help: "The group's key.")
        var key: String

        func run() async throws {
            try await self.place.withStore { store in
                let group = try await GroupCommand.find(self.key, in: store)
                guard try await store.deleteGroup(group.id) else {
                    throw Failure("the group \(self.key) was deleted already")
                }
            }
            Terminal.print(self.place.json ? #"{"group_key":"\#(self.key)","deleted":true}"# : "deleted \(self.key)")
        }
    }

    /// - Throws: a ``Failure`` when the store has no group with this key.
    static func find(_ key: String, in store: SQLiteStore) async throws -> AppGroup {
        // Callers write the prefix, so operators will.
        let bare = key.hasPrefix(AppGroup.keyPrefix) ? String(key.dropFirst(AppGroup.keyPrefix.count)) : key
        guard let group = try await store.groups().first(where: { $0.key.text == bare }) else {
            throw Failure("no group has the key '\(key)'; 'apus group list' shows them all")
        }
        return group
    }
}

extension AppGroup {
    /// What may be shown of a group: everything but its secret.
    ///
    /// - Parameter keys: the keys of apps by their numbers.
    fileprivate func json(_ keys: [AppID: String]) -> String {
        var text = Array(#"{"group_key":"\#(self.key.text)","name":"#.utf8)
        text.appendJSON(string: self.name)
        let createdAt = TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text
        text.append(contentsOf: ",\"created_at\":\"\(createdAt)\",\"apps\":".utf8)
        text.appendJSON(strings: self.members.compactMap { keys[$0] })
        return String(decoding: text + "}".utf8, as: UTF8.self)
    }
}
