import ApusContract
import ArgumentParser

/// `apus segment …`: audiences saved under names.
struct SegmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segment",
        abstract: "Saves audiences under names, for audience.segment of a push.",
        discussion: "Who belongs to a segment is decided anew by every push that names it.",
        subcommands: [
            Create.self, DefinitionList<SegmentNoun>.self, DefinitionShow<SegmentNoun>.self,
            DefinitionDelete<SegmentNoun>.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Saves an audience.")

        @OptionGroup var of: DefinitionPlace
        @Argument(help: "What pushes name it by: up to 64 of 0-9 A-Z a-z _ -.")
        var name: String
        @Option(help: ArgumentHelp(#"The audience as in a push: '{"tag": ["a"]}'."#, valueName: "JSON"))
        var audience: String

        func run() async throws {
            let audience = try SavedJSON.value(self.audience, of: "--audience")
            try await self.of.create(
                SegmentNoun.self, self.name, text: Array(#"{"audience":"#.utf8) + audience + Array("}".utf8))
        }
    }
}

/// `apus abtest …`: stable splits of audiences.
struct ABTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abtest",
        abstract: "Splits audiences for good, for audience.abtest of a push.",
        discussion: """
            A push names one part, as in NAME.a. A device stays in its part as long as the test has its name and shares.
            """,
        subcommands: [
            Create.self, DefinitionList<ABTestNoun>.self, DefinitionShow<ABTestNoun>.self,
            DefinitionDelete<ABTestNoun>.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Splits an audience.")

        @OptionGroup var of: DefinitionPlace
        @Argument(help: "What pushes name it by, with .a, .b and so on behind it: up to 64 of 0-9 A-Z a-z _ -.")
        var name: String
        @Option(
            help: ArgumentHelp(#"Who is split, as in a push: '{"tag": ["a"]}'. (default: "all")"#, valueName: "JSON"))
        var audience: String?
        @Option(help: ArgumentHelp("Percent of each part; the rest is in none.", valueName: "N,N,…"))
        var shares = "50,50"

        func run() async throws {
            let audience = try SavedJSON.value(self.audience ?? #""all""#, of: "--audience")
            let shares = try self.shares.split(separator: ",", omittingEmptySubsequences: false).map { text in
                guard let share = Int(text) else { throw ValidationError("--shares takes percents as in 50,50") }
                return share
            }
            let text = Array(#"{"audience":"#.utf8) + audience + Array(#","shares":\#(shares.compact)}"#.utf8)
            try await self.of.create(ABTestNoun.self, self.name, text: text)
        }
    }
}

/// `apus template …`: pushes prepared for `/v3/push/template`.
struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Prepares pushes for /v3/push/template.",
        discussion: "A template is a push without audience; {{name}} inside its texts stands for a value of the call.",
        subcommands: [
            Create.self, DefinitionList<TemplateNoun>.self, DefinitionShow<TemplateNoun>.self,
            DefinitionDelete<TemplateNoun>.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prepares a push.")

        @OptionGroup var of: DefinitionPlace
        @Argument(help: "What calls name it by: up to 64 of 0-9 A-Z a-z _ -.")
        var name: String
        @Option(help: ArgumentHelp("The push object, without audience and cid.", valueName: "JSON"))
        var push: String?
        @Option(help: ArgumentHelp("A file with it.", valueName: "FILE"))
        var file: String?

        func run() async throws {
            let text: String
            switch (self.push, self.file) {
            case (let push?, nil): text = push
            case (nil, let file?):
                do { text = try Files.text(file) } catch { throw Failure("cannot read \(file): give a file in UTF-8") }
            case (nil, nil), (_?, _?): throw ValidationError("either --push or --file is needed")
            }
            let push = try SavedJSON.value(text, of: self.push == nil ? "the file" : "--push")
            try await self.of.create(TemplateNoun.self, self.name, text: push)
        }
    }
}

/// JSON that an operator types.
private enum SavedJSON {
    /// The value as compact JSON.
    static func value(_ text: String, of place: String) throws -> [UInt8] {
        do {
            return try JSONValue(parsing: Array(text.utf8)).compact()
        } catch {
            throw ValidationError("\(place) is not JSON: at byte \(error.offset), \(error.reason)")
        }
    }
}

extension [Int] {
    /// As a JSON list.
    fileprivate var compact: String { "[" + self.map(String.init).joined(separator: ",") + "]" }
}
