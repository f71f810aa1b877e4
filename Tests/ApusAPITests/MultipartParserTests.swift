import Testing

@testable import ApusAPI

@Suite struct `A multipart parser` {
    /// A part as it was written, or as it was read.
    private struct Part: Equatable {
        var name: String?
        var fileName: String?
        var content: [UInt8] = []
    }

    private static func parts(
        of body: [UInt8], boundary: String = "xyz", pieces: [Int] = []
    ) throws(MultipartParser.Malformation) -> [Part] {
        var parser = MultipartParser(boundary: boundary)
        var parts: [Part] = []
        var rest = body[...]
        for size in pieces + [body.count] where !rest.isEmpty {
            for event in try parser.feed(rest.prefix(size)) {
                switch event {
                case .part(let headers): parts.append(Part(name: headers.name, fileName: headers.fileName))
                case .content(let bytes):
                    #expect(!bytes.isEmpty)
                    parts[parts.count - 1].content += bytes
                case .endOfPart: break
                }
            }
            rest = rest.dropFirst(size)
        }
        try parser.finish()
        return parts
    }

    private static func body(_ parts: [Part], boundary: String = "xyz") -> [UInt8] {
        var body: [UInt8] = []
        for part in parts {
            var disposition = "form-data"
            if let name = part.name { disposition += "; name=\"\(name)\"" }
            if let name = part.fileName { disposition += "; filename=\"\(name)\"" }
            body += Array("--\(boundary)\r\nContent-Disposition: \(disposition)\r\n\r\n".utf8) + part.content
            body += Array("\r\n".utf8)
        }
        return body + Array("--\(boundary)--\r\n".utf8)
    }

    @Test func `reads parts in their order`() throws {
        let parts = [
            Part(name: "ttl", content: Array("24".utf8)),
            Part(name: "filename", fileName: "l.txt", content: Array("a\r\nb\r\n".utf8)), Part(name: "empty"),
        ]
        #expect(try Self.parts(of: Self.body(parts)) == parts)
    }

    /// The same parts come out whatever the pieces are that the body arrives in, and whatever the parts hold: line
    /// ends, hyphens and halves of the boundary above all.
    @Test func `does not care where a body is cut`() throws {
        var random = Seeded(seed: 41)
        let alphabet = Array("\r\n-xyz\0a".utf8)
        for _ in 0..<3000 {
            let parts = (0..<Int.random(in: 0..<4, using: &random)).map { number in
                var content: [UInt8] = []
                for _ in 0..<Int.random(in: 0..<60, using: &random) {
                    content.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
                }
                return Part(name: "p\(number)", fileName: Bool.random(using: &random) ? "f" : nil, content: content)
            }
            // A boundary that occurs in no part, as its writer has to see to.
            let delimiter = Array("\r\n--xyz".utf8)
            let isLegal = parts.allSatisfy { part in
                let text = [0x0D, 0x0A] + part.content
                return !text.indices.contains { text[$0...].starts(with: delimiter) }
            }
            guard isLegal else { continue }
            let body = Self.body(parts)
            let pieces = (0..<body.count).map { _ in Int.random(in: 1...9, using: &random) }
            #expect(try Self.parts(of: body, pieces: pieces) == parts)
            #expect(try Self.parts(of: body) == parts)
        }
    }

    /// Whatever comes, the parser ends, keeps little, and says the same of the whole as of its pieces.
    @Test func `survives bytes of any kind`() {
        var random = Seeded(seed: 7)
        let alphabet = Array("\r\n-xyz: ;=\"\\cC".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            var body = Self.body([Part(name: "a", content: [1, 2]), Part(name: "b", fileName: "c", content: [3])])
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                let place = Int.random(in: 0..<body.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: body.remove(at: place)
                case 1: body.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: place)
                default: body[place] = UInt8.random(in: .min ... .max, using: &random)
                }
            }
            let whole = try? Self.parts(of: body)
            let pieces = try? Self.parts(of: body, pieces: Array(repeating: 1, count: body.count))
            #expect(whole == pieces)
            let cuts = (0..<body.count).map { _ in Int.random(in: 1...30, using: &random) }
            let cut = try? Self.parts(of: body, pieces: cuts)
            #expect(whole == cut)
            if whole != nil { accepted += 1 }
        }
        // Mutations must leave enough of both for the comparison to mean something.
        #expect(accepted > 2000 && accepted < 18_000)
    }

    @Test func `tolerates a preamble, blanks behind a boundary and an epilogue`() throws {
        let text =
            "before\r\n--xyz \t\r\nCONTENT-DISPOSITION:form-data;name=a\r\n\r\n1\r\n--xyz--\r\nafter\r\n--xyz\r\n"
        #expect(try Self.parts(of: Array(text.utf8)) == [Part(name: "a", content: Array("1".utf8))])
    }

    @Test func `takes a part without headers`() throws {
        #expect(
            try Self.parts(of: Array("--xyz\r\n\r\nhello\r\n--xyz--".utf8)) == [Part(content: Array("hello".utf8))])
    }

    @Test(arguments: [
        "", "--xyz", "--xyz\r\n", "--xyz\r\n\r\nhello", "--xyz\r\n\r\nhello\r\n--xyz", "--xyz\r\n\r\nhello\r\n--xyz-",
        "--other\r\n\r\nhello\r\n--other--", "--xyzz\r\n\r\nhello\r\n--xyz--", "--xyz x\r\n\r\nhello\r\n--xyz--",
    ])
    func `refuses a body that is not what its boundary promised`(_ text: String) {
        #expect(throws: MultipartParser.Malformation.self) { try Self.parts(of: Array(text.utf8)) }
    }

    @Test func `refuses more parts than it may keep`() throws {
        let parts = { (count: Int) in (0..<count).map { Part(name: "p\($0)") } }
        #expect(try Self.parts(of: Self.body(parts(MultipartParser.partsMax))).count == MultipartParser.partsMax)
        #expect(throws: MultipartParser.Malformation.self) {
            try Self.parts(of: Self.body(parts(MultipartParser.partsMax + 1)))
        }
    }

    @Test(arguments: [[], [1, 1000, 20_000]])
    func `refuses headers without end`(_ pieces: [Int]) {
        let endless = Array("--xyz\r\nX-A: ".utf8) + Array(repeating: 0x61, count: 40_000)
        #expect(throws: MultipartParser.Malformation.self) { try Self.parts(of: endless, pieces: pieces) }
        let ended = endless + Array("\r\n\r\n\r\n--xyz--".utf8)
        #expect(throws: MultipartParser.Malformation.self) { try Self.parts(of: ended, pieces: pieces) }
    }

    @Test(arguments: [
        (#"form-data; name="a"; filename="b.txt""#, "a", "b.txt"), (#"form-data;name=a;filename=b"#, "a", "b"),
        (#"form-data; name="a;b"; filename="c=\"d\".txt""#, "a;b", #"c="d".txt"#),
        (#"form-data; name="a"; filename="C:\dir\b.txt""#, "a", #"C:\dir\b.txt"#),
        (#"form-data; name="a"; filename="x"; filename*=UTF-8''%E5%A5%BD.txt"#, "a", "好.txt"),
        (#"form-data; name="a"; filename="x"; filename*=UTF-8''%E5%A"#, "a", "x"), ("form-data", nil, nil),
    ])
    func `reads what a part says about itself`(_ value: String, _ name: String?, _ fileName: String?) {
        let headers = MultipartHeaders(lines: Array("X-Other: 1\r\ncontent-disposition: \(value)".utf8)[...])
        #expect(headers == MultipartHeaders(name: name, fileName: fileName))
    }
}
