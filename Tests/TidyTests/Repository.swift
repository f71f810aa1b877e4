import Foundation

/// The working copy that this test was built from, read once.
struct Repository {
    static let shared = Repository()

    /// Absolute; without a slash at its end.
    let root: String
    /// Every text file of the folders and files that are committed, by path from the root, in order.
    let files: [TextFile]

    private init() {
        self.root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path(percentEncoded: false).trimmingSuffix("/")
        self.files = Self.paths(under: self.root).sorted().compactMap { [root] in TextFile(path: $0, root: root) }
    }

    /// The Swift files of the product.
    var sources: [SwiftFile] { self.swift(under: "Sources/") }

    /// All Swift files, those of the tests too.
    var swift: [SwiftFile] { self.swift(under: "Sources/") + self.swift(under: "Tests/") }

    /// - Returns: nil when there is no such file.
    func text(_ path: String) -> String? { self.files.first { $0.path == path }?.text }

    private func swift(under folder: String) -> [SwiftFile] {
        SwiftFile.all.filter { $0.path.hasPrefix(folder) }
    }

    private static let folders = ["Sources", "Tests", "Conformance", "docs", "scripts", ".ci"]
    private static let rootFiles = [
        "Package.swift", "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
    ]

    private static func paths(under root: String) -> [String] {
        var paths = self.rootFiles.filter { FileManager.default.fileExists(atPath: "\(root)/\($0)") }
        for folder in self.folders {
            guard let walk = FileManager.default.enumerator(atPath: "\(root)/\(folder)") else { continue }
            while let path = walk.nextObject() as? String {
                let name = path.split(separator: "/").last ?? ""
                // What Python and editors leave behind is not committed.
                if name.hasPrefix(".") || name == "__pycache__" {
                    walk.skipDescendants()
                } else if walk.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
                    paths.append("\(folder)/\(path)")
                }
            }
        }
        return paths
    }
}

/// One file of the repository.
struct TextFile {
    /// From the root, as in `docs/errors.md`.
    let path: String
    let size: Int
    let text: String

    /// - Returns: nil for what cannot be read as UTF-8.
    init?(path: String, root: String) {
        guard let bytes = FileManager.default.contents(atPath: "\(root)/\(path)"),
            let text = String(bytes: bytes, encoding: .utf8)
        else { return nil }
        self.path = path
        self.size = bytes.count
        self.text = text
    }

    var lines: [Substring] { self.text.split(separator: "\n", omittingEmptySubsequences: false) }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        self.hasSuffix(suffix) ? String(self.dropLast(suffix.count)) : self
    }
}
