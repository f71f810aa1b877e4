import Foundation
import Testing

@testable import ApusSQLite

@Suite struct `The JSON of a cell` {
    private static let texts = [
        "", "a", "\"", "\\", "\u{0}", "\u{1F}\u{7F}", "\n\r\t", "世界", "\u{1F600}", "\u{2028}", "{}", "[]",
        "a\"b\\\"c",
    ]

    @Test func `gives back lists and maps of any text, as another reader does`() throws {
        let list = CellJSON.text(list: Self.texts)
        #expect(CellJSON.list(list) == Self.texts)
        #expect(try JSONDecoder().decode([String].self, from: Data(list.utf8)) == Self.texts)
        let map = Dictionary(uniqueKeysWithValues: zip(Self.texts, Self.texts.reversed()))
        let text = CellJSON.text(map: map)
        #expect(CellJSON.map(text) == map)
        #expect(try JSONDecoder().decode([String: String].self, from: Data(text.utf8)) == map)
    }

    @Test func `is the same for equal maps`() {
        #expect(CellJSON.text(map: ["b": "1", "a": "2"]) == #"{"a":"2","b":"1"}"#)
        #expect(CellJSON.text(map: [:]) == "{}")
        #expect(CellJSON.text(list: [] as [String]) == "[]")
        #expect(CellJSON.text(counts: [("x", 0), ("a", Int.max)]) == #"{"x":0,"a":9223372036854775807}"#)
    }

    @Test(arguments: ["", "[", "{}", "[1]", "[null]", "[\"a\",]", "\"a\"", "[\"a\"] x", "[[]]"])
    func `is no list`(_ text: String) { #expect(CellJSON.list(text) == (text == "{}" ? [] : nil)) }

    @Test(arguments: ["", "{", "[1]", "{\"a\":1}", "{\"a\":[]}", "{\"a\"}", "7"])
    func `is no map`(_ text: String) { #expect(CellJSON.map(text) == nil) }

    @Test(arguments: ["{\"a\":-1}", "{\"a\":1.5}", "{\"a\":1e40}", "{\"a\":true}", "[3]"])
    func `is no set of counts`(_ text: String) { #expect(CellJSON.counts(text) == nil) }
}
