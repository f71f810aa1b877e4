import Glibc

/// One server per data folder: two would each keep an index of their own and hand out the same numbers.
///
/// Commands do not take it; they work beside a running server. The system lets go of it when the process ends, however
/// it ends.
final class FolderLock: Sendable {
    /// The file's name within its folder.
    static let name = "serve.lock"

    private let descriptor: Int32

    /// - Throws: a ``Failure`` when another server runs on the folder.
    init(_ folder: String) throws {
        let path = "\(folder)/\(Self.name)"
        self.descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else { throw Failure("cannot make \(path): \(String(cString: strerror(errno)))") }
        guard flock(self.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure("another 'apus serve' runs on \(folder): stop it first, or name another folder with --data")
        }
        self.sign()
    }

    /// Leaves the number of this process in the file, for whoever wants to know which one it is. A full disk is no
    /// reason not to start.
    private func sign() {
        guard ftruncate(self.descriptor, 0) == 0 else { return }
        let text = Array("\(getpid())\n".utf8)
        _ = pwrite(self.descriptor, text, text.count, 0)
    }

    /// Which process holds the lock of a folder, as it has said itself; nil where it has not.
    static func holder(of folder: String) -> Int32? {
        (try? Files.text("\(folder)/\(Self.name)")).flatMap { Int32($0.trimming("\n", " ")) }
    }

    deinit { if self.descriptor >= 0 { close(self.descriptor) } }
}
