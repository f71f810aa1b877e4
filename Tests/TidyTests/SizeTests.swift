import Testing

@Suite struct `The size` {
    @Test func `of a Swift file is at most 500 lines`() {
        for file in Repository.shared.swift {
            #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test func `of a function is at most 70 lines`() {
        for file in Repository.shared.swift {
            for declaration in file.declarations where Self.functions.contains(declaration.keyword) {
                guard let end = file.bodyEnd(of: declaration) else { continue }
                let count = end - declaration.line + 1
                #expect(count <= 70, "\(file.place(declaration.line)): \(declaration.name) has \(count) lines")
            }
        }
    }

    @Test func `of a line is at most 120 columns`() {
        for file in Repository.shared.swift {
            for (number, line) in file.lines.enumerated() where line.unicodeScalars.count > 120 {
                Issue.record("\(file.place(number)) has \(line.unicodeScalars.count) columns")
            }
        }
    }

    @Test func `of any committed file is at most 300 kB`() {
        for file in Repository.shared.files {
            #expect(file.size <= 300_000, "\(file.path) has \(file.size) bytes")
        }
    }

    private static let functions: Set<String> = ["func", "init", "subscript", "deinit", "var"]
}
