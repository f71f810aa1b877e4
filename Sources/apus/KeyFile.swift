import ApusCore
import Glibc

/// The file of the data folder that holds the node's sealing key: 32 bytes, for its owner alone.
enum KeyFile {
    /// The file's name within its folder.
    static let name = "sealing.key"

    /// Reads the key, or makes it when there is none.
    ///
    /// - Throws: a ``Failure`` when the file cannot be read or made, or holds something else.
    static func sealingKey(in folder: String) throws(Failure) -> SealingKey {
        let path = "\(folder)/\(self.name)"
        if let key = try self.read(path) { return key }
        return try self.make(path)
    }

    private static func read(_ path: String) throws(Failure) -> SealingKey? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw Failure("cannot read \(path): \(self.reason)")
        }
        defer { close(file) }
        // One byte more than a key has, so that a longer file does not pass for one.
        var bytes = [UInt8](repeating: 0, count: SealingKey.sizeBytes + 1)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw Failure("cannot read \(path): \(self.reason)") }
        guard let key = SealingKey(Array(bytes.prefix(count))) else {
            throw Failure(
                "\(path) holds no key: restore it from a backup, or remove it and hand in the certificates again")
        }
        return key
    }

    /// Writes the key under another name and links it into place, so that it is there whole or not at all, and of two
    /// nodes that start at once both use the first one's.
    private static func make(_ path: String) throws(Failure) -> SealingKey {
        let key = SealingKey()
        let draft = "\(path).\(getpid()).new"
        unlink(draft)
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure("cannot make \(path): \(self.reason)") }
        defer {
            close(file)
            unlink(draft)
        }
        let bytes = key.keyBytes
        guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw Failure("cannot write \(path): \(self.reason)")
        }
        guard link(draft, path) == 0 else {
            if errno == EEXIST, let first = try self.read(path) { return first }
            throw Failure("cannot make \(path): \(self.reason)")
        }
        return key
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
