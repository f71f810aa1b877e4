import Foundation
import Testing

/// One file of `Conformance/wire`: the text of a frame, and what must become of it.
struct GoldenFrame: Sendable, CustomTestStringConvertible {
    enum Direction: String, Decodable, Sendable { case client, server }

    /// What a client frame comes to.
    enum Expectation: Decodable, Equatable, Sendable {
        case accepted
        case refused(Refused)

        init(from decoder: any Decoder) throws {
            if let word = try? decoder.singleValueContainer().decode(String.self) {
                guard word == "accepted" else {
                    throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: word))
                }
                self = .accepted
            } else {
                self = .refused(try Refused(from: decoder))
            }
        }
    }

    struct Refused: Decodable, Equatable, Sendable {
        let code: Int
        let violation: Bool
        let sentencePart: String?

        enum CodingKeys: String, CodingKey {
            case code, violation
            case sentencePart = "message_contains"
        }
    }

    private struct Content: Decodable {
        let about: String
        let direction: Direction
        let text: String
        let expect: Expectation?
    }

    /// The file's name without its ending.
    let name: String
    let direction: Direction
    let text: [UInt8]
    let expect: Expectation?

    var testDescription: String { self.name }

    private init(_ file: URL) throws {
        let content = try JSONDecoder().decode(Content.self, from: Data(contentsOf: file))
        self.name = file.deletingPathExtension().lastPathComponent
        self.direction = content.direction
        self.text = Array(content.text.utf8)
        self.expect = content.expect
    }

    /// Every golden frame, by name.
    static func all() throws -> [GoldenFrame] {
        var folder = URL(filePath: #filePath)
        for _ in 0..<3 { folder.deleteLastPathComponent() }
        folder.append(path: "Conformance/wire")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .map { try GoldenFrame($0) }
            .sorted { $0.name < $1.name }
    }
}
