import ApusClient
import ApusContract
import ArgumentParser

/// `apus listen`: a device in the terminal.
struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connects as a device, prints each push and acks it.",
        discussion: "Registers a new device on every start. Ends after --count pushes, or with Ctrl-C.")

    @Option(help: ArgumentHelp("Where the server's edge listens.", valueName: "URL"))
    var edge = "ws://127.0.0.1:8081"
    @Option(help: ArgumentHelp("The app's key.", valueName: "K"))
    var appKey: String
    @Option(help: ArgumentHelp("android, ios, hmos, quickapp or web.", valueName: "P"))
    var platform = "android"
    @Option(parsing: .singleValue, help: ArgumentHelp("A tag of the device. Repeatable.", valueName: "T"))
    var tag: [String] = []
    @Option(help: ArgumentHelp("The alias of the device.", valueName: "A"))
    var alias: String?
    @Option(help: ArgumentHelp("End after so many pushes.", valueName: "N"))
    var count: Int?
    @Option(help: ArgumentHelp("A certificate in PEM to trust beside the system's.", valueName: "FILE"))
    var trust: String?
    @Flag(help: "Print each push as one JSON line, and nothing else.")
    var json = false

    func run() async throws {
        guard let url = ServerURL(self.edge) else {
            throw ValidationError("--edge takes a URL as in ws://127.0.0.1:8081, not '\(self.edge)'")
        }
        if let count, count < 1 { throw ValidationError("--count takes a number from 1 on") }
        do {
            try await DeviceConnection.open(url, trusting: self.trust) { device in
                try await self.listen(&device)
            }
        } catch let closed as DeviceConnection.Closed {
            throw Failure("the server ended the session\(closed.code.map { ", close code \($0)" } ?? "")")
        } catch let error as ClientError {
            throw Failure(error.description)
        }
    }

    private func listen(_ device: inout DeviceConnection) async throws {
        try await device.send(self.registration)
        var (received, acked) = (0, 0)
        // Ends when the last ack is durable, so that it counts in the reports.
        while self.count.map({ acked < $0 }) ?? true {
            let frame = try await device.next()
            switch frame["op"]?.string {
            case "registered":
                Terminal.warn("registered as \(frame["registration_id"]?.string ?? "?"), waiting for pushes")
            case "error":
                throw Failure("the server refused: \(frame["error"]?["message"]?.string ?? "no reason given")")
            case "push":
                received += 1
                guard received <= self.count ?? .max else { continue }
                // Nobody reads any more, as behind `| head -1`: what was not shown is not acked.
                let line = self.json ? String(decoding: frame.compact(), as: UTF8.self) : Self.line(frame)
                guard Terminal.print(line) else { return }
                try await self.ack(frame, &device)
            case "acked": acked += 1
            case "withdraw": Terminal.warn("withdrawn: \(frame["msg_id"]?.string ?? "?")")
            case "bye": Terminal.warn("the server says bye: \(frame["reason"]?.string ?? "?")")
            default: continue
            }
        }
    }

    private var registration: [UInt8] {
        var text = Array(#"{"op":"register","app_key":"#.utf8)
        text.appendJSON(string: self.appKey)
        text.append(json: #","platform":"#)
        text.appendJSON(string: self.platform)
        text.append(json: #","tags":"#)
        text.appendJSON(strings: self.tag)
        if let alias {
            text.append(json: #","alias":"#)
            text.appendJSON(string: alias)
        }
        text.append(UInt8(ascii: "}"))
        return text
    }

    private func ack(_ push: JSONValue, _ device: inout DeviceConnection) async throws {
        var text = Array(#"{"op":"ack","ref":"ack","msg_id":"#.utf8)
        text.appendJSON(string: push["msg_id"]?.string ?? "")
        try await device.send(text + "}".utf8)
    }

    private static func line(_ push: JSONValue) -> String {
        let notification = push["notification"]
        let alert = notification?["alert"]
        let said =
            alert?.string ?? alert?["body"]?.string ?? alert.map { String(decoding: $0.compact(), as: UTF8.self) }
            ?? push["message"]?["msg_content"]?.string ?? ""
        let title = notification?["title"]?.string ?? alert?["title"]?.string ?? push["message"]?["title"]?.string
        return "push \(push["msg_id"]?.string ?? "?")  \(title.map { "\($0): " } ?? "")\(said)"
    }
}
