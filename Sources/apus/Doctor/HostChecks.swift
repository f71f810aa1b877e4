import ApusContract
import ApusCore

/// Whether so many devices may be connected at a time.
struct DescriptorCheck {
    /// The limit that holds for the server; nil where there is none.
    let limit: UInt64?
    /// Whether it was read from the running server; else it is the one of this command.
    let isServers: Bool
    /// How many devices are expected at a time; nil where nobody said.
    let connections: Int?

    /// Fewer are called a warning, unless the operator says that they will do.
    static let comfortable: UInt64 = 4096

    var finding: Finding {
        guard let limit else { return Finding("descriptors", .ok, "file descriptors are not limited") }
        let whose = self.isServers ? "the running server" : "this shell"
        let room = Descriptors.edge(of: Int(clamping: limit))
        let advice = "raise LimitNOFILE= of the service, or 'ulimit -n'"
        if let connections, connections > room {
            return Finding(
                "descriptors", .problem,
                "\(whose) may open \(limit) files, room for \(room) devices, and \(connections) need "
                    + "\(Descriptors.enough(for: connections)): \(advice)")
        }
        guard self.connections != nil || limit >= Self.comfortable else {
            return Finding(
                "descriptors", .warning,
                "\(whose) may open \(limit) files, room for \(room) devices: \(advice), or say with "
                    + "--connections how many there will be")
        }
        return Finding(
            "descriptors", .ok, "\(whose) may open \(limit) files, room for \(room) devices")
    }
}

/// Whether a wave of devices that connect at once fits into the kernel's queue.
struct BacklogCheck {
    /// `net.core.somaxconn`; nil where it cannot be read.
    let somaxconn: Int?

    /// What the listeners ask for.
    static let wanted = 4096

    var finding: Finding {
        guard let somaxconn else {
            return Finding("backlog", .ok, "net.core.somaxconn cannot be read here; \(Self.wanted) is wanted")
        }
        guard somaxconn >= Self.wanted else {
            return Finding(
                "backlog", .warning,
                "net.core.somaxconn is \(somaxconn), so connections are lost when more devices than that reconnect at "
                    + "once: set it to \(Self.wanted) with sysctl")
        }
        return Finding("backlog", .ok, "net.core.somaxconn is \(somaxconn)")
    }
}

/// How frames reach the kernel.
struct SendingCheck {
    /// Whether it offers io_uring to this command, and so to a server that is started likewise.
    let isInBatches: Bool

    /// Never worse than well: where io_uring is forbidden, that is mostly on purpose.
    var finding: Finding {
        Finding(
            "sending", .ok,
            self.isInBatches
                ? "the kernel takes the frames of a broadcast in batches (io_uring)"
                : "the kernel takes the frames of a broadcast one by one, which costs about a tenth more: there is no "
                    + "io_uring for this user, by kernel.io_uring_disabled, by the container, or before Linux 5.6")
    }
}

/// Whether there is memory for what the server keeps whatever happens.
struct MemoryCheck {
    /// Of the machine, in bytes.
    let total: UInt64
    /// What could be had at once, in bytes.
    let available: UInt64
    /// The bound of the control group, in bytes; nil where there is none.
    let limit: UInt64?

    /// The caches of the store's connections (4 × 16 MiB), the decoded messages (64 MiB) and certificates under way
    /// (40 MiB) come to 168 MiB; the audiences and the connections come on top.
    static let wanted: UInt64 = 256 << 20
    static let scarce: UInt64 = 64 << 20

    var finding: Finding {
        let bound = min(self.total, self.limit ?? .max)
        let whose = bound == self.total ? "the machine has" : "the control group allows"
        if bound < Self.wanted {
            return Finding(
                "memory", .warning,
                "\(whose) \(ByteCount.text(bound)) of memory, and the caches alone may take 168 MiB: give it "
                    + "\(ByteCount.text(Self.wanted)) or more")
        }
        if self.available < Self.scarce {
            return Finding(
                "memory", .problem,
                "only \(ByteCount.text(self.available)) of memory can still be had: end something else on this machine")
        }
        return Finding(
            "memory", .ok, "\(whose) \(ByteCount.text(bound)), \(ByteCount.text(self.available)) can be had at once")
    }
}

