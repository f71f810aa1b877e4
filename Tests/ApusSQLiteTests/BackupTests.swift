import ApusCore
import ApusTesting
import Foundation
import GRDB
import Testing

@testable import ApusSQLite

@Suite struct `A backup` {
    private let fixture: Fixture
    private let target: TemporaryFolder
    private var copy: String { self.target.path(of: "apus.db") }

    init() async throws {
        self.fixture = try await Fixture()
        self.target = try TemporaryFolder()
    }

    @discardableResult
    private func backUp(_ progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }) throws -> UInt64 {
        try SQLiteStore.backUp(folder: self.fixture.folder.path, to: self.copy, progress: progress)
    }

    private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: self.target.path) }

    @Test func `is one file for its owner alone, and a store`() async throws {
        let message = self.fixture.message(1)
        try await self.fixture.keep(.message(message, request: nil, cid: nil))
        let size = try self.backUp()
        #expect(try self.names() == ["apus.db"])
        let attributes = try FileManager.default.attributesOfItem(atPath: self.copy)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.size] as? UInt64 == size)
        let store = try await SQLiteStore.open(folder: self.target.path)
        #expect(try await store.apps() == self.fixture.store.apps())
        #expect(try await store.messages([MessageID(1)]) == [message])
        await store.close()
    }

    @Test func `is of the moment when it began, whatever is written meanwhile`() async throws {
        // More than one part.
        try await self.fixture.execute(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO upload_chunks SELECT 'large', i, 0, randomblob(1 << 20) FROM n
            """)
        let writer = try DatabaseQueue(path: self.fixture.folder.path(of: "apus.db"))
        var parts = 0
        var failure: (any Error)?
        try self.backUp { _, _ in
            parts += 1
            do {
                try writer.write { db in try db.execute(sql: "UPDATE upload_chunks SET created_at = created_at + 1") }
            } catch { failure = error }
        }
        #expect(failure == nil, "a writer had to wait")
        #expect(parts > 1)
        let copied = try DatabaseQueue(path: self.copy)
        let sum = try await copied.read { db in try Int.fetchOne(db, sql: "SELECT sum(created_at) FROM upload_chunks") }
        #expect(sum == 0)
        #expect(try await self.fixture.count("upload_chunks WHERE created_at = \(parts)") == 40)
    }

    @Test func `does not overwrite anything`() async throws {
        try Data("precious".utf8).write(to: URL(filePath: self.copy))
        #expect(throws: StoreBackupError.exists(path: self.copy)) { try self.backUp() }
        #expect(try Data(contentsOf: URL(filePath: self.copy)) == Data("precious".utf8))
        #expect(try self.names() == ["apus.db"])
    }

    @Test func `takes up the name that a killed one has left, with all beside it`() async throws {
        for ending in ["", "-journal", "-wal", "-shm"] {
            try Data("half a copy".utf8).write(to: URL(filePath: "\(self.copy).part\(ending)"))
        }
        try self.backUp()
        #expect(try self.names() == ["apus.db"])
        #expect(try StoreExamination.of(folder: self.target.path)?.faults == [])
    }

    @Test func `leaves another one alone that writes to the same name`() async throws {
        let part = open("\(self.copy).part", O_RDWR | O_CREAT, 0o600)
        defer { close(part) }
        #expect(flock(part, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: StoreBackupError.running(path: self.copy)) { try self.backUp() }
        #expect(try self.names() == ["apus.db.part"])
    }

    @Test func `of what is no sound store is not made`() async throws {
        let missing = StoreBackupError.missing(folder: self.target.path)
        #expect(throws: missing) {
            try SQLiteStore.backUp(folder: self.target.path, to: self.target.path(of: "x")) { _, _ in }
        }
        try Data("not a database".utf8).write(to: URL(filePath: self.copy))
        #expect(throws: StoreBackupError.source(.foreign(path: self.copy))) {
            try SQLiteStore.backUp(folder: self.target.path, to: self.target.path(of: "x")) { _, _ in }
        }
        #expect(try self.names() == ["apus.db"])
    }

    @Test func `says why it cannot be written`() async throws {
        let path = self.target.path(of: "nowhere/copy")
        #expect(throws: StoreBackupError.failed(path: path, reason: "No such file or directory")) {
            try SQLiteStore.backUp(folder: self.fixture.folder.path, to: path) { _, _ in }
        }
    }
}
