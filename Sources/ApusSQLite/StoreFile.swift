private import Foundation
internal import GRDB
private import Glibc

/// The file of a store, before it is known to be one.
struct StoreFile {
    /// The file's name within its folder.
    static let name = "apus.db"
    private static let magic = Array("SQLite format 3\0".utf8)
    private static let headerSizeBytes = 100

    let folder: String

    var path: String { "\(self.folder)/\(Self.name)" }

    /// Makes what is missing, refuses what is not ours, and keeps other processes out until `body` is done, so that two
    /// that start at once do not both build the tables.
    ///
    /// A file that is refused keeps its bytes: it is read before anything writes.
    func prepared<Value>(_ body: () throws(SQLiteOpenError) -> Value) throws(SQLiteOpenError) -> Value {
        try self.makeFolder()
        let folder = try self.descriptor(self.folder, O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        guard flock(folder, LOCK_EX) == 0 else { throw self.unreachable() }
        // 0600 from the start; SQLite gives its side files the mode of the main one.
        close(try self.descriptor(self.path, O_RDWR | O_CREAT))
        try self.inspect()
        return try body()
    }

    /// Why SQLite did not open or read the file.
    func refusal(_ error: any Error) -> SQLiteOpenError {
        if let refusal = error as? SQLiteOpenError { return refusal }
        guard let error = error as? DatabaseError else {
            return .unreachable(path: self.path, reason: "\(error)")
        }
        let reason = error.message ?? "SQLite code \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR: return .damaged(path: self.path, reason: reason)
        default: return .unreachable(path: self.path, reason: reason)
        }
    }

    private func makeFolder() throws(SQLiteOpenError) {
        do {
            try FileManager.default.createDirectory(
                atPath: self.folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .unreachable(path: self.folder, reason: error.localizedDescription)
        }
    }

    /// Lets the file pass when it is empty or ours, and not from the future.
    ///
    /// An empty file is what a start that was cut short leaves behind: nothing can be lost in it.
    private func inspect() throws(SQLiteOpenError) {
        let header = try self.header()
        guard !header.isEmpty else { return }
        guard header.count == Self.headerSizeBytes, header.starts(with: Self.magic) else {
            throw .foreign(path: self.path)
        }
        // The log beside the file may say more than its header, but it never takes our mark away again.
        let mark = header[68..<72].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard mark == 0 || mark == Schema.applicationID else { throw .foreign(path: self.path) }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(SQLiteStore.Options().busyTimeoutSeconds)
            let connection = try DatabaseQueue(path: self.path, configuration: configuration)
            try connection.unsafeRead { db in try self.inspect(db) }
            try connection.close()
        } catch {
            throw self.refusal(error)
        }
    }

    private func inspect(_ db: Database) throws {
        guard try Int32.fetchOne(db, sql: "PRAGMA application_id") == Schema.applicationID else {
            let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
            if isEmpty { return }
            throw SQLiteOpenError.foreign(path: self.path)
        }
        guard try db.tableExists("grdb_migrations") else { return }
        let unknown = try Schema.migrator.appliedIdentifiers(db).subtracting(Schema.migrator.migrations)
        guard unknown.isEmpty else { throw SQLiteOpenError.newer(path: self.path, migrations: unknown.sorted()) }
    }

    /// The first bytes of the file; fewer when it is shorter.
    private func header() throws(SQLiteOpenError) -> [UInt8] {
        let file = try self.descriptor(self.path, O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.headerSizeBytes)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count >= 0 else { throw self.unreachable() }
        return Array(bytes[..<count])
    }

    private func descriptor(_ path: String, _ flags: Int32) throws(SQLiteOpenError) -> Int32 {
        let descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw self.unreachable() }
        return descriptor
    }

    /// The last call's error, told with the path.
    private func unreachable() -> SQLiteOpenError {
        .unreachable(path: self.path, reason: String(cString: strerror(errno)))
    }
}
