internal import GRDB
private import Glibc

/// Why a copy of a store could not be made. Nothing stands under its name then that was not there before.
package enum StoreBackupError: Error, Equatable, Sendable {
    /// The folder has no store.
    case missing(folder: String)
    /// The store itself cannot be read.
    case source(SQLiteOpenError)
    /// Something has the name of the copy already.
    case exists(path: String)
    /// Another backup is writing to the same name.
    case running(path: String)
    /// The copy could not be written, or did not pass its check.
    case failed(path: String, reason: String)

    /// What is wrong and what to do, for an operator.
    package var sentence: String {
        switch self {
        case .missing(let folder):
            "there is no store in \(folder): name the server's folder with --data"
        case .source(let error):
            error.sentence
        case .exists(let path):
            "\(path) exists and is not overwritten: name another file, or move that one away"
        case .running(let path):
            "another backup is writing \(path): wait for it, or name another file"
        case .failed(let path, let reason):
            "cannot write the backup \(path): \(reason)"
        }
    }
}

extension SQLiteStore {
    /// Copies the store of a folder into one file, also while a server writes to it.
    ///
    /// The copy is the store at the moment when this begins: what was durable then is in it, what came later is not.
    /// Writers go on meanwhile; their log cannot be cut back before the copy is done. The file is for its owner alone
    /// (0600), checked and on the disk when it gets its name. Blocks for as long as copying takes.
    ///
    /// - Parameters:
    ///   - path: the name of the copy, which must not be taken. While it is written it is called `path.part`.
    ///   - progress: told how many bytes of how many are copied, after each part.
    /// - Returns: the size of the copy in bytes.
    package static func backUp(
        folder: String, to path: String, progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void
    ) throws(StoreBackupError) -> UInt64 {
        let source = StoreFile(folder: folder, options: Options())
        guard source.exists else { throw .missing(folder: folder) }
        do {
            try source.inspect()
        } catch { throw .source(error) }
        return try StoreBackup(source: source, path: path).run(progress)
    }
}

/// One copy of a store.
private struct StoreBackup {
    /// Pages that are copied between two reports of progress: 16 MiB at SQLite's usual size.
    private static let pagesPerStep: CInt = 4096

    let source: StoreFile
    let path: String

    private var draft: String { self.path + ".part" }

    private var folder: String {
        guard let slash = self.path.lastIndex(of: "/") else { return "." }
        return String(self.path[...slash])
    }

    func run(_ progress: @escaping (UInt64, UInt64) -> Void) throws(StoreBackupError) -> UInt64 {
        guard access(self.path, F_OK) != 0 else { throw .exists(path: self.path) }
        let file = open(self.draft, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw self.failed() }
        // Not before the connection is closed: closing a descriptor lets go of the locks that SQLite holds on the file.
        defer { close(file) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { throw .running(path: self.path) }
        // Who waited for the other one's open file would now write to a name that is gone.
        guard access(self.path, F_OK) != 0 else { throw .exists(path: self.path) }
        defer { self.removeDraft() }
        guard fchmod(file, 0o600) == 0, ftruncate(file, 0) == 0 else { throw self.failed() }
        // What a backup that was killed has left.
        for ending in Self.sideFiles { unlink(self.draft + ending) }
        try self.copy(progress)
        var status = stat()
        guard fsync(file) == 0, fstat(file, &status) == 0 else { throw self.failed() }
        try self.name()
        return UInt64(status.st_size)
    }

    private static let sideFiles = ["-journal", "-wal", "-shm"]

    /// Copies within one reading transaction, so that the parts belong together and no writer makes it start over.
    private func copy(_ progress: @escaping (UInt64, UInt64) -> Void) throws(StoreBackupError) {
        let source = try self.openedSource()
        let copy: DatabaseQueue
        do {
            copy = try DatabaseQueue(path: self.draft)
        } catch { throw self.failed(error) }
        do {
            try copy.writeWithoutTransaction { target in
                try source.read { db in
                    // The first look is what fixes the moment.
                    let pageSize = UInt64(try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
                    _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master")
                    try db.backup(to: target, pagesPerStep: Self.pagesPerStep) { step in
                        progress(
                            UInt64(step.completedPageCount) * pageSize, UInt64(step.totalPageCount) * pageSize)
                    }
                }
                // The copy has every page of the store, the damaged ones too.
                if let fault = try StoreExamination.faults(in: target).first {
                    throw StoreBackupError.source(.damaged(path: self.source.path, reason: fault))
                }
            }
            try copy.close()
            try source.close()
        } catch { throw self.failed(error) }
    }

    private func openedSource() throws(StoreBackupError) -> DatabaseQueue {
        do {
            return try Connection.reading(self.source)
        } catch { throw .source(error) }
    }

    /// Gives the copy its name, unless that was taken meanwhile.
    private func name() throws(StoreBackupError) {
        if link(self.draft, self.path) != 0 {
            switch errno {
            case EEXIST: throw .exists(path: self.path)
            // A file system without links: then the name may be taken between the look and the renaming.
            case EPERM, EOPNOTSUPP, ENOSYS:
                guard access(self.path, F_OK) != 0 else { throw .exists(path: self.path) }
                guard rename(self.draft, self.path) == 0 else { throw self.failed() }
            default: throw self.failed()
            }
        }
        let folder = open(self.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw self.failed() }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw self.failed() }
    }

    private func removeDraft() { for ending in [""] + Self.sideFiles { unlink(self.draft + ending) } }

    private func failed(_ error: any Error) -> StoreBackupError {
        if let error = error as? StoreBackupError { return error }
        guard let error = error as? DatabaseError else { return .failed(path: self.path, reason: "\(error)") }
        return .failed(path: self.path, reason: error.message ?? "SQLite code \(error.extendedResultCode.rawValue)")
    }

    /// The last call's error.
    private func failed() -> StoreBackupError {
        .failed(path: self.path, reason: String(cString: strerror(errno)))
    }
}
