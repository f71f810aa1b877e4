import Foundation

/// A file that is read line by line, in the memory of one piece and one line whatever its size.
struct LineFile {
    /// One line, without its end.
    enum Line {
        case text(number: Int, [UInt8])
        /// Longer than ``LineFile/lineMaxBytes``; its bytes were passed over.
        case tooLong(number: Int)
    }

    /// Most bytes of a line: several times what a device with a thousand tags takes.
    static let lineMaxBytes = 1 << 18
    private static let pieceBytes = 1 << 18

    private let file: FileHandle
    private let path: String
    /// Bytes of the whole file; 0 for what has no size, as a pipe.
    let sizeBytes: UInt64
    /// Bytes of the lines given out.
    private(set) var readBytes: UInt64 = 0
    private var piece: [UInt8] = []
    private var position = 0
    private var number = 0

    /// - Throws: a ``Failure`` when the file cannot be read.
    init(reading path: String) throws {
        self.path = path
        // Reading one fails too, without a word on why.
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            throw Failure("cannot read \(path): it is a folder, name a file")
        }
        do { self.file = try FileHandle(forReadingFrom: URL(filePath: path)) } catch {
            throw Self.unreadable(path, error)
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        self.sizeBytes = (attributes?[.size] as? UInt64) ?? 0
    }

    /// The next line; nil at the end of the file. The last line needs no line feed.
    mutating func next() throws -> Line? {
        var line: [UInt8] = []
        var (hasAny, isTooLong) = (false, false)
        while true {
            if self.position == self.piece.count {
                guard try self.readPiece() else { break }
            }
            hasAny = true
            let rest = self.piece[self.position...]
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let part = rest[..<(end ?? rest.endIndex)]
            if line.count + part.count > Self.lineMaxBytes { isTooLong = true } else { line += part }
            self.position = end.map { $0 + 1 } ?? self.piece.count
            self.readBytes += UInt64(part.count + (end == nil ? 0 : 1))
            if end != nil { break }
        }
        guard hasAny else { return nil }
        self.number += 1
        return isTooLong ? .tooLong(number: self.number) : .text(number: self.number, line)
    }

    private mutating func readPiece() throws -> Bool {
        do {
            guard let data = try self.file.read(upToCount: Self.pieceBytes), !data.isEmpty else { return false }
            self.piece = [UInt8](data)
            self.position = 0
            return true
        } catch { throw Self.unreadable(self.path, error) }
    }

    private static func unreadable(_ path: String, _ error: any Error) -> Failure {
        Failure("cannot read \(path): \((error as NSError).localizedDescription)")
    }
}

/// The file that ids and secrets made by an import are appended to: readable for its owner alone.
struct CredentialsFile: Sendable {
    private let file: FileHandle
    private let path: String

    /// - Throws: a ``Failure`` when the file cannot be written.
    init(appendingTo path: String) throws {
        self.path = path
        do {
            if !FileManager.default.fileExists(atPath: path) {
                guard
                    FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
                else { throw CocoaError(.fileWriteNoPermission) }
            }
            self.file = try FileHandle(forWritingTo: URL(filePath: path))
            try self.file.seekToEnd()
        } catch { throw Self.unwritable(path, error) }
    }

    /// Appends lines; they are on the disk when this returns.
    func append(_ text: [UInt8]) throws {
        do {
            try self.file.write(contentsOf: Data(text))
            try self.file.synchronize()
        } catch { throw Self.unwritable(self.path, error) }
    }

    private static func unwritable(_ path: String, _ error: any Error) -> Failure {
        Failure("cannot write \(path): \((error as NSError).localizedDescription)")
    }
}