/// Whether the clock can be right: expiry, schedules and retention go by it.
struct ClockCheck {
    let now: Timestamp
    /// The latest moment in the store; nil where it has none.
    let newest: Timestamp?
    /// Whether the clock is known to follow a time server; nil where that cannot be told.
    let isSynchronized: Bool?

    /// 2026-01-01T00:00:00Z: no clock of a machine that runs this is before it.
    static let earliest = Timestamp(milliseconds: 1_767_225_600_000)
    /// How far a running server may be ahead of the moment when this command looked at the clock.
    static let toleranceSeconds = 2

    var finding: Finding {
        let time = TimeUTC8(epochMilliseconds: self.now.milliseconds).text
        guard self.now >= Self.earliest else {
            return Finding("clock", .problem, "the clock says \(time) (UTC+8), which is long past: set it")
        }
        if let newest, newest > self.now.adding(seconds: Self.toleranceSeconds) {
            let seconds = (newest.milliseconds - self.now.milliseconds) / 1000
            return Finding(
                "clock", .problem,
                "the clock says \(time) (UTC+8), \(seconds) s before the newest record of the store, so that pushes "
                    + "expire late and schedules wait: set the clock, and let it follow a time server")
        }
        let source: String
        switch self.isSynchronized {
        case true?: source = ", and it follows a time server"
        case false?:
            return Finding(
                "clock", .warning, "the clock says \(time) (UTC+8) and follows no time server: turn one on")
        case nil: source = "; whether it follows a time server cannot be told here"
        }
        return Finding("clock", .ok, "the clock says \(time) (UTC+8)\(source)")
    }
}

/// Whether the disk takes what is still to come.
struct DiskCheck {
    let freeBytes: UInt64
    /// Of files that may still be made; nil where the file system does not count them.
    let freeFiles: UInt64?
    let isReadOnly: Bool

    /// The log alone may take as much before it is moved into the store.
    static let needed: UInt64 = 64 << 20
    static let comfortable: UInt64 = 1 << 30

    var finding: Finding {
        guard !self.isReadOnly else {
            return Finding("disk", .problem, "the file system is mounted read-only: mount it for writing")
        }
        let free = ByteCount.text(self.freeBytes)
        if self.freeBytes < Self.needed {
            return Finding(
                "disk", .problem, "\(free) are free, and pushes are refused once the disk is full: make room")
        }
        if let freeFiles, freeFiles < 16 {
            return Finding("disk", .problem, "only \(freeFiles) more files can be made (inodes): make room")
        }
        guard self.freeBytes >= Self.comfortable else {
            return Finding("disk", .warning, "\(free) are free: make room, or set an alarm on it")
        }
        return Finding("disk", .ok, "\(free) are free")
    }
}

/// Whether the file system keeps what was synced to it, and its locks.
struct FilesystemCheck {
    /// As in `/proc/self/mountinfo`; nil where that cannot be read.
    let type: String?
    let mountPoint: String

    var finding: Finding {
        guard let type else {
            return Finding("filesystem", .ok, "what file system the store is on cannot be told here")
        }
        let place = "the store is on \(type) (\(self.mountPoint))"
        switch type {
        case "tmpfs", "ramfs", "devtmpfs":
            return Finding(
                "filesystem", .warning,
                "\(place), which is memory: everything is gone after a restart of the machine; "
                    + "put it on a disk")
        case "overlay", "aufs":
            return Finding(
                "filesystem", .warning, "\(place), the layer of a container that goes with it: mount a volume there")
        case "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "fuse.sshfs", "fuse.glusterfs":
            return Finding(
                "filesystem", .warning,
                "\(place), over a network, where SQLite's locks are not to be relied on: put it "
                    + "on a local disk")
        default:
            return Finding("filesystem", .ok, place)
        }
    }
}
