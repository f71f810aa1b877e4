import ApusSQLite

/// Whether a server runs on the folder.
struct ServerCheck {
    let server: RunningServer?

    var finding: Finding {
        switch self.server {
        case nil: Finding("server", .ok, "no server runs on the folder")
        case let server?:
            Finding("server", .ok, "a server runs on the folder" + (server.pid.map { ", process \($0)" } ?? ""))
        }
    }
}

/// The server that holds a folder's lock.
struct RunningServer: Equatable, Sendable {
    /// Nil where the system does not tell, as from inside another container.
    let pid: Int32?
}

/// Whether the server can use its folder, and nobody else can.
struct FolderCheck {
    struct Entry: Equatable {
        let name: String
        /// The lower nine bits.
        let mode: UInt32
        let owner: UInt32
    }

    enum State: Equatable {
        /// Whether the nearest folder above that exists would let this user make it.
        case missing(canBeMade: Bool)
        case noFolder
        case there(mode: UInt32, owner: UInt32, isUsable: Bool, files: [Entry])
    }

    let path: String
    let state: State

    var finding: Finding {
        switch self.state {
        case .missing(canBeMade: true):
            return Finding("folder", .ok, "\(self.path) is not there yet; 'apus serve' makes it")
        case .missing(canBeMade: false):
            return Finding(
                "folder", .problem,
                "\(self.path) is not there and cannot be made by this user: make it, owned by the "
                    + "server's user")
        case .noFolder:
            return Finding("folder", .problem, "\(self.path) is no folder: name another with --data")
        case .there(let mode, let owner, let isUsable, let files):
            return self.finding(mode, owner, isUsable, files)
        }
    }

    private func finding(_ mode: UInt32, _ owner: UInt32, _ isUsable: Bool, _ files: [Entry]) -> Finding {
        guard isUsable else {
            return Finding(
                "folder", .problem,
                "this user may not read and write \(self.path): run this as the server's user (its owner has the "
                    + "number \(owner)), or change the owner")
        }
        let strangers = files.filter { $0.owner != owner }.map(\.name)
        guard strangers.isEmpty else {
            return Finding(
                "folder", .problem,
                "\(strangers.joined(separator: ", ")) in \(self.path) belong to another user than the folder, as after "
                    + "a command run as root: chown them to its owner (number \(owner))")
        }
        guard mode & 0o077 == 0 else {
            return Finding(
                "folder", .warning, "other users may enter \(self.path), which holds payloads and tokens: chmod 700 it")
        }
        let open = files.filter { $0.mode & 0o077 != 0 }.map(\.name)
        guard open.isEmpty else {
            return Finding(
                "folder", .warning, "other users may read \(open.joined(separator: ", ")) in \(self.path): chmod 600")
        }
        return Finding("folder", .ok, "\(self.path) is for its owner alone")
    }
}

/// Whether the store is sound.
struct StoreCheck {
    enum State {
        case missing
        /// Why a start would refuse it.
        case refused(SQLiteOpenError)
        case read(StoreExamination)
    }

    let state: State
    let path: String

    /// The log is cut back to a quarter of this when all is well.
    static let logComfortableBytes: Int64 = 256 << 20

    var finding: Finding {
        switch self.state {
        case .missing: Finding("store", .ok, "there is no store yet; 'apus serve' makes it")
        case .refused(let error): Finding("store", .problem, error.sentence)
        case .read(let examination): self.finding(examination)
        }
    }

    private func finding(_ store: StoreExamination) -> Finding {
        if let fault = store.faults.first {
            return Finding(
                "store", .problem,
                "\(self.path) is damaged (\(fault)): stop the server, keep the file, and restore a backup")
        }
        if let pending = store.pendingMigrations.first {
            return Finding(
                "store", .warning,
                "\(self.path) is sound and of an earlier version (it lacks \(pending)): the next start brings it up to "
                    + "date; take a backup before")
        }
        if store.journalMode != "wal" {
            return Finding(
                "store", .warning,
                "\(self.path) is sound, but something has set journal_mode to \(store.journalMode): the next start "
                    + "sets wal; let nothing but Apus change it")
        }
        let size = ByteCount.text(store.sizeBytes)
        guard store.logBytes <= Self.logComfortableBytes else {
            return Finding(
                "store", .warning,
                "\(self.path) is sound (\(size)), but its log has grown to \(ByteCount.text(store.logBytes)): "
                    + "something reads it for long, as a backup does; let that end")
        }
        return Finding("store", .ok, "\(self.path) is sound, tables up to date, \(size)")
    }
}
