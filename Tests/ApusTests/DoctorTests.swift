import ApusCore
import ApusHTTP
import ApusSQLite
import Testing

@testable import apus

private let now = Timestamp(milliseconds: 1_800_000_000_000)

@Suite struct `The doctor` {
    private func expect(_ finding: Finding, _ verdict: Finding.Verdict, _ word: String) {
        #expect(finding.verdict == verdict, "\(finding.sentence)")
        #expect(finding.sentence.contains(word), "\(finding.sentence)")
        #expect(!finding.sentence.contains("\n"))
    }

    @Test(
        arguments: [
            (nil, nil, .ok, "not limited"), (1024, nil, .warning, "LimitNOFILE"),
            (65_536, nil, .ok, "64256"), (1024, 500, .ok, "640"), (1024, 640, .ok, "640"),
            (1024, 641, .problem, "1921"),
            (100, nil, .warning, "64 devices"), (nil, 1_000_000, .ok, "not limited"),
        ] as [(UInt64?, Int?, Finding.Verdict, String)])
    func `counts the descriptors that devices need`(
        _ limit: UInt64?, _ connections: Int?, _ verdict: Finding.Verdict, _ word: String
    ) {
        let check = DescriptorCheck(limit: limit, isServers: false, connections: connections)
        self.expect(check.finding, verdict, word)
    }

    @Test(arguments: [(nil, .ok), (128, .warning), (4095, .warning), (4096, .ok)] as [(Int?, Finding.Verdict)])
    func `compares the kernel's queue with what the listeners ask for`(_ size: Int?, _ verdict: Finding.Verdict) {
        self.expect(BacklogCheck(somaxconn: size).finding, verdict, "somaxconn")
    }

    @Test(
        arguments: [
            (8 << 30, 4 << 30, nil, .ok, "8 GiB"),
            (8 << 30, 4 << 30, 128 << 20, .warning, "control group allows 128 MiB"),
            (8 << 30, 4 << 30, 1 << 62, .ok, "the machine has"), (200 << 20, 100 << 20, nil, .warning, "200 MiB"),
            (8 << 30, 63 << 20, nil, .problem, "63 MiB"),
        ] as [(UInt64, UInt64, UInt64?, Finding.Verdict, String)])
    func `weighs the memory that may be had`(
        _ total: UInt64, _ available: UInt64, _ limit: UInt64?, _ verdict: Finding.Verdict, _ word: String
    ) {
        self.expect(MemoryCheck(total: total, available: available, limit: limit).finding, verdict, word)
    }

    @Test(
        arguments: [
            (now, nil, nil, .ok, "cannot be told"),
            (now, now, true, .ok, "follows a time server"),
            (now, now.adding(seconds: 2), nil, .ok, "the clock says"),
            (now, now.adding(seconds: 3600), true, .problem, "3600 s before"),
            (Timestamp(milliseconds: 0), nil, nil, .problem, "1970-01-01"),
            (now, nil, false, .warning, "no time server"),
        ] as [(Timestamp, Timestamp?, Bool?, Finding.Verdict, String)])
    func `holds the clock against the store`(
        _ now: Timestamp, _ newest: Timestamp?, _ isSynchronized: Bool?, _ verdict: Finding.Verdict, _ word: String
    ) {
        self.expect(
            ClockCheck(now: now, newest: newest, isSynchronized: isSynchronized).finding, verdict, word)
    }

    @Test(
        arguments: [
            (2 << 30, nil, false, .ok, "2 GiB"), (512 << 20, 1000, false, .warning, "512 MiB"),
            (63 << 20, 1000, false, .problem, "63 MiB"), (2 << 30, 3, false, .problem, "inodes"),
            (2 << 30, nil, true, .problem, "read-only"),
        ] as [(UInt64, UInt64?, Bool, Finding.Verdict, String)])
    func `looks for room on the disk`(
        _ bytes: UInt64, _ files: UInt64?, _ isReadOnly: Bool, _ verdict: Finding.Verdict, _ word: String
    ) {
        self.expect(
            DiskCheck(freeBytes: bytes, freeFiles: files, isReadOnly: isReadOnly).finding, verdict, word)
    }

