import ArgumentParser

/// What was set, by whom: the command line over the environment over the file over the defaults.
struct ResolvedSettings: Sendable {
    private var values: [SettingName: [String]] = [:]
    private(set) var sources: [SettingName: SettingSource] = [:]
    /// Variables that look like ours and are not: worth a warning.
    private(set) var unknownVariables: [String] = []

    subscript(name: SettingName) -> [String] { self.values[name] ?? [] }

    /// - Parameters:
    ///   - commandLine: only what was given.
    ///   - filePath: the settings file; nil for none.
    /// - Throws: a ``ValidationError`` naming an unknown key or a bad line of the file.
    init(commandLine: [SettingName: [String]], environment: [String: String], filePath: String?) throws {
        for name in SettingName.allCases { self.set(name, name.standard, .standard) }
        if let filePath {
            for (name, values) in try SettingsFile.read(path: filePath) { self.set(name, values, .file) }
        }
        let known = Dictionary(uniqueKeysWithValues: SettingName.allCases.map { ($0.environmentName, $0) })
        for (variable, text) in environment where variable.hasPrefix("APUS_") {
            if let name = known[variable] {
                let list = name.isList ? text.split(separator: ",").map(String.init) : [text]
                self.set(name, list, .environment)
            } else if !Self.otherVariables.contains(variable) {
                self.unknownVariables.append(variable)
            }
        }
        for (name, values) in commandLine { self.set(name, values, .commandLine) }
        self.unknownVariables.sort()
    }

    private mutating func set(_ name: SettingName, _ values: [String], _ source: SettingSource) {
        self.values[name] = values
        self.sources[name] = source
    }

    /// Variables that something else of ours reads.
    private static let otherVariables: Set<String> = [
        "APUS_CONFIG", "APUS_DEMO_ONCE", "APUS_BINARY", "APUS_REQUIRE_SERVICES", "APUS_WRITE_DOCS",
    ]

    /// The value of a setting that has exactly one.
    func one(_ name: SettingName) throws -> String {
        guard let value = self[name].last, !value.isEmpty else { throw self.bad(name, "a value is needed") }
        return value
    }

    /// Reads `HOST:PORT`, with an IPv6 host in brackets.
    func endpoint(_ name: SettingName) throws -> Settings.Endpoint {
        let text = try self.one(name)
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw self.bad(name, "'\(text)' is not HOST:PORT, as in 127.0.0.1:8080") }
        let host = text[..<colon].trimming("[", "]")
        guard !host.isEmpty else { throw self.bad(name, "'\(text)' has no host, as in 127.0.0.1:8080") }
        return Settings.Endpoint(host: host, port: port)
    }

    func flag(_ name: SettingName) throws -> Bool {
        switch try self.one(name) {
        case "on", "true", "yes", "1": return true
        case "off", "false", "no", "0": return false
        case let other: throw self.bad(name, "'\(other)' is neither on nor off")
        }
    }

    func bad(_ name: SettingName, _ sentence: String) -> ValidationError {
        let place =
            switch self.sources[name] ?? .standard {
            case .commandLine: "--\(name.rawValue)"
            case .environment: name.environmentName
            case .file: "'\(name.rawValue)' in the settings file"
            case .standard: "the default of \(name.rawValue)"
            }
        return ValidationError("\(place): \(sentence)")
    }

    /// A URL that may be shown.
    static func hidingPassword(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "://"), let at = text.lastIndex(of: "@"), at > scheme.upperBound,
            let colon = text[scheme.upperBound..<at].firstIndex(of: ":")
        else { return text }
        return text[...colon] + "…" + text[at...]
    }
}

/// The settings file: one `name = value` a line, `#` begins a comment, lists are repeated lines.
enum SettingsFile {
    /// - Throws: a ``ValidationError`` naming file and line.
    static func read(path: String) throws -> [SettingName: [String]] {
        let text: String
        do { text = try Files.text(path) } catch {
            throw ValidationError("cannot read the settings file \(path): \(error)")
        }
        return try self.parse(text, path: path)
    }

    static func parse(_ text: String, path: String) throws -> [SettingName: [String]] {
        var values: [SettingName: [String]] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.prefix { $0 != "#" }.trimming(" ", "\t", "\r")
            guard !content.isEmpty else { continue }
            let place = "\(path), line \(index + 1)"
            guard let equals = content.firstIndex(of: "=") else {
                throw ValidationError("\(place): '\(content)' is not name = value")
            }
            let key = content[..<equals].trimming(" ", "\t")
            guard let name = SettingName(rawValue: key) else {
                let known = SettingName.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("\(place): unknown key '\(key)'; known are \(known)")
            }
            guard name.isList || values[name] == nil else {
                throw ValidationError("\(place): '\(key)' stands there twice")
            }
            values[name, default: []].append(content[content.index(after: equals)...].trimming(" ", "\t"))
        }
        return values
    }
}

extension StringProtocol {
    /// The text without these characters at both ends.
    func trimming(_ characters: Character...) -> String {
        let start = self.drop { characters.contains($0) }
        guard let last = start.lastIndex(where: { !characters.contains($0) }) else { return "" }
        return String(start[...last])
    }
}
