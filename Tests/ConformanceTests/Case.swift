import Foundation

/// One case: a file below `Conformance/`.
struct Case: Sendable {
    /// The file without its ending, as in `push/audience/tag-41-bytes`.
    let name: String
    let given: Given
    let steps: [JSON]

    struct Given: Sendable {
        let json: JSON

        /// What makes a server of its own necessary; cases with the same text share one.
        var serverText: String {
            ["server_limits", "https_only", "trust_proxies"].map { self.json[$0]?.text ?? "" }.joined(separator: "|")
        }

        var devices: [Device] {
            self.json["devices"]?.array?.map(Device.init) ?? [
                Device(
                    json: .object([
                        ("name", .string("d1")), ("platform", .string("android")), ("tags", .array([.string("a")])),
                        ("alias", .string("alice")),
                    ]))
            ]
        }

        func limits(_ key: String) -> [String] {
            (self.json[key]?.members ?? []).map { "\($0.name)=\($0.value.integer ?? -1)" }
        }

        func texts(_ key: String) -> [String] { (self.json[key]?.array ?? []).compactMap(\.string) }
    }

    struct Device: Sendable {
        let json: JSON

        var name: String { self.json["name"]?.string ?? "" }
        var isOnline: Bool { self.json["online"]?.boolean ?? false }
    }

    /// Whether the case moves the clock, which only a server in this process lets it do.
    var movesClock: Bool { self.steps.contains { $0["advance_seconds"] != nil } }

    /// All cases, by name.
    static func all() throws -> [Case] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Conformance")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        var cases: [Case] = []
        while let file = files?.nextObject() as? URL {
            let name = file.path.dropFirst(folder.path.count + 1)
            // Those of the others are in formats of their own.
            let others = ["api/", "wire/", "triggers/"]
            guard file.pathExtension == "json", !others.contains(where: name.hasPrefix) else { continue }
            do {
                let json = try JSON(parsing: Array(try Data(contentsOf: file)))
                cases.append(
                    Case(
                        name: String(name.dropLast(5)),
                        given: Given(json: (json["given"] ?? .object([])).mapTexts(Placeholder.repeated)),
                        steps: json["steps"]?.array ?? []))
            } catch {
                throw Unreadable(file: String(name), error: error)
            }
        }
        return cases.sorted { $0.name < $1.name }
    }

    struct Unreadable: Error {
        let file: String
        let error: any Error
    }
}

enum Placeholder {
    /// Writes out `<repeat:TEXT:N>`.
    static func repeated(_ text: String) -> String {
        text.replacing(/<repeat:([^:]*):([0-9]+)>/) { match in
            String(repeating: String(match.output.1), count: Int(match.output.2) ?? 0)
        }
    }
}
