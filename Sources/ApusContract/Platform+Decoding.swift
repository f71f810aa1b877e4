extension PlatformSet {
    /// The platforms that a push names, and where it names the retired one.
    struct Named {
        var platforms: PlatformSet = []
        /// Tape indices of `"winphone"`.
        var retired: [Int] = []
    }

    /// Reads `platform`: `"all"`, a name, a list of names, or the object with numeric keys that PHP makes of a filtered
    /// list (contract, push §1.2).
    ///
    /// - Throws: ``Refusal/Kind/retired`` when Windows Phone is all that is named, else ``Refusal/Kind/badValue``.
    static func named(by value: JSONValue) throws(Refusal) -> Named {
        var named = Named()
        // What nearly every push says.
        if value.isString("all") { return Named(platforms: .all) }
        switch value.kind {
        case .string:
            try named.add(value, isAlone: true)
        case .array:
            guard let names = value.list else { break }
            let living = names.filter { !Named.isRetired($0) }
            for name in names { try named.add(name, isAlone: living.count == 1) }
        case .object:
            guard let members = value.members else { break }
            for (name, platform) in members {
                guard !name.text.isEmpty, name.text.allSatisfy(\.isDigit) else { throw value.bad(Self.expectation) }
                try named.add(platform, isAlone: false)
            }
        case .number, .boolean, .null:
            throw value.bad(Self.expectation)
        }
        guard named.platforms.isEmpty else { return named }
        if named.retired.isEmpty { throw value.bad(Self.expectation) }
        throw Refusal(.retired, "Windows Phone is retired: name another platform")
    }

    fileprivate static let expectation = "\"all\", or a list of android, ios, hmos, quickapp, web"
}

extension PlatformSet.Named {
    fileprivate static func isRetired(_ value: JSONValue) -> Bool { value.isWord("winphone") }

    /// - Parameter isAlone: whether `"all"` may stand here.
    fileprivate mutating func add(_ value: JSONValue, isAlone: Bool) throws(Refusal) {
        guard let name = value.string else { throw value.bad("the name of a platform") }
        if Self.isRetired(value) {
            self.retired.append(value.index)
        } else if let platform = Platform(name: name) {
            self.platforms.insert(PlatformSet(platform))
        } else if isAlone, value.isWord("all") {
            self.platforms = .all
        } else {
            throw value.bad("one of android, ios, hmos, quickapp, web")
        }
    }
}
