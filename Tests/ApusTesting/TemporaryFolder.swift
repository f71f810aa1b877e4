private import Foundation

/// A fresh folder for one test, deleted with everything in it when its last reference goes.
package final class TemporaryFolder: Sendable {
    /// Absolute, without a slash at the end.
    package let path: String

    /// - Throws: what the file system says when there is no room or no right.
    package init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "apus-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        self.path = url.path(percentEncoded: false)
    }

    deinit {
        // A folder that is gone already, or cannot go, must not spoil a test that has its verdict.
        try? FileManager.default.removeItem(atPath: self.path)
    }

    /// Copies the files inside, one after the other, as they are now.
    package func copyFiles(to other: TemporaryFolder) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: self.path) {
            try FileManager.default.copyItem(atPath: self.path(of: name), toPath: other.path(of: name))
        }
    }

    /// The path of something inside.
    package func path(of name: String) -> String { "\(self.path)/\(name)" }
}
