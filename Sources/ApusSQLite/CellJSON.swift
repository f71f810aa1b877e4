internal import ApusCore

/// The lists and maps that live inside one cell, as compact JSON that SQLite's own functions can read too.
enum CellJSON {
    static func text(list: some Sequence<String>) -> String {
        var bytes: [UInt8] = []
        bytes.appendJSON(strings: list)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names in ascending order, so that equal maps have equal texts.
    static func text(map: [String: String]) -> String {
        Self.text(members: map.sorted { $0.key < $1.key }) { $0.appendJSON(string: $1) }
    }

    /// The members in the order they are given.
    static func text(counts: some Sequence<(name: String, count: Int)>) -> String {
        Self.text(members: counts.map { ($0.name, $0.count) }) { $0.appendJSON(integer: $1) }
    }

    /// - Returns: nil when the text is no list of strings.
    static func list(_ text: String) -> [String]? {
        guard text != "[]" else { return [] }
        guard let elements = Self.parse(text)?.list else { return nil }
        let strings = elements.map(\.string)
        return strings.contains(nil) ? nil : strings.compactMap(\.self)
    }

    /// - Returns: nil when the text is no object of strings.
    static func map(_ text: String) -> [String: String]? { Self.members(text, \.string) }

    /// - Returns: nil when the text is no object of whole numbers from 0.
    static func counts(_ text: String) -> [String: Int]? {
        Self.members(text) { value in value.integer.flatMap { $0 >= 0 ? Int(exactly: $0) : nil } }
    }

    private static func text<Value>(
        members: some Sequence<(key: String, value: Value)>, append: (inout [UInt8], Value) -> Void
    ) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for (name, value) in members {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.appendJSON(string: name)
            bytes.append(UInt8(ascii: ":"))
            append(&bytes, value)
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func members<Value>(_ text: String, _ read: (JSONValue) -> Value?) -> [String: Value]? {
        guard text != "{}" else { return [:] }
        guard let members = Self.parse(text)?.members else { return nil }
        var answer: [String: Value] = [:]
        for (name, value) in members {
            guard let name = name.string, let value = read(value) else { return nil }
            answer[name] = value
        }
        return answer
    }

    private static func parse(_ text: String) -> JSONValue? { try? JSONValue(parsing: Array(text.utf8)) }
}
