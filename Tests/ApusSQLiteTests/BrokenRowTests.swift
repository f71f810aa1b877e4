import ApusCore
import Testing

@testable import ApusSQLite

@Suite struct `A broken row` {
    /// What is broken, and the table, key and column that the error has to name.
    struct Damage: Sendable, CustomTestStringConvertible {
        let sql: String
        let names: String

        var testDescription: String { self.sql }

        init(_ table: String, _ key: String, _ column: String, _ value: String) {
            self.sql = "UPDATE \(table) SET \(column) = \(value)"
            self.names = "\(table) \(key): column \(column) is malformed"
        }
    }

    @Test(arguments: [
        Damage("apps", "1", "key", "'short'"), Damage("apps", "1", "allowed_sources", "'[\"nowhere\"]'"),
        Damage("apps", "1", "limits", "'{\"push_per_minute\":-1}'"), Damage("apps", "1", "limits", "'{'"),
    ])
    func `of an app is named`(_ damage: Damage) async throws {
        let fixture = try await Fixture()
        try await fixture.execute(damage.sql)
        await #expect(throws: StoreError.corrupt(damage.names)) { try await fixture.store.apps() }
    }

    @Test(arguments: [
        Damage("devices", "1/7", "registration_id", "'*'"), Damage("devices", "1/7", "platform", "9"),
        Damage("devices", "1/7", "platform", "-1"), Damage("devices", "1/7", "tags", "'[\"a b\"]'"),
        Damage("devices", "1/7", "tags", "'[\"a\"'"), Damage("devices", "1/7", "tags", "'[null]'"),
        Damage("devices", "1/7", "alias", "''"), Damage("devices", "1/7", "tokens", "'{\"apns\":1}'"),
        Damage("devices", "1/7", "details", "'[1]'"), Damage("devices", "1/7", "secret_salt", "x'00'"),
        Damage("devices", "1/4294967296", "ordinal", "4294967296"),
    ])
    func `of a device is named`(_ damage: Damage) async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.register(try Sample.device(7, of: fixture.app)))
        try await fixture.execute(damage.sql)
        await #expect(throws: StoreError.corrupt(damage.names)) {
            _ = try await fixture.store.lastOrdinal(of: fixture.app)
            _ = try await fixture.store.audience(of: fixture.app, in: 0...Ordinal.max)
            _ = try await fixture.store.device(7, of: fixture.app)
        }
    }

    @Test(arguments: [
        Damage("messages", "5", "state", "3"), Damage("messages", "5", "targeted", "'{\"symbian\":1}'"),
        Damage("messages", "5", "online", "''"), Damage("messages", "5", "target", "x'0102'"),
    ])
    func `of a message is named`(_ damage: Damage) async throws {
        let fixture = try await Fixture()
        try await fixture.keep(.message(fixture.message(5), cid: nil))
        try await fixture.execute(damage.sql)
        await #expect(throws: StoreError.corrupt(damage.names)) { try await fixture.store.messages([MessageID(5)]) }
    }

    @Test func `of receipts is named, and does not spoil those of other messages`() async throws {
        let fixture = try await Fixture()
        try await fixture.keep(
            .message(fixture.message(5), cid: nil), .message(fixture.message(6), cid: nil),
            fixture.receipt(5, .sent, 1), fixture.receipt(6, .sent, 1))
        try await fixture.execute("UPDATE receipts SET ordinals = x'FF' WHERE message = 5")
        await #expect(throws: StoreError.corrupt("receipts 5/0: column ordinals is malformed")) {
            try await fixture.store.receipts(of: [MessageID(5)])
        }
        #expect(try await fixture.store.receipts(of: [MessageID(6)]).count == 1)
    }

    @Test func `does not come from a limit that another version knows`() async throws {
        let fixture = try await Fixture()
        try await fixture.execute("UPDATE apps SET limits = '{\"limit_of_tomorrow\":1,\"push_per_minute\":2}'")
        #expect(try await fixture.store.apps().first?.limits == Limits([.pushPerMinute: 2]))
    }

    @Test func `that is missing from the counters is named`() async throws {
        let fixture = try await Fixture()
        try await fixture.execute("DELETE FROM counters")
        await #expect(throws: StoreError.corrupt("counters last_message: the row is missing")) {
            try await fixture.store.lastMessageID()
        }
    }
}
