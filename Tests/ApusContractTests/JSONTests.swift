import Testing

@testable import ApusContract

/// Whether a text is accepted, its compact form if it is.
private func compact(_ text: String) throws(JSONError) -> String {
    String(decoding: try JSONValue(parsing: Array(text.utf8)).compact(), as: UTF8.self)
}

private func value(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

@Suite struct `A JSON text` {
    @Test(arguments: [
        "null", "true", "false", "0", "-0", "7", "-7", "1.5", "1e5", "1E+5", "1e-5", "0.0e0", "\"\"", "[]", "{}",
        "[1,[2,[3]],{\"a\":{}}]", "\"好😀\\u0000\"", "\"\u{7F}\u{10FFFF}\"",
    ])
    func `is accepted and compact as it stands`(_ text: String) throws {
        #expect(try compact(text) == text)
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("{", 1), ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("{\"a\"}", 4),
        ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{a:1}", 1), ("{'a':1}", 1), ("{1:1}", 1), ("[1}", 2), ("{\"a\":1]", 6),
        ("01", 1), ("-", 1), ("-a", 1), ("+1", 0), (".5", 0), ("1.", 2), ("1.e1", 2), ("1e", 2), ("1e+", 3), ("0x1", 1),
        ("NaN", 0), ("Infinity", 0), ("nul", 3), ("nulL", 3), ("True", 0), ("truee", 4), ("1 2", 2), ("{} {}", 3),
        ("\"", 1), ("\"a", 2), ("\"\\", 2), ("\"\\x\"", 2), ("\"\\u12\"", 5), ("\"\\u12G4\"", 5), ("\"\\uD800\"", 1),
        ("\"\\uDC00\"", 1), ("\"\\uD800\\n\"", 1), ("\"\\uD800\\u0041\"", 1), ("\"\\uD800\\uD800\"", 1),
        ("\"\u{1}\"", 1), ("\"a\tb\"", 2), ("\"a\nb\"", 2), ("// x\n1", 0), ("1/**/", 1), ("\u{A0}1", 0),
        ("[1]\u{0}", 3), ("\u{FEFF}\u{FEFF}1", 3),
    ])
    func `is refused at the first byte that cannot belong to it`(_ text: String, _ offset: Int) {
        let error = #expect(throws: JSONError.self) { try value(text) }
        #expect(error?.offset == offset)
        #expect(error?.reason.isEmpty == false)
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x22], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE4, 0xBD], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]])
    func `is refused where it is not UTF-8`(_ bytes: [UInt8]) {
        #expect(throws: JSONError(offset: 1, reason: "not UTF-8")) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
        // The same behind enough plain text for whole words of it to be skipped.
        let long = Array("\"0123456789abcdef".utf8)
        #expect(throws: JSONError(offset: 17, reason: "not UTF-8")) { try JSONValue(parsing: long + bytes + [0x22]) }
    }

    @Test func `may begin with one byte order mark and have space around everything`() throws {
        let text = "\u{FEFF} \t\r\n{ \"a\" : [ 1 , null , { } ] , \"b\" : \"x\" }\n"
        #expect(try compact(text) == #"{"a":[1,null,{}],"b":"x"}"#)
    }

    @Test func `may be nested 64 deep and no deeper`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[{\"a\":", count: depth / 2) + (depth % 2 == 0 ? "1" : "[]")
                + String(repeating: "}]", count: depth / 2)
        }
        #expect(try compact(nested(64)) == nested(64))
        let error = #expect(throws: JSONError.self) { try value(nested(65)) }
        #expect(error?.reason == "nested deeper than 64")
        #expect(throws: JSONError.self) { try value(String(repeating: "[", count: 100_000)) }
    }

    @Test func `finds every byte that ends plain text wherever it stands in a word`() throws {
        for length in 0..<24 {
            let plain = String(repeating: "x", count: length)
            #expect(try value("\"\(plain)\"").string == plain)
            #expect(try value("\"\(plain)\\\"\(plain)\"").string == "\(plain)\"\(plain)")
            #expect(try value("\"\(plain)é\(plain)\"").string == "\(plain)é\(plain)")
            for control in 0..<0x20 as Range<UInt8> {
                let text = Array("\"\(plain)".utf8) + [control] + Array("\(plain)\"".utf8)
                let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
                #expect(error?.offset == length + 1)
            }
        }
    }

    @Test func `cut short anywhere is refused`() {
        let text = Array(#"{"a":[1.5e3,"x\"y\u00e9\ud83d\ude00好",true,false,null,{"b":{}}],"c":-0}"#.utf8)
        #expect(throws: Never.self) { try JSONValue(parsing: text) }
        for length in 0..<text.count {
            #expect(throws: JSONError.self, "the first \(length) bytes") {
                try JSONValue(parsing: Array(text[..<length]))
            }
        }
    }
}

