/// A JSON value as a case file has it: key order, duplicates, nulls and the digits of numbers are kept, so that a
/// request goes out as it was written. Read by a parser of its own, not by the one under test.
indirect enum JSON: Equatable, Sendable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([(name: String, value: JSON)])

    struct Malformed: Error { let offset: Int }

    init(parsing bytes: [UInt8]) throws {
        var parser = Parser(bytes: bytes)
        self = try parser.value()
        parser.skipSpace()
        guard parser.position == bytes.count else { throw Malformed(offset: parser.position) }
    }

    static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.boolean(let a), .boolean(let b)): a == b
        case (.number(let a), .number(let b)): a == b || Double(a) == Double(b)
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count
                && a.allSatisfy { member in b.contains { $0.name == member.name && $0.value == member.value } }
        default: false
        }
    }

    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
    var integer: Int? { if case .number(let text) = self { Int(text) } else { nil } }
    var array: [JSON]? { if case .array(let values) = self { values } else { nil } }
    var members: [(name: String, value: JSON)]? { if case .object(let members) = self { members } else { nil } }

    /// Compact text, as it is sent.
    var text: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let digits): digits
        case .string(let text): Self.quoted(text)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0.name) + ":" + $0.value.text }.joined(separator: ",") + "}"
        }
    }

    /// The same value with every text, keys included, replaced.
    func mapTexts(_ change: (String) -> String) -> JSON {
        switch self {
        case .null, .boolean, .number: self
        case .string(let text): .string(change(text))
        case .array(let values): .array(values.map { $0.mapTexts(change) })
        case .object(let members): .object(members.map { (change($0.name), $0.value.mapTexts(change)) })
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{0}"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

private struct Parser {
    let bytes: [UInt8]
    var position = 0

    var current: UInt8 { self.position < self.bytes.count ? self.bytes[self.position] : 0 }

    mutating func skipSpace() { while [0x20, 0x0A, 0x0D, 0x09].contains(self.current) { self.position += 1 } }

    mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard self.bytes[self.position...].starts(with: UnsafeBufferPointer(start: text.utf8Start, count: count)) else {
            return false
        }
        self.position += count
        return true
    }

    mutating func value() throws -> JSON {
        self.skipSpace()
        if self.take("null") { return .null }
        if self.take("true") { return .boolean(true) }
        if self.take("false") { return .boolean(false) }
        switch self.current {
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "["): return .array(try self.list("]") { try $0.value() })
        case UInt8(ascii: "{"):
            return .object(
                try self.list("}") { parser in
                    parser.skipSpace()
                    let name = try parser.string()
                    parser.skipSpace()
                    guard parser.take(":") else { throw JSON.Malformed(offset: parser.position) }
                    return (name: name, value: try parser.value())
                })
        default:
            let start = self.position
            while "+-.eE0123456789".utf8.contains(self.current) { self.position += 1 }
            guard self.position > start else { throw JSON.Malformed(offset: start) }
            return .number(String(decoding: self.bytes[start..<self.position], as: UTF8.self))
        }
    }

    mutating func list<Element>(_ end: StaticString, _ element: (inout Parser) throws -> Element) throws -> [Element] {
        self.position += 1
        var elements: [Element] = []
        self.skipSpace()
        if self.take(end) { return elements }
        while true {
            elements.append(try element(&self))
            self.skipSpace()
            if self.take(end) { return elements }
            guard self.take(",") else { throw JSON.Malformed(offset: self.position) }
        }
    }

    mutating func string() throws -> String {
        guard self.take("\"") else { throw JSON.Malformed(offset: self.position) }
        var units: [UInt16] = []
        while self.current != UInt8(ascii: "\"") {
            guard self.position < self.bytes.count else { throw JSON.Malformed(offset: self.position) }
            if self.take("\\u") {
                guard
                    let unit = UInt16(
                        String(decoding: self.bytes[self.position...].prefix(4), as: UTF8.self), radix: 16)
                else {
                    throw JSON.Malformed(offset: self.position)
                }
                units.append(unit)
                self.position += 4
            } else if self.take("\\") {
                let plain: [UInt8: UInt16] = [0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9]
                units.append(plain[self.current] ?? UInt16(self.current))
                self.position += 1
            } else {
                let start = self.position
                while self.position < self.bytes.count, ![0x22, 0x5C].contains(self.current) { self.position += 1 }
                units += Array(String(decoding: self.bytes[start..<self.position], as: UTF8.self).utf16)
            }
        }
        self.position += 1
        return String(decoding: units, as: UTF16.self)
    }
}
