private import Foundation
internal import GRDB
private import Glibc

/// The file of a store, before it is known to be one.
struct StoreFile {
    /// The file's name within its folder.
    static let name = "apus.db"

    let folder: String
    let options: SQLiteStore.Options
    private let name: String

    var path: String { "\(self.folder)/\(self.name)" }

    init(folder: String, options: SQLiteStore.Options, name: String = Self.name) {
        self.folder = folder
        self.options = options
        self.name = name
    }

    /// Makes what is missing, refuses what is not ours, and keeps other processes out until `body` is done, so that two
    /// that start at once do not both build the tables.
    ///
    /// A file that is refused keeps its bytes: it is read before anything writes.
    func prepared<Value>(_ body: () throws(SQLiteOpenError) -> Value) throws(SQLiteOpenError) -> Value {
        try self.makeFolder()
        let folder = open(self.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw self.unreachable() }
        defer { close(folder) }
        guard flock(folder, LOCK_EX) == 0 else { throw self.unreachable() }
        if self.exists {
            try self.inspect()
        } else {
            try self.make()
            guard fsync(folder) == 0 else { throw self.unreachable() }
        }
        return try body()
    }

    var exists: Bool { access(self.path, F_OK) == 0 }

    /// Which file lies at the path now; nil when there is none.
    ///
    /// Asked before every transaction: SQLite goes on writing to a file that was moved away or deleted, and what it
    /// answers then is as good as lost.
    var identity: FileIdentity? {
        var status = stat()
        return stat(self.path, &status) == 0
            ? FileIdentity(device: UInt(status.st_dev), inode: UInt(status.st_ino)) : nil
    }

    /// Why SQLite did not open or read the file.
    func refusal(_ error: any Error) -> SQLiteOpenError {
        if let refusal = error as? SQLiteOpenError { return refusal }
        guard let error = error as? DatabaseError else {
            return .unreachable(path: self.path, reason: "\(error)")
        }
        let reason = error.message ?? "SQLite code \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(path: self.path, reason: reason)
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

    /// Makes the file with its tables, under another name until it is whole, so that a start that is cut short leaves
    /// no half of a store behind. It is for its owner alone from the start; SQLite gives its side files the same mode.
    private func make() throws(SQLiteOpenError) {
        let draft = StoreFile(folder: self.folder, options: self.options, name: self.name + ".new")
        for leftover in ["", "-journal", "-wal", "-shm"] { unlink(draft.path + leftover) }
        let file = open(draft.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw self.unreachable() }
        close(file)
        do {
            try Connection.writing(draft).close()
        } catch {
            throw draft.refusal(error)
        }
        guard rename(draft.path, self.path) == 0 else { throw self.unreachable() }
    }

    /// Lets the file pass when it is ours and not from the future, or a database without anything in it.
    ///
    /// A file without a byte is refused: no start leaves one, so it is what is left of a store.
    ///
    /// The file is read through SQLite alone: closing a descriptor of our own would let go of every lock that another
    /// connection of this very system process holds on it.
    func inspect() throws(SQLiteOpenError) {
        var status = stat()
        guard stat(self.path, &status) == 0 else { throw self.unreachable() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unreachable(path: self.path, reason: "it is not a regular file")
        }
        guard status.st_size > 0 else { throw .damaged(path: self.path, reason: "it is empty") }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(self.options.busyTimeoutSeconds)
            let connection = try DatabaseQueue(path: self.path, configuration: configuration)
            try connection.unsafeRead { db in try self.inspect(db) }
            try connection.close()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
            throw .foreign(path: self.path)
        } catch {
            throw self.refusal(error)
        }
    }

    private func inspect(_ db: Database) throws {
        let mark = try Int32.fetchOne(db, sql: "PRAGMA application_id")
        guard mark == Schema.applicationID else {
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version")
            let isBlank =
                try mark == 0 && version == 0 && Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
            if isBlank { return }
            throw SQLiteOpenError.foreign(path: self.path)
        }
        guard try db.tableExists("grdb_migrations") else { return }
        let unknown = try Schema.migrator.appliedIdentifiers(db).subtracting(Schema.migrator.migrations)
        guard unknown.isEmpty else { throw SQLiteOpenError.newer(path: self.path, migrations: unknown.sorted()) }
    }

    /// The last call's error, told with the path.
    private func unreachable() -> SQLiteOpenError {
        .unreachable(path: self.path, reason: String(cString: strerror(errno)))
    }
}

/// Which file it is, whatever its name.
struct FileIdentity: Equatable, Sendable {
    let device: UInt
    let inode: UInt
}
