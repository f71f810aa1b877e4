import Testing

@Suite struct `Declarations of the product` {
    @Test func `are never public, but for what a target exports again`() {
        for file in Repository.shared.sources {
            for line in file.code.indices where file.code[line].words.contains("public") {
                let isExport = file.code[line].hasPrefix("@_exported public import Apus")
                #expect(isExport, "\(file.place(line)): package is as far as a declaration goes")
            }
        }
    }

    @Test func `say what the signature cannot when they cross a target`() {
        let requirements = Requirements(Repository.shared.sources)
        for file in Repository.shared.sources {
            for declaration in file.declarations where declaration.isPackage && declaration.keyword != "import" {
                if file.hasDocComment(declaration) || Self.exempt.contains(declaration.name) { continue }
                // What a protocol of ours asks for is documented there.
                if requirements.contains(declaration, in: file) || file.isMemberwise(declaration) { continue }
                let name = "\(declaration.keyword) \(declaration.name)"
                Issue.record("\(file.place(declaration.line)): \(name) has no doc comment")
            }
        }
    }

    @Test func `are not named after what means nothing`() {
        for file in Repository.shared.sources {
            for declaration in file.declarations where declaration.isType || declaration.keyword == "func" {
                guard declaration.keyword != "extension", !Self.foreignNames.contains(declaration.name) else {
                    continue
                }
                let word = declaration.name.camelWords.first { Self.emptyWords.contains($0) }
                #expect(word == nil, "\(file.place(declaration.line)): \(declaration.name)")
            }
        }
    }

    /// Witnesses of the language's own protocols: what they mean is known.
    private static let exempt: Set<String> = ["==", "<", "hash", "description", "unownedExecutor"]

    /// Words that name anything and therefore nothing.
    private static let emptyWords: Set<String> = [
        "manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities", "data", "info", "handle",
        "process", "context",
    ]

    /// Names that others have given.
    private static let foreignNames: Set<String> = [
        "handleScheduledCallback",  // SwiftNIO's protocol for timers.
        "dataVersion",  // SQLite's pragma.
        "data",  // WebSocket's data frames.
        "context",  // SwiftNIO's TLS context.
    ]
}

/// What the protocols of the product ask for, and who answers to them.
private struct Requirements {
    private var names: [String: Set<String>] = [:]
    private var protocols: [String: Set<String>] = [:]

    init(_ files: [SwiftFile]) {
        for file in files {
            for declaration in file.declarations {
                if declaration.isType {
                    let inherited = declaration.rest.split(separator: "{").first?.split(separator: ":").last ?? ""
                    self.protocols[declaration.name, default: []].formUnion(inherited.words)
                }
                guard let outer = file.enclosingType(of: declaration), outer.keyword == "protocol" else { continue }
                self.names[outer.name, default: []].insert(declaration.name)
            }
        }
    }

    /// Whether a protocol that the declaration's type conforms to, here or in an extension, has a member of this name.
    func contains(_ declaration: Declaration, in file: SwiftFile) -> Bool {
        guard let type = file.enclosingType(of: declaration), !declaration.name.isEmpty else { return false }
        return self.protocols[type.name, default: []].contains { self.names[$0]?.contains(declaration.name) == true }
    }
}

extension SwiftFile {
    /// Whether a doc comment stands directly above, attributes aside.
    fileprivate func hasDocComment(_ declaration: Declaration) -> Bool {
        var line = declaration.line - 1
        while line >= 0, self.code[line].drop(while: { $0 == " " }).hasPrefix("@") { line -= 1 }
        return line >= 0 && self.lines[line].drop { $0 == " " }.hasPrefix("///")
    }

    /// Whether it is an initialiser that only takes its members over, as the language would write it for one module.
    fileprivate func isMemberwise(_ declaration: Declaration) -> Bool {
        guard declaration.keyword == "init", let end = self.bodyEnd(of: declaration) else { return false }
        let body = self.code[declaration.line...end].joined(separator: "\n").split(separator: "{").last ?? ""
        return body.split(whereSeparator: { $0 == "\n" || $0 == "}" }).allSatisfy { statement in
            let sides = statement.filter { $0 != " " }.split(separator: "=")
            return sides.isEmpty || sides.count == 2 && sides[0] == "self.\(sides[1])"
        }
    }
}

extension StringProtocol where SubSequence == Substring {
    /// The identifiers and keywords in a piece of code.
    var words: Set<String> {
        Set(self.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }).map { String($0) })
    }

    /// `sessionHandler` as `session` and `handler`.
    fileprivate var camelWords: [String] {
        self.reduce(into: [String]()) { words, character in
            if words.isEmpty || character.isUppercase && words[words.count - 1].last?.isLowercase == true {
                words.append("")
            }
            words[words.count - 1].append(character)
        }.map { $0.lowercased() }
    }
}
