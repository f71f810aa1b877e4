import ApusContract

/// A document to print, its members in their order.
indirect enum YAML {
    case object([(String, YAML)])
    case list([YAML])
    case text(String)
    /// A number, `true`, `false` or `null`.
    case literal(String)

    init(_ json: JSONValue) {
        switch json.kind {
        case .object:
            self = .object((json.members.map { Array($0) } ?? []).map { ($0.name.string ?? "", YAML($0.value)) })
        case .array: self = .list((json.list.map { Array($0) } ?? []).map { YAML($0) })
        case .string: self = .text(json.string ?? "")
        case .number: self = .literal(json.integer.map(String.init) ?? json.number.map { "\($0)" } ?? "null")
        case .boolean: self = .literal(json.boolean == true ? "true" : "false")
        case .null: self = .literal("null")
        }
    }

    static func reference(_ kind: String, _ name: String) -> YAML {
        .object([("$ref", .text("#/components/\(kind)/\(name)"))])
    }

    static func schema(_ name: String) -> YAML { .reference("schemas", name) }

    /// The lines of the document.
    var printed: String { self.lines.joined(separator: "\n") + "\n" }

    private var lines: [String] {
        switch self {
        case .object(let members) where !members.isEmpty:
            members.flatMap { name, value in Self.member(Self.quoted(name) + ":", value) }
        case .list(let elements) where !elements.isEmpty:
            elements.flatMap { element in
                let lines = element.lines
                return ["- \(lines[0])"] + lines.dropFirst().map { "  \($0)" }
            }
        case .object, .list, .text, .literal: [self.inline ?? ""]
        }
    }

    private static func member(_ name: String, _ value: YAML) -> [String] {
        if case .text(let text) = value, text.contains("\n") {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            return ["\(name) |-"] + lines.map { $0.isEmpty ? "" : "  \($0)" }
        }
        if let inline = value.inline { return ["\(name) \(inline)"] }
        return [name] + value.lines.map { "  \($0)" }
    }

    /// The value on the line of its name: texts, literals, what is empty, and lists of these.
    private var inline: String? {
        switch self {
        case .text(let text): return Self.quoted(text)
        case .literal(let literal): return literal
        case .object(let members): return members.isEmpty ? "{}" : nil
        case .list(let elements):
            let parts = elements.map { element -> String? in
                switch element {
                case .text, .literal: element.inline
                case .object, .list: nil
                }
            }
            return parts.contains(nil) ? nil : "[\(parts.compactMap(\.self).joined(separator: ", "))]"
        }
    }

    /// In quotes unless it is a plain word, which no version of YAML takes for anything but a text.
    private static func quoted(_ text: String) -> String {
        let words: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        if text.wholeMatch(of: /[A-Za-z\/$][A-Za-z0-9_\/{}$-]*/) != nil, !words.contains(text.lowercased()) {
            return text
        }
        var json: [UInt8] = []
        json.appendJSON(string: text)
        return String(decoding: json, as: UTF8.self)
    }
}
