import ApusContract
import Foundation
import Testing

@Suite struct `A periodical trigger` {
    @Test func `fires on the days of the contract's worked examples and on no others`() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Conformance/triggers")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count >= 12)
        for file in files { try Self.check(file) }
    }

    private static func check(_ file: URL) throws {
        let json = try JSONValue(parsing: Array(try Data(contentsOf: file)))
        let text = #"{"periodical": \#(String(decoding: json.compact(), as: UTF8.self))}"#
        let trigger = try Trigger(try JSONValue(parsing: Array(text.utf8)))
        let time = try #require(json["time"]?.string)
        let expected = (json["fires"]?.list.map { Array($0) } ?? []).compactMap(\.string).map { "\($0) \(time)" }
        var fires: [String] = []
        var next = trigger.fire(from: Int64.min / 2)
        while let fire = next, fires.count < 1000 {
            fires.append(fire.text)
            next = trigger.fire(from: fire.epochMilliseconds + 1)
        }
        #expect(fires == expected, "\(file.lastPathComponent)")
        #expect(trigger.last?.text == expected.last, "\(file.lastPathComponent)")
    }
}