@Suite struct `A JSON value` {
    @Test(
        arguments: [
            ("7", 7), ("-7", -7), ("0", 0), ("-0", 0), ("1.0", 1), ("-1.00", -1), ("1e2", 100), ("1E+2", 100),
            ("1.5e1", 15),
            ("100e-2", 1), ("0.00e99", 0), ("0e-99999999999999999999", 0), ("12.5e-1", nil), ("1.5", nil),
            ("1e-1", nil),
            ("9223372036854775807", .max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("9223372036854775807.0", .max), ("922337203685477580.7e1", .max),
            ("1e18", 1_000_000_000_000_000_000), ("1e19", nil),
            ("1e99999999999999999999", nil), ("9007199254740993", 9_007_199_254_740_993), ("\"7\"", 7), ("\"-7\"", -7),
            ("\"007\"", 7), ("\"9223372036854775807\"", .max), ("\"-9223372036854775808\"", .min),
            ("\"9223372036854775808\"", nil), ("\"\\u0037\"", 7), ("\"\"", nil), ("\"-\"", nil), ("\"+7\"", nil),
            ("\" 7\"", nil), ("\"7.0\"", nil), ("\"1e2\"", nil), ("\"٧\"", nil), ("true", nil), ("null", nil),
            ("[7]", nil),
        ] as [(String, Int64?)])
    func `is an integer by the lenient rule`(_ text: String, _ expected: Int64?) throws {
        #expect(try value(text).integer == expected)
    }

    @Test(
        arguments: [
            ("true", true), ("false", false), ("\"true\"", true), ("\"false\"", false), ("1", true), ("0", false),
            ("1.0", true), ("0e5", false), ("2", nil), ("-1", nil), ("\"1\"", nil), ("\"0\"", nil), ("\"True\"", nil),
            ("\"\"", nil), ("null", nil), ("[]", nil), ("{}", nil), ("\"tru\\u0065\"", true),
        ] as [(String, Bool?)])
    func `is a boolean by the lenient rule`(_ text: String, _ expected: Bool?) throws {
        #expect(try value(text).boolean == expected)
    }

    @Test(arguments: [
        (#""""#, ""), (#""a\"b\\c\/d""#, "a\"b\\c/d"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"),
        (#""\u0041\u00e9\u4f60\uFFFF""#, "Aé你\u{FFFF}"), (#""\ud83d\uDE00!""#, "😀!"), (#""\u0000""#, "\0"),
        (#""好""#, "好"),
    ])
    func `has the text that its escapes stand for`(_ text: String, _ expected: String) throws {
        #expect(try value(text).string == expected)
        #expect(try value(text).stringSize == expected.utf8.count)
    }

    @Test func `has members of which the last of a name counts and null counts for none`() throws {
        let object = try value(#"{"a":1,"b":2,"\u0061":3,"c":null,"b":null,"d":[null]}"#)
        #expect(object["a"]?.integer == 3)
        #expect(object["b"] == nil && object["c"] == nil && object["e"] == nil)
        #expect(object.members?.map { $0.name.string } == ["a", "d"])
        #expect(object["d"]?.list?.map(\.isNull) == [true])
        #expect(object["a"]?["a"] == nil)
    }

    @Test func `takes an empty list for an empty map and the reverse`() throws {
        #expect(try value("[]").members.map(Array.init)?.isEmpty == true)
        #expect(try value("{}").list.map(Array.init)?.isEmpty == true)
        #expect(try value("[1]").members == nil)
        #expect(try value(#"{"a":1}"#).list == nil)
        #expect(try value(#"{"a":null}"#).list == nil)
        #expect(try value("1").list == nil)
    }

    @Test func `compares names byte for byte`() throws {
        // é as one character and as a letter with an accent: equal as Swift strings, different as JSON names.
        let object = try value("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(object.members?.map { $0.value.integer } == [1, 2])
    }

    @Test(arguments: [
        (#"{"a":1,"b":2,"a":3}"#, #"{"b":2,"a":3}"#), (#"{"a":1,"a":null,"b":[null,{"c":null}]}"#, #"{"b":[null,{}]}"#),
        (#"{"\u0061":1,"a":2}"#, #"{"a":2}"#),
        (#"["\/","\u4f60","\u0041","\u001F","\u007f"]"#, "[\"/\",\"你\",\"A\",\"\\u001f\",\"\u{7F}\"]"),
        (#"["\u0008\u0009\u000a\u000c\u000d\u0022\u005c"]"#, #"["\b\t\n\f\r\"\\"]"#), ("[1.0,1E5,-0]", "[1.0,1E5,-0]"),
        ("[ ]", "[]"), ("{ }", "{}"), (#"{ "a":1, "b": {"c" :[ ] } }"#, #"{"a":1,"b":{"c":[]}}"#),
        (#"[ "a","b" ,"c"]"#, #"["a","b","c"]"#),
    ])
    func `is written compact`(_ text: String, _ expected: String) throws {
        #expect(try compact(text) == expected)
        #expect(try value(text).compactSize == expected.utf8.count)
        var bytes = Array("<".utf8)
        try value(text).write(to: &bytes)
        #expect(bytes == Array("<\(expected)".utf8))
    }

    @Test func `is written the same whether its members are few or many`() throws {
        for count in [1, 5, 31, 32, 33, 40, 500] {
            let names = (0..<count).map { "\"k\($0)\":\($0 % 7 == 3 ? "null" : "\($0)")" }
            let kept = (0..<count).filter { $0 % 7 != 3 && $0 != 0 }.map { "\"k\($0)\":\($0)" } + ["\"k0\":[]"]
            #expect(
                try compact("{" + (names + ["\"k\\u0030\":[]"]).joined(separator: ", ") + "}")
                    == "{" + kept.joined(separator: ",") + "}")
        }
    }

    @Test func `can be written without some of its parts`() throws {
        let root = try value(#"{"a":[1,2,3],"b":{"c":4},"d":5}"#)
        let parts = [root["a"]?.list?.first { $0.integer == 2 }, root["b"]?["c"], root["d"]].compactMap { $0?.index }
        #expect(String(decoding: root.compact(omitting: Set(parts)), as: UTF8.self) == #"{"a":[1,3],"b":{}}"#)
    }

    @Test func `knows its path`() throws {
        let root = try value(#"{"a":[0,[1,{"b":2}]],"c.d":{"":3},"a":[0,[1,{"b":2}],9]}"#)
        #expect(root.path == "")
        #expect(root["a"]?.path == "a")
        let inner = root["a"]?.list?.first { $0.kind == .array }?.list?.first { $0.kind == .object }
        #expect(inner?.path == "a[1][1]")
        #expect(inner?["b"]?.path == "a[1][1].b")
        #expect(root["c.d"]?[""]?.path == "c.d.")
        let long = try value("{\"\(String(repeating: "x", count: 100))\":1}")
        #expect(long.members?.first { _ in true }?.value.path == String(repeating: "x", count: 64) + "…")
    }

    @Test func `refuses to compare in quadratic time`() throws {
        // 60 000 different names: a comparison of each with each would take minutes.
        let text = "{" + (0..<60_000).map { "\"name\($0)\":1" }.joined(separator: ",") + "}"
        #expect(try compact(text) == text)
    }
}

@Suite struct `JSON text that we write` {
    @Test func `reads back as the same text`() throws {
        let texts = ["", "a", "\"\\/\u{8}\u{C}\n\r\t\u{0}\u{1F}\u{7F}", "好😀é", String(repeating: "\"x", count: 100)]
        for text in texts {
            var bytes: [UInt8] = []
            bytes.appendJSON(string: text)
            #expect(try JSONValue(parsing: bytes).string == text)
        }
        var bytes: [UInt8] = []
        bytes.append(json: "{\"n\":")
        bytes.appendJSON(integer: Int64.min)
        bytes.append(json: ",\"s\":")
        bytes.appendJSON(strings: texts)
        bytes.append(json: ",\"e\":")
        bytes.appendJSON(strings: [])
        bytes.append(json: "}")
        let root = try JSONValue(parsing: bytes)
        #expect(root["n"]?.integer == .min)
        #expect(root["s"]?.list?.map(\.string) == texts)
        #expect(root["e"]?.list?.count == 0)
    }

    @Test func `escapes only what must be`() {
        var bytes: [UInt8] = []
        bytes.appendJSON(string: "a/\"\\\u{1}é\u{2028}")
        #expect(String(decoding: bytes, as: UTF8.self) == "\"a/\\\"\\\\\\u0001é\u{2028}\"")
    }
}

@Suite struct `A name in a JSON object` {
    @Test(arguments: [
        (#"{"a":1,"\u0061":2}"#, #"{"a":2}"#), (#"{"\u0061":1,"a":2}"#, #"{"a":2}"#),
        (#"{"\u0061":1,"b":3,"a":null}"#, #"{"b":3}"#), (#"{"\ud83d\ude00":1,"😀":2}"#, #"{"😀":2}"#),
    ])
    func `is the same name with escapes and without`(_ text: String, _ kept: String) throws {
        #expect(try compact(text) == kept)
    }

    @Test func `is found however it is written`() throws {
        let text = #"{"notificati\u006fn":1,"\u006e\u006f\u0074\u0069\u0066\u0069\u0063\u0061\u0074\u0069\u006f":2}"#
        #expect(try value(text)["notification"]?.integer == 1)
        #expect(try value(text)["notificatio"]?.integer == 2)
        #expect(try value(text)["notificationn"] == nil)
    }

    @Test func `is found where it is and nowhere else`() throws {
        let names = (Shape.push.rows + Shape.options.rows + Shape.android.rows).map(\.name)
        for name in names {
            let object = try value("{\"\(name)\":1,\"\":2}")
            for other in names { #expect((object[other] != nil) == ("\(other)" == "\(name)")) }
            #expect(object[""]?.integer == 2)
        }
    }
}

@Suite struct `A word in a JSON text` {
    @Test(arguments: [
        (#""all""#, true), (#""aLL""#, true), (#""\u0041ll""#, true), (#""al""#, false), (#""all ""#, false),
        (#""al\u030cl""#, false), (#""!ll""#, false), ("1", false),
    ])
    func `is told in any case, byte for byte`(_ text: String, _ isAll: Bool) throws {
        #expect(try value(text).isWord("all") == isAll)
    }
}