    @Test(
        arguments: [
            ("ext4", Finding.Verdict.ok, "ext4"), ("tmpfs", .warning, "memory"), ("overlay", .warning, "volume"),
            ("nfs4", .warning, "local disk"), (nil, .ok, "cannot be told"),
        ] as [(String?, Finding.Verdict, String)])
    func `knows file systems that lose things`(_ type: String?, _ verdict: Finding.Verdict, _ word: String) {
        self.expect(FilesystemCheck(type: type, mountPoint: "/").finding, verdict, word)
    }

    @Test(
        arguments: [
            (.missing(canBeMade: true), .ok, "makes it"),
            (.missing(canBeMade: false), .problem, "cannot be made"), (.noFolder, .problem, "no folder"),
            (.there(mode: 0o700, owner: 5, isUsable: true, files: []), .ok, "owner alone"),
            (.there(mode: 0o700, owner: 5, isUsable: false, files: []), .problem, "number 5"),
            (.there(mode: 0o750, owner: 5, isUsable: true, files: []), .warning, "chmod 700"),
            (
                .there(mode: 0o700, owner: 5, isUsable: true, files: [.init(name: "apus.db", mode: 0o644, owner: 5)]),
                .warning, "apus.db"
            ),
            (
                .there(
                    mode: 0o700, owner: 5, isUsable: true, files: [.init(name: "apus.db-wal", mode: 0o600, owner: 0)]),
                .problem, "chown"
            ),
        ] as [(FolderCheck.State, Finding.Verdict, String)])
    func `looks at who may use the folder`(_ state: FolderCheck.State, _ verdict: Finding.Verdict, _ word: String) {
        let finding = FolderCheck(path: "/store", state: state).finding
        self.expect(finding, verdict, word)
        #expect(finding.sentence.contains("/store"))
    }

    @Test func `looks at the store`() {
        func finding(_ state: StoreCheck.State) -> Finding { StoreCheck(state: state, path: "/store/apus.db").finding }
        self.expect(finding(.missing), .ok, "no store yet")
        self.expect(finding(.refused(.foreign(path: "/store/apus.db"))), .problem, "not a store of Apus")
        self.expect(finding(.read(StoreExamination(sizeBytes: 5 << 20))), .ok, "5 MiB")
        self.expect(finding(.read(StoreExamination(faults: ["page 7"]))), .problem, "page 7")
        self.expect(finding(.read(StoreExamination(pendingMigrations: ["v9"]))), .warning, "backup")
        self.expect(finding(.read(StoreExamination(journalMode: "delete"))), .warning, "delete")
        self.expect(finding(.read(StoreExamination(logBytes: 300 << 20))), .warning, "300 MiB")
    }

    @Test(
        arguments: [
            (.free, false, false, .ok, "is free"), (.free, true, false, .warning, "elsewhere"),
            (.taken, false, false, .problem, "another program"), (.taken, true, false, .ok, "in use"),
            (.forbidden, false, false, .problem, "CAP_NET_BIND_SERVICE"),
            (.noSuchAddress, false, false, .problem, "no address"),
            (.failed("odd"), false, false, .problem, "odd"), (.free, false, true, .problem, "both"),
        ] as [(PortCheck.Outcome, Bool, Bool, Finding.Verdict, String)])
    func `tries the ports`(
        _ outcome: PortCheck.Outcome, _ isRunning: Bool, _ isShared: Bool, _ verdict: Finding.Verdict, _ word: String
    ) {
        let check = PortCheck(
            listener: "api", place: Settings.Endpoint(host: "10.0.0.1", port: 80), outcome: outcome,
            isServerRunning: isRunning, isShared: isShared)
        self.expect(check.finding, verdict, word)
        #expect(check.finding.sentence.contains("10.0.0.1"))
    }

