/// The systems that a push can address; `web` is ours.
package enum Platform: UInt8, CaseIterable, Sendable, Hashable {
    case android, ios, hmos, quickapp, web

    /// The wire name, as in `"platform": ["android"]`.
    package var name: String {
        switch self {
        case .android: "android"
        case .ios: "ios"
        case .hmos: "hmos"
        case .quickapp: "quickapp"
        case .web: "web"
        }
    }

    /// - Returns: nil for an unknown name. Letter case does not matter.
    package init?(name: String) {
        // Long names are none, and would take long to compare: see ``JSONValue/isWord(_:)``.
        guard name.utf8.count <= 16 else { return nil }
        let name = name.lowercased()
        guard let platform = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = platform
    }
}

/// A set of platforms, one bit each.
package struct PlatformSet: OptionSet, Hashable, Sendable {
    /// Bit n for the platform of raw value n.
    package let rawValue: UInt8

    /// Takes the bits as they are stored.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The set of one.
    package init(_ platform: Platform) { self.rawValue = 1 << platform.rawValue }

    /// Every platform that can be addressed.
    package static let all = PlatformSet(Platform.allCases.map(PlatformSet.init))

    /// Whether the platform is a member.
    package func contains(_ platform: Platform) -> Bool { self.contains(PlatformSet(platform)) }

    /// The members, in the order of ``Platform/allCases``.
    package var members: [Platform] { Platform.allCases.filter { self.contains($0) } }
}
