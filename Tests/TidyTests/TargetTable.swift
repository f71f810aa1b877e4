/// What each target may import: the same arrows as `Package.swift` has, and what of the system it needs.
struct TargetTable {
    let ours: Set<String>
    let theirs: Set<String>
    /// Modules of the toolchain and the system. Foundation only where nothing smaller does it.
    let system: Set<String>

    private init(_ ours: Set<String> = [], theirs: Set<String> = [], system: Set<String> = []) {
        self.ours = ours
        self.theirs = theirs
        self.system = system
    }

    var all: Set<String> { self.ours.union(self.theirs).union(self.system) }

    static let targets: [String: TargetTable] = [
        "CPrefetch": .init(),
        "CRoaring": .init(),
        "CUring": .init(),
        "ApusContract": .init(),
        "ApusRoaring": .init(["CRoaring"]),
        "ApusWire": .init(["ApusContract"], theirs: ["NIOCore", "Crypto"]),
        "ApusHTTP": .init(
            ["ApusContract", "CUring"],
            theirs: ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOHTTP2", "NIOSSL", "Logging"],
            // Glibc: the time of day, for certificates; a plain connection's socket; bytes found and compared.
            system: ["Synchronization", "Glibc"]),
        "ApusCore": .init(
            ["ApusContract", "ApusRoaring"], theirs: ["Logging", "Crypto"],
            // Glibc: the clocks.
            system: ["Synchronization", "Glibc"]),
        "ApusSQLite": .init(
            // GRDBSQLite: SQLite itself, for the statements of each push.
            ["ApusCore"], theirs: ["GRDB", "GRDBSQLite"],
            // Foundation: threads, and GRDB speaks in its types. Glibc: locks and modes of files.
            system: ["Synchronization", "Foundation", "Glibc"]),
        "ApusAPI": .init(
            ["ApusContract", "ApusCore", "ApusHTTP"],
            // NIOSSL: PKCS#12. NIOPosix: its threads, for what takes a while.
            theirs: ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL"]),
        "ApusEdge": .init(
            ["ApusCore", "ApusHTTP", "ApusWire", "CPrefetch"], theirs: ["NIOCore", "NIOHTTP1"],
            system: ["Synchronization"]),
        "ApusClient": .init(
            ["ApusContract", "ApusWire"], theirs: ["NIOCore", "NIOPosix", "NIOSSL"],
            // Glibc: the system's words for what fails.
            system: ["Glibc"]),
        "apus": .init(
            ["ApusAPI", "ApusClient", "ApusContract", "ApusCore", "ApusEdge", "ApusHTTP", "ApusSQLite", "ApusWire"],
            theirs: ["ArgumentParser", "Logging", "NIOCore", "NIOPosix", "NIOHTTP1", "UnixSignals"],
            // Foundation: files and the environment. Glibc: ending at once.
            system: ["Synchronization", "Foundation", "Glibc"]),
    ]
}

/// What `Package.swift` says about the targets of the product.
struct Manifest {
    /// By target, the names of its dependencies as modules.
    let dependencies: [String: Set<String>]

    init(_ text: String) {
        // `let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")`
        let products: [String: String] = Dictionary(
            uniqueKeysWithValues: text.matches(of: #/let (\w+) = Target\.Dependency\.product\(name: "(\w+)"/#).map {
                (String($0.1), String($0.2))
            })
        func modules(_ list: Substring) -> Set<String> {
            Set(
                list.split(separator: ",").map { $0.filter { !$0.isWhitespace } }.filter { !$0.isEmpty }.map { item in
                    item.hasPrefix("\"") ? item.filter { $0 != "\"" } : products[item] ?? item
                })
        }
        var dependencies: [String: Set<String>] = [:]
        for match in text.matches(of: #/\broom\(\s*"(\w+)"(?:,\s*\[([^\]]*)\])?/#) {
            dependencies[String(match.1)] = modules(match.2 ?? "")
        }
        for match in text.matches(of: #/\.executableTarget\(\s*name: "(\w+)",\s*dependencies: \[([^\]]*)\]/#) {
            dependencies[String(match.1)] = modules(match.2)
        }
        for match in text.matches(of: #/\.systemLibrary\(name: "(\w+)"/#) { dependencies[String(match.1)] = [] }
        self.dependencies = dependencies
    }
}