    @Test func `looks at the certificate`() {
        let seconds = now.milliseconds / 1000
        func finding(_ change: (inout TLSExamination) -> Void = { _ in }, isKeyOpen: Bool = false) -> Finding {
            var chain = TLSExamination(
                validFrom: seconds - 1, validUntil: seconds + 30 * 86_400, isInOrder: true, isSelfSigned: false,
                names: ["push.example.org"])
            change(&chain)
            return TLSCheck(state: .read(chain, isKeyOpen: isKeyOpen), now: now).finding
        }
        self.expect(finding(), .ok, "push.example.org")
        self.expect(finding({ $0.validUntil = seconds }), .problem, "expired")
        self.expect(finding({ $0.validFrom = seconds + 1 }), .problem, "not valid before")
        self.expect(finding({ $0.isInOrder = false }), .problem, "out of order")
        self.expect(finding({ $0.validUntil = seconds + 13 * 86_400 }), .warning, "expires")
        self.expect(finding({ $0.names = [] }), .warning, "subjectAltName")
        self.expect(finding({ $0.isSelfSigned = true }), .warning, "trust")
        self.expect(finding(isKeyOpen: true), .warning, "private key")
        let unusable = TLSCheck(state: .unusable("cannot use /key"), now: now)
        self.expect(unusable.finding, .problem, "/key")
        self.expect(TLSCheck(state: .plain(hosts: ["127.0.0.1", "::1"]), now: now).finding, .ok, "loopback")
        self.expect(TLSCheck(state: .plain(hosts: ["0.0.0.0"]), now: now).finding, .warning, "in the clear")
    }

    @Test func `prints one JSON value with the worst verdict`() {
        let findings = [Finding("disk", .ok, "fine"), Finding("store", .warning, #"a "b""#)]
        #expect(
            Finding.json(findings)
                == #"{"verdict":"warning","checks":[{"check":"disk","verdict":"ok","sentence":"fine"},"#
                + #"{"check":"store","verdict":"warning","sentence":"a \"b\""}]}"#)
    }

    @Test(arguments: [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (10 << 20, "10 MiB")])
    func `writes sizes for people`(_ bytes: Int, _ text: String) { #expect(ByteCount.text(bytes) == text) }
}

@Suite struct `The texts of the kernel` {
    @Test func `say how many files may be open`() {
        let head = "Limit                     Soft Limit           Hard Limit           Units\n"
        let line = "Max open files            20000                40000                files\n"
        #expect(HostFacts.openFiles(inLimits: head + line) == .some(.some(20_000)))
        let unlimited = line.replacing("20000", with: "unlimited")
        #expect(HostFacts.openFiles(inLimits: head + unlimited) == .some(.none))
        #expect(HostFacts.openFiles(inLimits: head) == nil)
    }

    @Test func `say where memory is bounded`() {
        let second = HostFacts.memoryLimitFiles(inCgroup: "0::/system.slice/apus.service\n")
        #expect(
            second == [
                "/sys/fs/cgroup/system.slice/apus.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ])
        let first = HostFacts.memoryLimitFiles(inCgroup: "8:pids:/\n4:memory:/a\n")
        #expect(
            first == ["/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"])
    }

    @Test func `say which file system holds a path`() {
        let text = """
            27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
            30 27 0:30 / /var/lib/push rw shared:5 - tmpfs tmpfs rw
            31 27 0:31 / /mnt/my\\040disk rw - xfs /dev/vdb rw
            32 30 0:32 / /var/lib/push rw - btrfs /dev/vdc rw
            """
        func type(_ path: String) -> String? { HostFacts.filesystem(of: path, inMounts: text)?.type }
        #expect(type("/var/lib/push/store") == "btrfs")
        #expect(type("/var/lib/pushed") == "ext4")
        #expect(type("/mnt/my disk") == "xfs")
        #expect(HostFacts.filesystem(of: "/", inMounts: "") == nil)
    }

    @Test func `say how much memory there is`() {
        let text = "MemTotal:       24684096 kB\nMemFree:         100 kB\nMemAvailable:   2048 kB\n"
        #expect(HostFacts.memory("MemAvailable", inMeminfo: text) == 2 << 20)
        #expect(HostFacts.memory("SwapFree", inMeminfo: text) == nil)
    }
}
