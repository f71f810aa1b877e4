import ApusCore
import ApusHTTP
import Glibc

/// What `apus doctor` reads of the machine. The texts of the kernel are taken apart first, without reading anything;
/// what reads is further down.
enum HostFacts {
    /// The soft limit of open files in the text of `/proc/PID/limits`.
    ///
    /// - Returns: nil when the text has none; `.some(nil)` for no limit.
    static func openFiles(inLimits text: String) -> UInt64?? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }) else {
            return nil
        }
        guard let soft = line.dropFirst("Max open files".count).split(separator: " ").first else { return nil }
        if soft == "unlimited" { return .some(nil) }
        return UInt64(soft).map { .some($0) } ?? nil
    }

    /// Where the bound of this process's memory stands, by the text of `/proc/self/cgroup`: the files that may exist,
    /// of either version of control groups. The least of them holds.
    static func memoryLimitFiles(inCgroup text: String) -> [String] {
        var files: [String] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[0] == "0" && parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            let name = isSecond ? "memory.max" : "memory.limit_in_bytes"
            var group = parts[2].split(separator: "/")
            while !group.isEmpty {
                files.append("\(root)/\(group.joined(separator: "/"))/\(name)")
                group.removeLast()
            }
            files.append("\(root)/\(name)")
        }
        return files
    }

    /// The file system that holds a path, by the text of `/proc/self/mountinfo`.
    ///
    /// - Parameter path: absolute, without links.
    static func filesystem(of path: String, inMounts text: String) -> (type: String, mountPoint: String)? {
        var best: (type: String, mountPoint: String)?
        for line in text.split(separator: "\n") {
            // `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw`
            let words = line.split(separator: " ")
            guard words.count >= 5, let dash = words.firstIndex(of: "-"), dash + 1 < words.count else { continue }
            let point = words[4].replacing("\\040", with: " ")
            guard point == "/" || path == point || path.hasPrefix("\(point)/") else { continue }
            // The last one that is mounted on the same point hides the others.
            guard point.count >= best?.mountPoint.count ?? 0 else { continue }
            best = (String(words[dash + 1]), String(point))
        }
        return best
    }

    /// A line of `/proc/meminfo`, in bytes.
    static func memory(_ name: String, inMeminfo text: String) -> UInt64? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(name):") }) else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 * 1024 }
    }
}

// MARK: - Reading

extension HostFacts {
    static func descriptors(of server: RunningServer?, connections: Int?) -> DescriptorCheck {
        if let pid = server?.pid, let text = try? Files.text("/proc/\(pid)/limits"),
            let limit = self.openFiles(inLimits: text)
        {
            return DescriptorCheck(limit: limit, isServers: true, connections: connections)
        }
        var limit = rlimit()
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        // A server raises what it was given to the most that it may have.
        let isBounded = isKnown && limit.rlim_max < rlim_t(Int64.max)
        return DescriptorCheck(
            limit: isBounded ? UInt64(limit.rlim_max) : nil, isServers: false, connections: connections)
    }

    static func backlog() -> BacklogCheck {
        let text = try? Files.text("/proc/sys/net/core/somaxconn")
        return BacklogCheck(somaxconn: text.flatMap { Int($0.trimming("\n", " ")) })
    }

    static func sending() -> SendingCheck { SendingCheck(isInBatches: SocketBatch().usesRing) }

    /// - Returns: nil where the kernel does not tell.
    static func memory() -> MemoryCheck? {
        guard let text = try? Files.text("/proc/meminfo"), let total = self.memory("MemTotal", inMeminfo: text),
            let available = self.memory("MemAvailable", inMeminfo: text)
        else { return nil }
        let files = (try? Files.text("/proc/self/cgroup")).map { self.memoryLimitFiles(inCgroup: $0) } ?? []
        let limits = files.compactMap { try? Files.text($0) }.compactMap { UInt64($0.trimming("\n", " ")) }
        return MemoryCheck(total: total, available: available, limit: limits.min())
    }

    static func clock(newest: Timestamp?) -> ClockCheck {
        // What systemd's client leaves behind; other clients leave nothing that can be read by everybody.
        let isSynchronized = access("/run/systemd/timesync/synchronized", F_OK) == 0 ? true : nil
        return ClockCheck(now: Clocks.system.now(), newest: newest, isSynchronized: isSynchronized)
    }

    static func disk(at path: String) -> DiskCheck? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return DiskCheck(
            freeBytes: UInt64(status.f_bavail) * UInt64(status.f_frsize),
            freeFiles: status.f_files == 0 ? nil : UInt64(status.f_favail),
            isReadOnly: UInt(status.f_flag) & UInt(ST_RDONLY) != 0)
    }

    static func filesystem(at path: String) -> FilesystemCheck {
        let place = (try? Files.text("/proc/self/mountinfo")).flatMap { self.filesystem(of: path, inMounts: $0) }
        return FilesystemCheck(type: place?.type, mountPoint: place?.mountPoint ?? "")
    }

    /// The nearest folder above a path, or itself, that exists; absolute and without links.
    static func nearestFolder(_ path: String) -> String {
        var path = path
        while true {
            if let real = realpath(path, nil) {
                defer { free(real) }
                return String(cString: real)
            }
            guard let slash = path.lastIndex(of: "/") else { return self.nearestFolder(".") }
            if slash == path.startIndex { return "/" }
            path = String(path[..<slash])
        }
    }

    /// Whether a server holds the folder's lock.
    ///
    /// A server that starts in the very moment of the look is told that another one runs; it has to start again.
    static func server(on folder: String) -> RunningServer? {
        let file = open("\(folder)/\(FolderLock.name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard flock(file, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return RunningServer(pid: FolderLock.holder(of: folder))
    }

    static func folder(_ path: String) -> FolderCheck {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let canBeMade = access(self.nearestFolder(path), W_OK | X_OK) == 0
            return FolderCheck(path: path, state: .missing(canBeMade: canBeMade))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return FolderCheck(path: path, state: .noFolder) }
        let names = ["apus.db", "apus.db-wal", "apus.db-shm", KeyFile.name, FolderLock.name]
        let files = names.compactMap { name -> FolderCheck.Entry? in
            var file = stat()
            guard stat("\(path)/\(name)", &file) == 0 else { return nil }
            return FolderCheck.Entry(name: name, mode: file.st_mode & 0o777, owner: file.st_uid)
        }
        return FolderCheck(
            path: path,
            state: .there(
                mode: status.st_mode & 0o777, owner: status.st_uid,
                isUsable: access(path, R_OK | W_OK | X_OK) == 0, files: files))
    }

    /// Whether users beside the file's owner and group may read it.
    static func isOpenToAll(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & 0o004 != 0
    }
}
