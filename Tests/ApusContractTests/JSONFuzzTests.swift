import Foundation
import Testing

@testable import ApusContract

/// Our reader beside Foundation's, over mutated documents from a seed.
@Suite struct `The JSON reader` {
    private static let seeds = [
        #"{"platform":"all","audience":{"tag":["深圳","a"]},"notification":{"alert":"Hi\n\"x\""}}"#,
        #"[1,-2.5,1e3,0.25E-2,true,false,null,"",{"a":{"b":[{}]}}]"#,
        #"{"a":"\u0041\ud83d\ude00\/é好😀","b":[[],[[]],{}],"c":-0,"d":12345678901234567890}"#,
        #"  { "k" : [ 1 , 2 ] ,"# + "\t\r\n" + #""l" : { } }  "#,
        #"{"a":1,"a":2,"b":null}"#,
    ].map { Array($0.utf8) }

    /// Pieces that break a text in more telling ways than random bytes.
    private static let pieces: [[UInt8]] =
        [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u0000", "-", "+", ".", "e", "E",
            "0",
            "00", "1", "9", "null", "true", "fals", " ", "\n", "\u{0}", "\u{1}", "\u{1F}", "\u{7F}", "é", "好", "😀",
            "\u{FEFF}",
        ].map { Array($0.utf8) } + [[0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF]]

    private static func mutated(_ random: inout Seeded) -> [UInt8] {
        var bytes = Self.seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 0...3, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(at..<end)
            case 1: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: at)
            case 2: bytes.replaceSubrange(at..<end, with: Self.pieces.randomElement(using: &random) ?? [])
            case 3 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default: bytes.insert(contentsOf: bytes[at..<end], at: at)
            }
        }
        return bytes
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `agrees with another reader on mutated documents`(_ seed: UInt64) throws {
        var random = Seeded(seed: seed)
        var (accepted, refused) = (0, 0)
        for _ in 0..<60_000 {
            let bytes = Self.mutated(&random)
            let (ours, error) = Self.read(bytes)
            if let ours {
                accepted += 1
                let compact = ours.compact()
                #expect(compact.count <= bytes.count)
                #expect(try JSONValue(parsing: compact).compact() == compact, "\(Array(bytes))")
            } else {
                refused += 1
            }
            guard Self.isComparable(bytes) else { continue }
            let theirs = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
            let agrees = (ours == nil) == (theirs == nil) || ours == nil && Self.isTrailingComma(error, in: bytes)
            #expect(agrees, "\(String(decoding: bytes, as: UTF8.self)) \(bytes)")
            if let ours, let theirs { #expect(Self.isSame(ours, theirs), "\(String(decoding: bytes, as: UTF8.self))") }
        }
        // Mutations must leave enough of both for the comparison to mean something.
        #expect(accepted > 5_000 && refused > 5_000)
    }

    private static func read(_ bytes: [UInt8]) -> (JSONValue?, JSONError?) {
        do throws(JSONError) {
            return (try JSONValue(parsing: bytes), nil)
        } catch {
            return (nil, error)
        }
    }

    @Test func `survives bytes of any kind`() {
        var random = Seeded(seed: 99)
        for _ in 0..<60_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            if let value = try? JSONValue(parsing: bytes) { #expect((try? JSONValue(parsing: value.compact())) != nil) }
        }
    }

    /// Whether both readers claim to read the same language there. Foundation's differs from RFC 8259, and from us, in
    /// this: a byte order mark at the start of a string is lost, which may make a name equal to another; a number
    /// beyond what a double holds is refused, so exponents of three digits and more are left out.
    private static func isComparable(_ bytes: [UInt8]) -> Bool {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if bytes.indices.dropFirst().contains(where: { bytes[$0...].starts(with: mark) }) { return false }
        return !bytes.indices.contains { index in
            guard bytes[index] | 0x20 == UInt8(ascii: "e") else { return false }
            let rest = bytes[(index + 1)...].drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
            return rest.prefix(3).count == 3 && rest.prefix(3).allSatisfy(\.isDigit)
        }
    }

    /// Whether we refused a comma right before a closing bracket, which Foundation lets pass and RFC 8259 does not.
    private static func isTrailingComma(_ error: JSONError?, in bytes: [UInt8]) -> Bool {
        guard let error, error.offset < bytes.count, [0x5D, 0x7D].contains(bytes[error.offset]) else { return false }
        return bytes[..<error.offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ",")
    }

    private static func isSame(_ ours: JSONValue, _ theirs: Any) -> Bool {
        switch ours.kind {
        case .null: return theirs is NSNull
        case .string: return ours.string.map { Array($0.utf8) } == (theirs as? String).map { Array($0.utf8) }
        case .boolean, .number:
            guard let number = theirs as? NSNumber else { return false }
            if let boolean = ours.kind == .boolean ? ours.boolean : nil { return number.boolValue == boolean }
            // Written with a point or an exponent, a number is a double there and exact here.
            if let integer = ours.integer {
                return number.int64Value == integer || number.doubleValue == Double(integer)
            }
            // Beyond int64 Foundation goes through a decimal of 38 digits, and its last bit may differ.
            guard let double = ours.number else { return false }
            return abs(double - number.doubleValue) <= abs(double) * 1e-15
        case .array:
            guard let array = theirs as? [Any], let list = ours.list.map(Array.init) else { return false }
            return array.count == list.count && zip(list, array).allSatisfy { Self.isSame($0, $1) }
        case .object:
            guard let object = theirs as? [String: Any], let members = ours.members else { return false }
            return members.allSatisfy { name, value in
                name.string.flatMap { object[$0] }.map { Self.isSame(value, $0) } ?? false
            }
        }
    }
}
