import ApusCore
import ApusSQLite
import ArgumentParser

/// What an operator keeps for an app under a name, as the command line speaks of it.
protocol DefinitionNoun: SendableMetatype {
    static var kind: Definition.Kind { get }
    /// As in `apus NOUN list`.
    static var command: String { get }
    /// As in a sentence, with its article.
    static var phrase: String { get }
}

enum SegmentNoun: DefinitionNoun {
    static let kind = Definition.Kind.segment
    static let command = "segment"
    static let phrase = "a segment"
}

enum ABTestNoun: DefinitionNoun {
    static let kind = Definition.Kind.abtest
    static let command = "abtest"
    static let phrase = "an A/B test"
}

enum TemplateNoun: DefinitionNoun {
    static let kind = Definition.Kind.template
    static let command = "template"
    static let phrase = "a template"
}

/// Where the things with names live: an app of a store.
struct DefinitionPlace: ParsableArguments {
    @OptionGroup var place: StorePlace
    @Option(help: ArgumentHelp("The app's key.", valueName: "K"))
    var app: String

    /// Checks and keeps a new definition, and prints it.
    func create<Noun: DefinitionNoun>(_ noun: Noun.Type, _ name: String, text: [UInt8]) async throws {
        let definition = try await self.place.withStore { store in
            let app = try await AppCommand.find(self.app, in: store)
            let definition: Definition
            do throws(Refusal) {
                definition = try Definition(
                    app: app.id, kind: Noun.kind, name: name, text: text, createdAt: Clocks.system.now())
            } catch {
                throw Failure("this is not \(Noun.phrase): \(error.message(for: .push))")
            }
            do {
                guard try await store.createDefinition(definition) else {
                    throw Failure("the app \(self.app) was deleted meanwhile")
                }
            } catch StoreError.conflict {
                throw Failure(
                    "the app has \(Noun.phrase) '\(name)' already; 'apus \(Noun.command) delete \(name)' removes it")
            }
            return definition
        }
        Terminal.print(self.place.json ? definition.json : definition.lines)
    }
}

/// `apus NOUN list`.
struct DefinitionList<Noun: DefinitionNoun>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "list", abstract: "Lists all of an app.")
    }

    @OptionGroup var of: DefinitionPlace

    func run() async throws {
        let all = try await self.of.place.withStore { store in
            try await store.definitions(Noun.kind, of: try await AppCommand.find(self.of.app, in: store).id)
        }
        if self.of.place.json {
            Terminal.print("[" + all.map { $0.json }.joined(separator: ",") + "]")
            return
        }
        for definition in all {
            Terminal.print("\(definition.name)  \(String(decoding: definition.text, as: UTF8.self))")
        }
        if all.isEmpty { Terminal.warn("none yet; 'apus \(Noun.command) create' makes \(Noun.phrase)") }
    }
}

/// `apus NOUN show NAME`.
struct DefinitionShow<Noun: DefinitionNoun>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "show", abstract: "Shows one.")
    }

    @OptionGroup var of: DefinitionPlace
    @Argument(help: "Its name.")
    var name: String

    func run() async throws {
        let found = try await self.of.place.withStore { store in
            try await store.definition(Noun.kind, self.name, of: try await AppCommand.find(self.of.app, in: store).id)
        }
        guard let found else { throw Failure(unknown(Noun.self, self.name)) }
        Terminal.print(self.of.place.json ? found.json : found.lines)
    }
}

/// `apus NOUN delete NAME`.
struct DefinitionDelete<Noun: DefinitionNoun>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "delete", abstract: "Deletes one; pushes that name it are refused from then on.")
    }

    @OptionGroup var of: DefinitionPlace
    @Argument(help: "Its name.")
    var name: String

    func run() async throws {
        let isGone = try await self.of.place.withStore { store in
            try await store.deleteDefinition(
                Noun.kind, self.name, of: try await AppCommand.find(self.of.app, in: store).id)
        }
        guard isGone else { throw Failure(unknown(Noun.self, self.name)) }
        Terminal.print(self.of.place.json ? #"{"name":"\#(self.name)","deleted":true}"# : "deleted \(self.name)")
    }
}

private func unknown<Noun: DefinitionNoun>(_ noun: Noun.Type, _ name: String) -> String {
    "the app has not \(Noun.phrase) '\(name)'; 'apus \(Noun.command) list' shows what it has"
}

extension Definition {
    /// Its own members beside its name and when it was made.
    fileprivate var json: String {
        var text = Array(#"{"name":"#.utf8)
        text.appendJSON(string: self.name)
        text.append(json: #","created_at":"#)
        text.appendJSON(string: TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text)
        text.append(json: #","definition":"#)
        text.append(contentsOf: self.text)
        if let variables {
            text.append(json: #","variables":"#)
            text.appendJSON(strings: variables)
        }
        if let parts {
            text.append(json: #","parts":"#)
            text.appendJSON(strings: parts)
        }
        return String(decoding: text + "}".utf8, as: UTF8.self)
    }

    fileprivate var lines: String {
        var lines = ["name        \(self.name)"]
        lines.append("created     \(TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text) (UTC+8)")
        lines.append("definition  \(String(decoding: self.text, as: UTF8.self))")
        if let variables {
            lines.append("variables   \(variables.isEmpty ? "none" : variables.joined(separator: " "))")
        }
        if let parts { lines.append("parts       \(parts.joined(separator: " "))") }
        return lines.joined(separator: "\n")
    }

    /// What a push by this template must fill in; nil where this is none.
    private var variables: [String]? {
        guard self.kind == .template else { return nil }
        return (try? PushTemplate(decoding: self.text))?.variables
    }

    /// What `audience.abtest` names; nil where this is no test.
    private var parts: [String]? {
        guard self.kind == .abtest else { return nil }
        return (try? ABTest(decoding: self.text))?.parts.map { "\(self.name).\($0)" }
    }
}
