import Testing

@Suite struct `The code of the product` {
    @Test func `never gives up on the compiler's or the executor's checks`() {
        let forbidden = ["try!", "as!", "fatalError", "Task.detached", "DispatchQueue", "nonisolated(unsafe)"]
        for file in Repository.shared.sources { #expect(file.places(of: forbidden) == []) }
    }

    @Test func `prints in the executable only`() {
        for file in Repository.shared.sources where file.target != "apus" {
            #expect(file.places(of: ["print("]) == [])
        }
    }

    @Test func `names what protects an unchecked Sendable`() {
        for file in Repository.shared.sources {
            for line in file.code.indices where file.code[line].contains("@unchecked Sendable") {
                let around = file.lines[max(0, line - 6)...min(file.lines.count - 1, line + 6)]
                let isExplained = around.contains { text in
                    text.drop { $0 == " " }.hasPrefix("//") && text.contains("@unchecked Sendable")
                }
                #expect(isExplained, "\(file.place(line)): a comment must name what protects it")
            }
        }
    }
}

@Suite struct `The mask over comments and strings` {
    @Test(arguments: [
        ("let a = 1 // try!", "let a = 1        "),
        ("a /* as! /* b */ c */ d", "a                     d"),
        (#"f("try!", "a\"b")"#, #"f("    ", "    ")"#),
        (#"f("a\(g("b") + 1)c")"#, #"f("   g(" ") + 1  ")"#),
        (##"f(#"a"b\(c)"#)"##, ##"f(#"       "#)"##),
        ("f(\"\"\"\n  as!\n  \"\"\")", "f(\"\"\"\n     \n  \"\"\")"),
    ]) func `leaves code alone`(_ text: String, _ code: String) {
        #expect(CodeMask.apply(to: text) == code)
    }
}

@Suite struct `The committed text` {
    @Test func `names no path of a machine`() {
        // Put together here, so that this file passes too.
        let folders = ["work", "tmp", "root", "home"].map { "/\($0)/" }
        for file in Repository.shared.files {
            for (number, line) in file.lines.enumerated() {
                let found = folders.first { line.contains($0) }
                #expect(found == nil, "\(file.path):\(number + 1): \(found ?? "")")
            }
        }
    }

    @Test func `leads to files that exist`() {
        let paths = Set(Repository.shared.files.map(\.path))
        for file in Repository.shared.files where file.path.hasSuffix(".md") {
            let folder = file.path.split(separator: "/").dropLast().map(String.init)
            for match in file.text.matches(of: #/\]\(([^)#\s]+)(?:#[^)]*)?\)/#) where !match.1.contains("://") {
                let path = Self.resolve(String(match.1), from: folder)
                let exists = paths.contains(path) || paths.contains { $0.hasPrefix("\(path)/") }
                #expect(exists, "\(file.path) leads to \(match.1), which is not there")
            }
        }
    }

    @Test func `of the conformance suite presents every folder of cases`() throws {
        let readme = try #require(Repository.shared.text("Conformance/README.md"))
        let folders = Set(
            Repository.shared.files.filter { $0.path.hasPrefix("Conformance/") && $0.path.hasSuffix(".json") }
                .map { String($0.path.split(separator: "/")[1]) })
        #expect(!folders.isEmpty)
        for folder in folders { #expect(readme.contains("| `\(folder)/` |"), "Conformance/README.md lacks \(folder)/") }
    }

    private static func resolve(_ path: String, from folder: [String]) -> String {
        path.split(separator: "/").reduce(into: folder) { parts, part in
            switch part {
            case ".": break
            case "..": _ = parts.popLast()
            default: parts.append(String(part))
            }
        }.joined(separator: "/")
    }
}
