import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `The authenticator` {
    private static let source = "198.51.100.7"

    @Test func `lets an app in with its key and secret`() async throws {
        let (authenticator, app, address) = try await Self.door()
        #expect(try authenticator.authenticate(Self.right(app), from: address) == app)
        #expect(try authenticator.authenticate(Self.right(app), from: nil).id == app.id)
    }

    @Test(
        arguments: [
            (.none, .missingCredentials), (.malformed, .malformedCredentials),
            (.basic(user: "", password: ""), .missingCredentials),
            (.basic(user: "", password: TestCore.secret), .unknownKey),
            (.basic(user: "short", password: TestCore.secret), .unknownKey),
            (.basic(user: String(repeating: "z", count: 24), password: TestCore.secret), .unknownKey),
            (.basic(user: String(repeating: "a", count: 24), password: ""), .badSecret),
            (.basic(user: String(repeating: "a", count: 24), password: String(repeating: "a", count: 24)), .badSecret),
            (.basic(user: String(repeating: "a", count: 24), password: TestCore.secret + "0"), .badSecret),
            (.basic(user: String(repeating: "A", count: 24), password: TestCore.secret), .unknownKey),
            (.basic(user: "group-" + String(repeating: "a", count: 24), password: TestCore.secret), .badSecret),
        ] as [(Authenticator.Credentials, Refusal.Kind)])
    func `refuses everything else, each with its reason`(
        _ credentials: Authenticator.Credentials, _ kind: Refusal.Kind
    ) async throws {
        let (authenticator, _, address) = try await Self.door()
        let refusal = #expect(throws: Refusal.self) { try authenticator.authenticate(credentials, from: address) }
        #expect(refusal?.kind == kind)
    }

    /// The codes are those of the contract's table; the push family stands for the others.
    @Test(
        arguments: [
            (.missingCredentials, 401, 1004), (.malformedCredentials, 401, 1004), (.unknownKey, 400, 1008),
            (.badSecret, 401, 1004), (.blacklisted, 403, 2003), (.addressNotAllowed, 403, 2004),
            (.rateLimited, 429, 2002),
        ] as [(Refusal.Kind, Int, Int)])
    func `answers with the documented codes`(_ kind: Refusal.Kind, _ status: Int, _ code: Int) {
        let row = kind.row(for: .push)
        #expect(row.status.rawValue == status)
        #expect(row.code == code)
    }

    @Test func `stops listening to an address whose credentials failed too often, until the window ends`() async throws
    {
        let clock = StoppedClock()
        let (authenticator, app, address) = try await Self.door(clock, limits: Limits([.failedAuthPerMinute: 3]))
        let other = try #require(IPAddress("198.51.100.8"))
        func attempt(_ credentials: Authenticator.Credentials, from address: IPAddress?) -> Refusal? {
            do throws(Refusal) {
                _ = try authenticator.authenticate(credentials, from: address)
                return nil
            } catch {
                return error
            }
        }
        for credentials in [Self.wrong(app), .none, .malformed] {
            #expect(attempt(Self.right(app), from: address) == nil)
            #expect(attempt(credentials, from: address)?.kind != .rateLimited)
        }
        clock.advance(seconds: 20)
        // Right ones too: otherwise the answer would tell when a guess was right.
        for credentials in [Self.right(app), Self.wrong(app)] {
            let refusal = attempt(credentials, from: address)
            #expect(refusal?.kind == .rateLimited)
            #expect(refusal?.retryAfterSeconds == 40)
        }
        #expect(attempt(Self.right(app), from: other) == nil)
        #expect(attempt(Self.right(app), from: nil) == nil)
        #expect(attempt(Self.wrong(app), from: nil)?.kind == .badSecret)
        clock.advance(seconds: 40)
        #expect(attempt(Self.right(app), from: address) == nil)
    }

    @Test func `listens for ever where failures are not limited`() async throws {
        let (authenticator, app, address) = try await Self.door(limits: Limits([.failedAuthPerMinute: 0]))
        for _ in 0..<1000 {
            #expect(throws: Refusal(.badSecret)) { try authenticator.authenticate(Self.wrong(app), from: address) }
        }
        #expect(try authenticator.authenticate(Self.right(app), from: address) == app)
    }

    @Test func `checks the blacklist before the source address`() async throws {
        let (authenticator, app, address) = try await Self.door()
        var changed = app
        try authenticator.authorize(changed, from: address)
        try authenticator.authorize(changed, from: nil)
        changed.allowedSources = [
            try #require(AddressBlock("10.0.0.0/8")), try #require(AddressBlock("198.51.100.0/24")),
        ]
        try authenticator.authorize(changed, from: address)
        for elsewhere in [IPAddress("198.51.101.7"), IPAddress("::1"), nil] {
            #expect(throws: Refusal(.addressNotAllowed)) { try authenticator.authorize(changed, from: elsewhere) }
        }
        changed.isBlocked = true
        #expect(throws: Refusal(.blacklisted)) { try authenticator.authorize(changed, from: address) }
        #expect(throws: Refusal(.blacklisted)) { try authenticator.authorize(changed, from: nil) }
    }

    @Test func `knows what an operator changed`() async throws {
        let node = try await TestCore.open()
        var app = try await node.createApp()
        app.secret = SecretHash(hashing: "another")
        try await `Broadcasts of a day`.change(app, in: node)
        let authenticator = node.core.authenticator
        #expect(throws: Refusal(.badSecret)) { try authenticator.authenticate(Self.right(app), from: nil) }
        let found = try authenticator.authenticate(.basic(user: app.key.text, password: "another"), from: nil)
        #expect(found == app)
        #expect(try await node.store.deleteApp(app.id))
        try await node.core.reloadApps()
        #expect(throws: Refusal(.unknownKey)) { try authenticator.authenticate(Self.right(app), from: nil) }
    }

    /// A header that held is known again without its secret being looked at: it must not outlive what made it hold.
    @Test func `knows a header again only until anything about its app changes`() async throws {
        let node = try await TestCore.open()
        var app = try await node.createApp()
        let authenticator = node.core.authenticator
        let right = Self.header(app.key.text, TestCore.secret)
        for _ in 0..<3 { #expect(try authenticator.authenticate(right, from: nil) == app) }
        for wrong in ["wrong", "", TestCore.secret + "0", String(TestCore.secret.dropLast())] {
            #expect(throws: Refusal(.badSecret)) {
                try authenticator.authenticate(Self.header(app.key.text, wrong), from: nil)
            }
        }
        #expect(throws: Refusal(.missingCredentials)) { try authenticator.authenticate(nil as String?, from: nil) }
        #expect(throws: Refusal(.malformedCredentials)) { try authenticator.authenticate("Bearer x", from: nil) }
        app.isBlocked = true
        try await `Broadcasts of a day`.change(app, in: node)
        #expect(try authenticator.authenticate(right, from: nil).isBlocked)
        app.secret = SecretHash(hashing: "another")
        try await `Broadcasts of a day`.change(app, in: node)
        for _ in 0..<2 { #expect(throws: Refusal(.badSecret)) { try authenticator.authenticate(right, from: nil) } }
        let another = Self.header(app.key.text, "another")
        #expect(try authenticator.authenticate(another, from: nil) == app)
        #expect(try await node.store.deleteApp(app.id))
        try await node.core.reloadApps()
        for header in [right, another] {
            #expect(throws: Refusal(.unknownKey)) { try authenticator.authenticate(header, from: nil) }
        }
    }

    /// Who looked at an app before it changed must not vouch for what it has become.
    @Test func `remembers no header for an app that has changed meanwhile`() async throws {
        let node = try await TestCore.open()
        var app = try await node.createApp()
        let directory = node.core.directory
        let (old, proof) = (app, AppDirectory.Proof("Basic x"))
        app.secret = SecretHash(hashing: "another")
        try await `Broadcasts of a day`.change(app, in: node)
        directory.keep(proof, of: old)
        #expect(directory.app(proof) == nil)
        directory.keep(proof, of: app)
        #expect(directory.app(proof) == app)
    }

    @Test func `stops listening to a header that it knows, as to any other`() async throws {
        let (authenticator, app, address) = try await Self.door(limits: Limits([.failedAuthPerMinute: 1]))
        let right = Self.header(app.key.text, TestCore.secret)
        #expect(try authenticator.authenticate(right, from: address) == app)
        #expect(throws: Refusal(.badSecret)) {
            try authenticator.authenticate(Self.header(app.key.text, "wrong"), from: address)
        }
        let refusal = #expect(throws: Refusal.self) { try authenticator.authenticate(right, from: address) }
        #expect(refusal?.kind == .rateLimited)
    }

    private static func header(_ user: String, _ password: String) -> String {
        "Basic " + Base64.encode(Array("\(user):\(password)".utf8))
    }

    private static func door(
        _ clock: StoppedClock = StoppedClock(), limits: Limits = Limits()
    ) async throws -> (Authenticator, App, IPAddress) {
        let node = try await TestCore.open(clock: clock, limits: limits)
        return (node.core.authenticator, try await node.createApp(), try #require(IPAddress(Self.source)))
    }

    private static func right(_ app: App) -> Authenticator.Credentials {
        .basic(user: app.key.text, password: TestCore.secret)
    }

    private static func wrong(_ app: App) -> Authenticator.Credentials {
        .basic(user: app.key.text, password: "wrong")
    }
}

@Suite struct `Credentials in a header` {
    @Test(
        arguments: [
            (nil, .none), ("", .none), ("   ", .none),
            ("Basic dXNlcjpwYXNz", .basic(user: "user", password: "pass")),
            ("basic dXNlcjpwYXNz", .basic(user: "user", password: "pass")),
            ("BASIC   dXNlcjpwYXNz ", .basic(user: "user", password: "pass")),
            ("  Basic dXNlcjpwYXNz", .basic(user: "user", password: "pass")),
            // a:b:c is split at the first colon.
            ("Basic YTpiOmM=", .basic(user: "a", password: "b:c")),
            ("Basic Og==", .basic(user: "", password: "")),
            ("Basic dXNlcjo=", .basic(user: "user", password: "")),
            ("Basic OnBhc3M=", .basic(user: "", password: "pass")),
            ("Basic 5aW9OuWlvQ==", .basic(user: "好", password: "好")),
            ("Basic", .none), ("Basic ", .malformed), ("Basic:dXNlcjpwYXNz", .malformed),
            ("dXNlcjpwYXNz", .malformed), ("Bearer dXNlcjpwYXNz", .malformed), ("Basicc dXNlcjpwYXNz", .malformed),
            // No colon inside; no base64; bytes that are no UTF-8.
            ("Basic dXNlcg==", .malformed), ("Basic user:pass", .malformed), ("Basic dXNlcjpwYXN", .malformed),
            ("Basic /zr/", .malformed), ("Basic ====", .malformed),
        ] as [(String?, Authenticator.Credentials)])
    func `are read leniently as to the scheme and strictly as to the rest`(
        _ header: String?, _ expected: Authenticator.Credentials
    ) {
        #expect(Authenticator.Credentials(header) == expected)
    }
}
