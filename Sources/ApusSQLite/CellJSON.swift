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
        String(
            decoding: Self.bytes(members: map.sorted { $0.key < $1.key }) { $0.appendJSON(string: $1) }, as: UTF8.self)
    }

    /// The members in the order they are given.
    static func text(counts: some Sequence<(key: String, value: Int)>) -> String {
        String(decoding: Self.bytes(counts: counts), as: UTF8.self)
    }

    /// As ``text(counts:)``, in the bytes that a cell is bound from: every push brings two such cells.
    static func bytes(counts: some Sequence<(key: String, value: Int)>) -> [UInt8] {
        Self.bytes(members: counts) { $0.append(decimal: Int64($1)) }
    }

    static func text(numbers: some Sequence<Int64>) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        for number in numbers {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(decimal: number)
        }
        bytes.append(UInt8(ascii: "]"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Returns: nil when the text is no list of whole numbers.
    static func numbers(_ text: String) -> [Int64]? {
        guard let elements = Self.parse(text)?.list else { return nil }
        let numbers = elements.map { $0.integer.flatMap { Int64(exactly: $0) } }
        return numbers.contains(nil) ? nil : numbers.compactMap(\.self)
    }

    /// - Returns: nil when the text is no list of strings.
    static func list(_ text: String) -> [String]? {
        guard text != "[]" else { return [] }
        guard let elements = Self.parse(text)?.list else { return nil }
        let strings = elements.map(\.string)
        return strings.contains(nil) ? nil : strings.compactMap(\.self)
    }

    /// Reads nearly every list that ``text(list:)`` wrote, without the cost of a document: a start reads one of each
    /// device.
    ///
    /// - Parameter body: gets the strings until it returns false.
    /// - Returns: what the last call of `body` returned, true for an empty list; nil, perhaps after some calls, when
    ///   the text is not strings without a backslash and with nothing but commas between them.
    static func eachPlain(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Bool? {
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        guard text.count >= 2, text[0] == UInt8(ascii: "["), text[text.count - 1] == UInt8(ascii: "]"),
            !text.contains(backslash)
        else { return nil }
        var position = 1
        while position < text.count - 1 {
            guard text[position] == quote else { return nil }
            let start = position + 1
            guard let end = text[start...].firstIndex(of: quote) else { return nil }
            guard body(UnsafeBufferPointer(rebasing: text[start..<end])) else { return false }
            // A comma with another string behind it, or the end of the list.
            let isLast = end + 2 == text.count
            guard isLast || (text[end + 1] == UInt8(ascii: ",") && end + 3 < text.count) else { return nil }
            position = isLast ? end + 1 : end + 2
        }
        return true
    }

    /// - Returns: nil when the text is no object of strings.
    static func map(_ text: String) -> [String: String]? { Self.members(text, \.string) }

    /// - Returns: nil when the text is no object of whole numbers from 0.
    static func counts(_ text: String) -> [String: Int]? {
        Self.members(text) { value in value.integer.flatMap { $0 >= 0 ? Int(exactly: $0) : nil } }
    }

    private static func bytes<Value>(
        members: some Sequence<(key: String, value: Value)>, append: (inout [UInt8], Value) -> Void
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        bytes.append(UInt8(ascii: "{"))
        for (name, value) in members {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.appendJSON(string: name)
            bytes.append(UInt8(ascii: ":"))
            append(&bytes, value)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
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
