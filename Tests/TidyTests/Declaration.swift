/// A declaration as its first line shows it.
struct Declaration {
    /// `func`, `init`, `subscript`, `var`, `let`, `case`, `struct`, `class`, `actor`, `enum`, `protocol`, `extension`,
    /// `typealias`, `deinit`.
    let keyword: String
    /// Empty for `init`, `deinit` and `subscript`.
    let name: String
    let modifiers: [String]
    /// Index of its first line.
    let line: Int
    let indentation: Int
    /// What stands behind the name on that line.
    let rest: String

    var isPackage: Bool { self.modifiers.contains("package") }

    var isType: Bool { Self.types.contains(self.keyword) }

    private static let types: Set<String> = ["struct", "class", "actor", "enum", "protocol", "extension"]
    private static let keywords = Self.types.union([
        "func", "init", "subscript", "var", "let", "typealias", "deinit", "case", "import",
    ])
    private static let modifierWords: Set<String> = [
        "package", "public", "internal", "private", "fileprivate", "open", "static", "final", "mutating", "nonmutating",
        "nonisolated", "override", "convenience", "required", "lazy", "weak", "unowned", "indirect", "isolated",
        "consuming", "borrowing", "prefix", "postfix", "infix",
    ]

    /// - Returns: nil when the line does not begin a declaration.
    init?(_ file: SwiftFile, line: Int) {
        let code = file.code[line]
        var rest = Substring(code)
        rest = rest.drop { $0 == " " }
        self.indentation = code.count - rest.count
        var modifiers: [String] = []
        while true {
            rest = rest.drop { $0 == " " }
            if rest.first == "@" {
                rest = rest.dropFirst().drop { $0.isIdentifierPart }
                rest = Self.withoutArguments(rest)
                continue
            }
            let word = String(rest.prefix { $0.isIdentifierPart })
            guard !word.isEmpty else { return nil }
            let behind = rest.dropFirst(word.count)
            if Self.modifierWords.contains(word) {
                modifiers.append(word)
                rest = Self.withoutArguments(behind)
                continue
            }
            guard Self.keywords.contains(word) else { return nil }
            self.keyword = word
            let tail = behind.drop { $0 == " " || $0 == "`" }
            switch word {
            case "init", "subscript", "deinit": self.name = ""
            // The name of an operator may begin with what ends other names.
            case "func":
                self.name = String(tail.prefix { $0 != "(" && $0 != "<" || tail.first == $0 }.filter { $0 != " " })
            default: self.name = String(tail.prefix { $0.isIdentifierPart || $0 == "." })
            }
            self.rest = String(tail.dropFirst(self.name.count))
            self.modifiers = modifiers
            self.line = line
            return
        }
    }

    /// Drops `(…)` behind an attribute or a modifier, as in `private(set)`.
    private static func withoutArguments(_ text: Substring) -> Substring {
        guard text.first == "(" else { return text }
        var depth = 0
        var rest = text
        while let character = rest.popFirst() {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if depth == 0 { break }
        }
        return rest
    }
}

extension SwiftFile {
    /// All declarations, local ones included, in their order.
    var declarations: [Declaration] { self.code.indices.compactMap { Declaration(self, line: $0) } }

    /// The type or extension that a declaration stands in; nil at the top of the file.
    func enclosingType(of declaration: Declaration) -> Declaration? {
        guard declaration.indentation > 0 else { return nil }
        for line in (0..<declaration.line).reversed() {
            guard let outer = Declaration(self, line: line), outer.isType else { continue }
            if outer.indentation < declaration.indentation { return outer }
        }
        return nil
    }

    /// The last line of a declaration's body.
    ///
    /// - Returns: nil when it has none, as the requirement of a protocol.
    func bodyEnd(of declaration: Declaration) -> Int? {
        var (round, curly) = (0, 0)
        for line in declaration.line..<self.code.count {
            let code = self.code[line]
            if line > declaration.line, round == 0, curly == 0, !self.continues(declaration, on: line) { return nil }
            for character in code {
                switch character {
                case "(", "[": round += 1
                case ")", "]": round -= 1
                // Closures among default arguments are no body.
                case "{" where round == 0 || curly > 0: curly += 1
                case "}" where curly > 0:
                    curly -= 1
                    if curly == 0 { return line }
                default: break
                }
            }
        }
        return nil
    }

    /// Whether the head of a declaration goes on with this line.
    private func continues(_ declaration: Declaration, on line: Int) -> Bool {
        let code = self.code[line].drop { $0 == " " }
        guard !code.isEmpty else { return false }
        return self.code[line].count - code.count > declaration.indentation
            || ["{", ")", "->", "where "].contains { code.hasPrefix($0) }
    }
}

extension Character {
    fileprivate var isIdentifierPart: Bool { self.isLetter || self.isNumber || self == "_" }
}
