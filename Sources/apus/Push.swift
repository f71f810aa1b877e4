import ApusClient
import ApusContract
import ArgumentParser

/// `apus push`: one push from the terminal.
struct Push: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends a push.",
        discussion: """
            Without --tag, --alias and --rid it goes to every device of the app. Several kinds narrow each other.
            """)

    @Option(help: ArgumentHelp("Where the server's API listens.", valueName: "URL"))
    var api = "http://127.0.0.1:8080"
    @Option(help: ArgumentHelp("The app's key.", valueName: "K"))
    var appKey: String
    @Option(help: ArgumentHelp("The app's master secret.", valueName: "S"))
    var masterSecret: String
    @Option(
        parsing: .singleValue, help: ArgumentHelp("Devices with this tag. Repeatable: any of them.", valueName: "T"))
    var tag: [String] = []
    @Option(
        parsing: .singleValue, help: ArgumentHelp("Devices with this alias. Repeatable: any of them.", valueName: "A"))
    var alias: [String] = []
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("The device with this registration id. Repeatable: any of them.", valueName: "R"))
    var rid: [String] = []
    @Option(help: ArgumentHelp("The notification's text.", valueName: "TEXT"))
    var alert: String?
    @Option(help: ArgumentHelp("The notification's title.", valueName: "TEXT"))
    var title: String?
    @Option(help: ArgumentHelp("A custom message, delivered to the app without a notification.", valueName: "TEXT"))
    var message: String?
    @Option(help: ArgumentHelp("A certificate in PEM to trust beside the system's.", valueName: "FILE"))
    var trust: String?
    @Flag(help: "Print the answer as one JSON value.")
    var json = false

    func run() async throws {
        guard let url = ServerURL(self.api) else {
            throw ValidationError("--api takes a URL as in http://127.0.0.1:8080, not '\(self.api)'")
        }
        guard self.alert != nil || self.message != nil else { throw ValidationError("--alert or --message is needed") }
        let answer: HTTPCall.Answer
        do {
            answer = try await HTTPCall.post(
                "/v3/push", self.body, user: self.appKey, password: self.masterSecret, at: url, trusting: self.trust)
        } catch let error as ClientError { throw Failure(error.description) }
        let value = try? JSONValue(parsing: answer.body)
        guard answer.status == 200 else {
            let error = value?["error"]
            let reason = error?["message"]?.string ?? "no reason given"
            throw Failure("refused with \(answer.status) / \(error?["code"]?.integer ?? 0): \(reason)")
        }
        Terminal.print(
            self.json ? String(decoding: answer.body, as: UTF8.self) : "accepted as \(value?["msg_id"]?.string ?? "?")")
    }

    private var body: [UInt8] {
        var text = Array(#"{"platform":"all","audience":"#.utf8)
        let kinds = [("tag", self.tag), ("alias", self.alias), ("registration_id", self.rid)].filter { !$0.1.isEmpty }
        if kinds.isEmpty {
            text.append(json: #""all""#)
        } else {
            for (index, (name, values)) in kinds.enumerated() {
                text.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
                text.appendJSON(string: name)
                text.append(UInt8(ascii: ":"))
                text.appendJSON(strings: values)
            }
            text.append(UInt8(ascii: "}"))
        }
        if let alert {
            text.append(json: #","notification":{"alert":"#)
            text.appendJSON(string: alert)
            if let title {
                for platform in ["android", "hmos", "web"] {
                    text.append(UInt8(ascii: ","))
                    text.appendJSON(string: platform)
                    text.append(json: #":{"title":"#)
                    text.appendJSON(string: title)
                    // HarmonyOS takes no object without a text of its own.
                    text.append(json: #","alert":"#)
                    text.appendJSON(string: alert)
                    text.append(UInt8(ascii: "}"))
                }
                text.append(json: #","ios":{"alert":{"title":"#)
                text.appendJSON(string: title)
                text.append(json: #","body":"#)
                text.appendJSON(string: alert)
                text.append(json: "}}")
            }
            text.append(UInt8(ascii: "}"))
        }
        if let message {
            text.append(json: #","message":{"msg_content":"#)
            text.appendJSON(string: message)
            text.append(UInt8(ascii: "}"))
        }
        text.append(UInt8(ascii: "}"))
        return text
    }
}
