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
