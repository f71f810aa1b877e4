import ApusCore
import ApusTesting
import Foundation
import GRDB
import Testing

@testable import ApusSQLite

@Suite struct `Opening a store` {
    private let folder: TemporaryFolder
    private var path: String { self.folder.path(of: "apus.db") }

    init() throws { self.folder = try TemporaryFolder() }

    @Test func `makes the folder and the file for their owner alone`() async throws {
        let nested = self.folder.path(of: "a/b")
        let store = try await SQLiteStore.open(folder: nested)
        func permissions(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try permissions(nested) == 0o700)
        #expect(try permissions(self.folder.path(of: "a")) == 0o700)
        #expect(try permissions("\(nested)/apus.db") == 0o600)
        #expect(try permissions("\(nested)/apus.db-wal") == 0o600)
        #expect(try permissions("\(nested)/apus.db-shm") == 0o600)
        await store.close()
    }

    @Test func `sets what durability rests on`() async throws {
        let store = try await SQLiteStore.open(folder: self.folder.path)
        let settings = try await store.write { db in
            try ["synchronous", "journal_mode", "application_id"].map { try String.fetchOne(db, sql: "PRAGMA \($0)") }
        }
        #expect(settings == ["2", "wal", "\(0x4170_7573)"])
    }

    @Test func `writes nothing to a store that is as it should be`() async throws {
        await (try await SQLiteStore.open(folder: self.folder.path)).close()
        let before = try Data(contentsOf: URL(filePath: self.path))
        let store = try await SQLiteStore.open(folder: self.folder.path)
        #expect(try await store.apps().isEmpty)
        await store.close()
        #expect(try Data(contentsOf: URL(filePath: self.path)) == before)
    }

    @Test func `refuses an empty file, which no start leaves behind, and leaves it alone`() async throws {
        try Data().write(to: URL(filePath: self.path))
        try await self.expectRefusal(.damaged(path: self.path, reason: "it is empty"))
    }

    @Test func `says that the end of a store is missing, and leaves the rest alone`() async throws {
        await (try await SQLiteStore.open(folder: self.folder.path)).close()
        let whole = try Data(contentsOf: URL(filePath: self.path))
        let half = whole.prefix(whole.count / 8192 * 4096)
        try half.write(to: URL(filePath: self.path))
        guard case .damaged(self.path, _) = await self.refusal() else {
            Issue.record("a store of half its pages was opened")
            return
        }
        #expect(try Data(contentsOf: URL(filePath: self.path)) == half)
    }

    @Test func `takes up a store whose first start was cut short`() async throws {
        let connection = try DatabaseQueue(path: self.path)
        try await connection.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA application_id = \(Schema.applicationID)")
        }
        try connection.close()
        let store = try await SQLiteStore.open(folder: self.folder.path)
        #expect(try await store.apps().isEmpty)
    }

    @Test(arguments: ["", "-journal", "-wal", "-shm"])
    func `begins anew where a first start left half a store under its other name`(_ ending: String) async throws {
        try Data("half a store".utf8).write(to: URL(filePath: self.path + ".new" + ending))
        let store = try await SQLiteStore.open(folder: self.folder.path)
        #expect(try await store.apps().isEmpty)
        await store.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.folder.path) == ["apus.db"])
    }

    @Test(arguments: [Data("not a database".utf8), Data(repeating: 0, count: 4096), Data("SQLite format 3\0".utf8)])
    func `refuses a file that is no database and leaves it alone`(_ bytes: Data) async throws {
        try bytes.write(to: URL(filePath: self.path))
        try await self.expectRefusal(.foreign(path: self.path))
    }

    @Test(arguments: ["PRAGMA user_version = 0", "PRAGMA application_id = 7", "PRAGMA journal_mode = WAL"])
    func `refuses another program's database and leaves it alone`(_ setting: String) async throws {
        let connection = try DatabaseQueue(path: self.path)
        try await connection.writeWithoutTransaction { db in
            try db.execute(sql: "\(setting); CREATE TABLE notes (text); INSERT INTO notes VALUES ('precious')")
        }
        try connection.close()
        try await self.expectRefusal(.foreign(path: self.path))
    }

    @Test(arguments: ["application_id", "user_version"])
    func `refuses a database without tables that another program has marked`(_ mark: String) async throws {
        let connection = try DatabaseQueue(path: self.path)
        try await connection.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA \(mark) = 7") }
        try connection.close()
        try await self.expectRefusal(.foreign(path: self.path))
    }

    @Test func `refuses a later version's store and leaves it alone`() async throws {
        let store = try await SQLiteStore.open(folder: self.folder.path)
        try await store.write { db in try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('v999')") }
        await store.close()
        try await self.expectRefusal(.newer(path: self.path, migrations: ["v999"]))
    }

    @Test func `says that a store of ours is damaged`() async throws {
        await (try await SQLiteStore.open(folder: self.folder.path)).close()
        var bytes = try Data(contentsOf: URL(filePath: self.path))
        bytes.replaceSubrange(100..<4096, with: Data(repeating: 0xA5, count: 3996))
        try bytes.write(to: URL(filePath: self.path))
        let refusal = await self.refusal()
        guard case .damaged(self.path, _) = refusal else {
            Issue.record("expected damage, not \(String(describing: refusal))")
            return
        }
        #expect(try Data(contentsOf: URL(filePath: self.path)) == bytes)
    }

    @Test func `says that the folder cannot be a folder, or the file no file`() async throws {
        try Data().write(to: URL(filePath: self.folder.path(of: "taken")))
        await #expect(throws: SQLiteOpenError.self) {
            try await SQLiteStore.open(folder: self.folder.path(of: "taken"))
        }
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: false)
        let refusal = await self.refusal()
        #expect(refusal?.sentence == "cannot open the store \(self.path): it is not a regular file")
    }

    @Test func `may be done by many at once`() async throws {
        let path = self.folder.path
        let stores = try await withThrowingTaskGroup { group in
            for _ in 0..<6 { group.addTask { try await SQLiteStore.open(folder: path) } }
            return try await group.reduce(into: [SQLiteStore]()) { $0.append($1) }
        }
        let app = try await stores[0].createApp(try Sample.app("a"))
        for store in stores { #expect(try await store.apps() == [app]) }
    }

    @Test func `names the file in every sentence`() {
        let refusals: [SQLiteOpenError] = [
            .unreachable(path: "/p", reason: "r"), .foreign(path: "/p"), .newer(path: "/p", migrations: ["v2"]),
            .damaged(path: "/p", reason: "r"), .notDurable(path: "/p", reason: "r"),
        ]
        #expect(refusals.allSatisfy { $0.sentence.contains("/p") })
    }

    private func refusal() async -> SQLiteOpenError? {
        do {
            _ = try await SQLiteStore.open(folder: self.folder.path)
            return nil
        } catch {
            return error
        }
    }

    private func expectRefusal(_ expected: SQLiteOpenError) async throws {
        let before = try Data(contentsOf: URL(filePath: self.path))
        #expect(await self.refusal() == expected)
        #expect(try Data(contentsOf: URL(filePath: self.path)) == before)
    }
}
