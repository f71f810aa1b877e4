import Foundation
import Testing

/// A page of `docs/` that is printed from the code.
struct PrintedPage: CustomTestStringConvertible {
    /// From the root.
    let path: String
    let text: @Sendable () throws -> String

    static let all = [
        PrintedPage(path: "docs/errors.md") { ErrorsPage.text },
        PrintedPage(path: "docs/configuration.md") { ConfigurationPage.text },
        PrintedPage(path: CompatibilityPage.path) { try CompatibilityPage.text },
        PrintedPage(path: "docs/openapi.yaml") { try OpenAPIPage.text },
    ]

    var testDescription: String { self.path }

    /// `APUS_WRITE_DOCS=1 swift test --filter TidyTests` writes the pages instead of comparing them.
    static var isWriting: Bool { ProcessInfo.processInfo.environment["APUS_WRITE_DOCS"] == "1" }

    func write() throws {
        try self.text().write(toFile: "\(Repository.shared.root)/\(self.path)", atomically: true, encoding: .utf8)
    }
}

@Suite struct `A page that is printed from the code` {
    @Test(arguments: PrintedPage.all) func `says what the code says`(_ page: PrintedPage) throws {
        guard !PrintedPage.isWriting else { return try page.write() }
        let committed = try #require(Repository.shared.text(page.path), "\(page.path) is missing; \(Self.advice)")
        let text = try page.text()
        let pairs = zip(committed.split(separator: "\n"), text.split(separator: "\n"))
        if let (old, new) = pairs.first(where: { $0 != $1 }) {
            Issue.record("\(page.path) says '\(old)', the code says '\(new)'; \(Self.advice)")
        } else {
            #expect(committed == text, "\(page.path) is not what the code says; \(Self.advice)")
        }
    }

    private static let advice = "print it anew with APUS_WRITE_DOCS=1 swift test --filter TidyTests"
}

/// A table in Markdown.
enum MarkdownTable {
    static func text(_ heads: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String]) -> String {
            "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        let rule = "|" + heads.map { _ in "---|" }.joined()
        return ([line(heads), rule] + rows.map(line)).joined(separator: "\n")
    }
}
