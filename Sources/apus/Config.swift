import ApusContract
import ArgumentParser

/// `apus config`: what is in force, and who said so.
struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the settings in force and where each comes from.")

    @OptionGroup var options: SettingsOptions
    @Flag(help: "Print one JSON value.")
    var json = false

    func run() async throws {
        let resolved = try self.options.resolved()
        let settings = try Settings(resolved)
        for name in resolved.unknownVariables { Terminal.warn("warning: \(name) looks like a setting and is none") }
        let rows = SettingName.allCases.map { name in
            (name, resolved[name].map(ResolvedSettings.hidingPassword).joined(separator: " "), resolved.sources[name])
        }
        if self.json {
            var text = Array("{".utf8)
            for (index, (name, value, source)) in rows.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.appendJSON(string: name.rawValue)
                text.append(json: #":{"value":"#)
                text.appendJSON(string: value)
                text.append(json: #","source":"#)
                text.appendJSON(string: source?.rawValue ?? "")
                text.append(UInt8(ascii: "}"))
            }
            let limits = LimitName.allCases.map { "\"\($0.rawValue)\":\(settings.limits[$0])" }
            text.append(contentsOf: ",\"limits\":{\(limits.joined(separator: ","))}}".utf8)
            Terminal.print(String(decoding: text, as: UTF8.self))
            return
        }
        for (name, value, source) in rows {
            let shown = (value.isEmpty ? "-" : value).padded(40)
            Terminal.print("\(name.rawValue.padded(16)) \(shown) \(source?.rawValue ?? "")")
        }
        Terminal.print("\nlimits in force (0 means unlimited):")
        for name in LimitName.allCases {
            let mark = settings.limits.given[name] == nil ? "" : " (set)"
            Terminal.print("  \(name.rawValue.padded(28)) \(settings.limits[name])\(mark)")
        }
    }
}

extension String {
    /// The text with spaces behind it up to a width.
    func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}
