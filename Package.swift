// swift-tools-version: 6.2
import PackageDescription

// What every target of ours is built with. Dependencies keep their own settings.
let ours: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

// Where every request comes through, an async function runs where its caller does: a hop for each call, and another
// for each return, would be half of what a push costs.
let inPlace = ours + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

/// One target of the product: arrows point down only, which `TidyTests` checks against the sources.
func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], _ settings: [SwiftSetting] = ours
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: ours)
}

let package = Package(
    name: "apus",
    products: [.executable(name: "apus", targets: ["apus"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CPrefetch"),
        .systemLibrary(name: "CRoaring", providers: [.apt(["libroaring-dev"])]),
        .systemLibrary(name: "CUring", providers: [.apt(["liburing-dev"])]),
        room("ApusContract"),
        room("ApusRoaring", ["CRoaring"]),
        room("ApusWire", ["ApusContract", crypto, nioCore]),
        room("ApusHTTP", ["ApusContract", "CUring", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioSSL, logging], inPlace),
        room("ApusCore", ["ApusContract", "ApusRoaring", logging, crypto], inPlace),
        room("ApusSQLite", ["ApusCore", grdb, sqlite]),
        room("ApusAPI", ["ApusContract", "ApusCore", "ApusHTTP", nioCore, nioPosix, nioHTTP1, nioSSL], inPlace),
        room("ApusEdge", ["ApusCore", "ApusHTTP", "ApusWire", "CPrefetch", nioCore, nioHTTP1]),
        room("ApusClient", ["ApusContract", "ApusWire", nioCore, nioPosix, nioSSL]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "ApusAPI", "ApusClient", "ApusCore", "ApusEdge", "ApusHTTP", "ApusSQLite", "ApusWire",
                "ApusContract", argumentParser, logging, nioCore, nioPosix, nioHTTP1, unixSignals,
            ],
            swiftSettings: ours),
        .target(
            name: "ApusTesting",
            dependencies: ["ApusClient", "ApusCore", "ApusWire", "ApusSQLite", nioCore, nioPosix, logging],
            path: "Tests/ApusTesting", swiftSettings: ours),
        tests("ApusContractTests", ["ApusContract"]),
        tests("ApusRoaringTests", ["ApusRoaring"]),
        tests("ApusWireTests", ["ApusWire", nioCore]),
        tests(
            "ApusHTTPTests",
            [
                "ApusHTTP", "ApusContract", "ApusTesting", logging, nioCore, nioPosix, nioEmbedded, nioHTTP1, nioHTTP2,
                nioSSL,
            ]),
        tests("ApusCoreTests", ["ApusCore", "ApusSQLite", "ApusTesting", logging]),
        tests("ApusSQLiteTests", ["ApusSQLite", "ApusCore", "ApusTesting", grdb]),
        tests(
            "ApusEdgeTests",
            [
                "ApusEdge", "ApusCore", "ApusHTTP", "ApusSQLite", "ApusTesting", "ApusWire", logging, nioCore, nioPosix,
            ]),
        tests(
            "ConformanceTests",
            [
                "apus", "ApusClient", "ApusContract", "ApusCore", "ApusSQLite", "ApusTesting", argumentParser, logging,
                nioCore,
            ]),
        tests("ApusAPITests", ["ApusAPI", "ApusContract", "ApusCore", "ApusHTTP", nioCore, nioHTTP1]),
        tests(
            "ApusTests",
            [
                "apus", "ApusContract", "ApusCore", "ApusHTTP", "ApusSQLite", "ApusTesting", argumentParser, nioCore,
                nioHTTP1,
            ]),
        tests("TidyTests", ["ApusAPI", "ApusContract", "apus", argumentParser, nioHTTP1]),
    ]
)
