import ApusCore
import ApusTesting
import Testing

@Suite struct `A sealing key` {
    @Test func `opens what it sealed, for its purpose alone`() throws {
        let (key, text) = (SealingKey(), Array("secret".utf8))
        let sealed = try key.seal(text, for: "a")
        #expect(key.open(sealed, for: "a") == text)
        #expect(key.open(sealed, for: "b") == nil)
        #expect(SealingKey().open(sealed, for: "a") == nil)
        #expect(SealingKey(key.keyBytes)?.open(sealed, for: "a") == text)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(key.open(changed, for: "a") == nil)
        }
        #expect(key.open([], for: "a") == nil)
    }

    @Test func `never seals twice alike`() throws {
        let key = SealingKey()
        #expect(try key.seal([1], for: "a") != key.seal([1], for: "a"))
    }

    @Test(arguments: [0, 31, 33]) func `has 32 bytes`(_ count: Int) {
        #expect(SealingKey(Array(repeating: 0, count: count)) == nil)
    }
}

@Suite struct `A certificate` {
    private static func certificate(
        validFrom: Timestamp, expiresAt: Timestamp, body: [UInt8] = [1]
    ) -> CheckedCertificate {
        CheckedCertificate(
            environment: .production, file: [9, 8, 7], password: "abc", certificate: body, validFrom: validFrom,
            expiresAt: expiresAt)
    }

    @Test func `is stored so that the database alone does not reveal it`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let now = node.clock.now
        let certificate = Self.certificate(validFrom: now, expiresAt: now.adding(seconds: 1))
        try await node.core.developers.keep([certificate], of: app)
        let stored = try #require(try await node.store.certificates(of: app.id).first)
        #expect(stored.environment == .production && stored.expiresAt == certificate.expiresAt)
        let plain: [UInt8] = [9, 8, 7]
        #expect(!stored.sealed.indices.contains { stored.sealed[$0...].starts(with: plain) })
        // Another node's key does not open it.
        #expect(
            SealingKey().open(stored.sealed, for: DeveloperService.purpose(app.id, .production)) == nil)
        await #expect(throws: Refusal(.certificateExists)) {
            try await node.core.developers.keep([certificate], of: app)
        }
    }

    @Test(arguments: [(1, 2), (-2, -1), (-2, 0)])
    func `is refused when it does not hold today`(_ from: Int, _ until: Int) async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let now = node.clock.now
        let certificate = Self.certificate(
            validFrom: now.adding(seconds: from), expiresAt: now.adding(seconds: until))
        await #expect(throws: Refusal(.certificateInvalid)) {
            try await node.core.developers.keep([certificate], of: app)
        }
    }

    @Test func `goes with its app`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let now = node.clock.now
        try await node.core.developers.keep(
            [Self.certificate(validFrom: now, expiresAt: now.adding(seconds: 1))], of: app)
        #expect(try await node.store.deleteApp(app.id))
        #expect(try await node.store.certificates(of: app.id).isEmpty)
    }
}

@Suite struct `Operators at once` {
    @Test func `all count, whether they change a group or a developer`() async throws {
        let node = try await TestCore.open()
        var apps: [AppID] = []
        for letter in "abcdefgh" { apps.append(try await node.createApp(letter).id) }
        let key = try #require(AccountKey(String(repeating: "k", count: AppKey.length)))
        let group = try await node.store.createGroup(
            AppGroup(key: key, name: "g", secret: SecretHash(hashing: "s"), createdAt: node.clock.now))
        let developer = try await node.store.createDeveloper(
            Developer(key: key, name: "d", secret: SecretHash(hashing: "s"), createdAt: node.clock.now))
        let secret = SecretHash(hashing: "other")
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for app in apps {
                tasks.addTask { _ = try await node.store.updateGroup(group.id) { $0.members.append(app) } }
                tasks.addTask { _ = try await node.store.updateDeveloper(developer.id, assigning: [app]) { _ in } }
            }
            tasks.addTask { _ = try await node.store.updateGroup(group.id) { $0.secret = secret } }
            tasks.addTask {
                _ = try await node.store.updateDeveloper(developer.id, assigning: []) { $0.secret = secret }
            }
            try await tasks.waitForAll()
        }
        let kept = try #require(try await node.store.groups().first)
        #expect(kept.members == apps && kept.secret == secret)
        #expect(try await node.store.developers().map(\.secret) == [secret])
        for app in apps { #expect(try await node.store.owner(of: app) == developer.id) }
    }

    @Test func `change nothing of what was deleted`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        #expect(try await node.store.updateGroup(GroupID(7)) { $0.members = [app.id] } == nil)
        #expect(try await node.store.updateDeveloper(DeveloperID(7), assigning: [app.id]) { _ in } == nil)
        #expect(try await node.store.owner(of: app.id) == nil)
    }
}

@Suite struct `A developer's app` {
    @Test func `is deleted once, however many ask at the same moment`() async throws {
        let node = try await TestCore.open()
        let key = try #require(AccountKey(String(repeating: "k", count: AppKey.length)))
        let developer = try await node.store.createDeveloper(
            Developer(key: key, name: "d", secret: SecretHash(hashing: "s"), createdAt: node.clock.now))
        let app = try await node.createApp()
        try await node.store.assign(app.id, to: developer.id)
        let outcomes = await Concurrently.run(20) {
            try await node.core.developers.deleteApp(app.key.text, of: developer)
        }
        let refusals = outcomes.compactMap { outcome -> Refusal? in
            if case .failure(let refusal) = outcome { refusal } else { nil }
        }
        #expect(refusals.count == 19)
        // Those who saw it still there are told that it was not they who deleted it.
        #expect(refusals.allSatisfy { $0 == Refusal(.appNotDeleted) || $0 == Refusal(.appUnknown) })
        #expect(Refusal(.appNotDeleted).row(for: .admin).code == 1015)
    }
}

@Suite struct `An app that is given to a developer` {
    @Test func `keeps its package, unless the developer has an app with it`() async throws {
        let node = try await TestCore.open()
        let secret = SecretHash(hashing: "s")
        var developers: [Developer] = []
        for letter in ["a", "b"] {
            let key = try #require(AccountKey(String(repeating: letter, count: AppKey.length)))
            developers.append(
                try await node.store.createDeveloper(
                    Developer(key: key, name: letter, secret: secret, createdAt: node.clock.now)))
        }
        func create(of developer: Developer) async throws -> DeveloperService.CreatedApp {
            try await node.core.developers.createApp(
                named: "n", androidPackage: "com.example", groupName: nil, of: developer)
        }
        let first = try await create(of: developers[0])
        let app = try #require(node.core.directory.app(first.key))
        for developer in developers {
            try await node.store.assign(app.id, to: developer.id)
            #expect(try await create(of: developer).key == first.key)
        }
        let second = try await create(of: developers[0])
        #expect(second.key != first.key)
        try await node.store.assign(app.id, to: developers[0].id)
        #expect(try await create(of: developers[0]).key == second.key)
        #expect(try await node.store.owner(of: app.id) == developers[0].id)
    }
}
