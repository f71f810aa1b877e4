import ApusCore
import ApusSQLite
import ArgumentParser

/// `apus trace`: what became of a push, on all its devices or on one, and why.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Explains where a push stands, on its devices or on one of them, and why.",
        discussion: """
            Reads the store, also while a server runs on it, and changes nothing. States of a device: clicked, \
            displayed, received, sent, waiting, scheduled (its share of a timed-speed push is not due), missed (not \
            connected, and the time to live is 0), expired, dropped, overridden, withdrawn; and of a device that is \
            asked for by its id, not_in_audience and unknown_device. Times are in UTC+8.
            """)

    /// Devices of one page: what is read and printed at a time.
    private static let pageSize = 500

    @OptionGroup var place: StorePlace
    @Argument(help: ArgumentHelp("The push.", valueName: "msg-id"))
    var messageID: String
    @Argument(help: ArgumentHelp("One device's registration id.", valueName: "rid"))
    var registrationID: String?
    @Option(help: ArgumentHelp("The app's key.", valueName: "K"))
    var app: String
    @Option(help: ArgumentHelp("List only devices in this state.", valueName: "STATE"))
    var state: String?
    @Option(help: ArgumentHelp("List at most so many devices. (default: 100)", valueName: "N"))
    var limit: Int?
    @Flag(help: "List every device, however many there are.")
    var all = false

    private static let limitStandard = 100

    func validate() throws {
        guard MessageID(decimal: self.messageID) != nil else {
            throw ValidationError("a msg_id is 1 to 19 digits, '\(self.messageID)' is none")
        }
        if let state = self.state, DeliveryState(rawValue: state) == nil {
            let states = DeliveryState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--state takes one of \(states)")
        }
        guard self.limit ?? 0 >= 0 else { throw ValidationError("--limit takes a number from 0 on") }
        guard self.limit == nil || !self.all else { throw ValidationError("give either --limit or --all") }
        guard self.registrationID == nil || (self.state == nil && self.limit == nil && !self.all) else {
            throw ValidationError("--state, --limit and --all list devices: leave them out beside a registration id")
        }
    }

    func run() async throws {
        try await self.place.withStore { store in
            let app = try await AppCommand.find(self.app, in: store)
            let push = try await self.push(of: app, in: store)
            if let name = self.registrationID {
                let part = try await push.part(of: name, in: store)
                Terminal.print(self.place.json ? push.json(of: part) : push.lines(of: part))
            } else if self.place.json {
                Terminal.print(push.jsonHead(leftOut: self.devices(of: push).count - self.listed(of: push)))
                try await self.list(push, in: store, separator: ",") { $0.json }
                Terminal.print("]}")
            } else {
                Terminal.print(push.lines)
                try await self.list(push, in: store, separator: "") { $0.line }
                let leftOut = self.devices(of: push).count - self.listed(of: push)
                if leftOut > 0 { Terminal.print("… and \(leftOut) more: --all lists them, --state STATE some of them") }
            }
        }
    }

    /// - Throws: a ``Failure`` that says why the app has no such push.
    private func push(of app: App, in store: SQLiteStore) async throws -> TracedPush {
        // It has been checked.
        let id = MessageID(decimal: self.messageID) ?? MessageID(0)
        let history = try await store.history(of: id)
        if let history, history.message.app == app.id {
            return TracedPush(MessageTrace(history, at: Clocks.system.now()), of: app)
        }
        if let owner = history?.message.app, let other = try await store.apps().first(where: { $0.id == owner }) {
            throw Failure("push \(id.text) is of another app: name it with --app \(other.key.text)")
        }
        let last = try await store.lastMessageID()
        throw Failure(
            id > last
                ? "there is no push \(id.text): the last one accepted is \(last.text)"
                : "there is no push \(id.text): it was never accepted, or is past its retention, a month after its "
                    + "last record")
    }

    private func devices(of push: TracedPush) -> Ordinals {
        guard let state = self.state.flatMap(DeliveryState.init) else { return push.trace.history.message.target }
        return push.trace.states[state] ?? Ordinals()
    }

    /// How many of the devices are listed.
    private func listed(of push: TracedPush) -> Int {
        let count = self.devices(of: push).count
        return self.all ? count : min(count, self.limit ?? Self.limitStandard)
    }

    /// Prints the devices page by page, in order of registration.
    private func list(
        _ push: TracedPush, in store: SQLiteStore, separator: String, _ text: (TracedDevice) -> String
    ) async throws {
        let devices = self.devices(of: push)
        let count = self.listed(of: push)
        for start in stride(from: 0, to: count, by: Self.pageSize) {
            let end = min(start + Self.pageSize, count)
            let page = try await push.parts(of: devices.members(ranked: start..<end), in: store)
            let lines = page.map(text).joined(separator: "\(separator)\n")
            guard Terminal.print(end < count ? lines + separator : lines) else { return }
        }
    }
}

/// A push, and all that may be said of it.
struct TracedPush: Sendable {
    let app: App
    let trace: MessageTrace
    /// What was asked for; nil when it does not decode any more.
    let request: PushRequest?
    /// The audience as it was sent, compact JSON.
    let audience: String?
    let cid: String?

    init(_ trace: MessageTrace, of app: App) {
        self.app = app
        self.trace = trace
        let root = try? JSONValue(parsing: trace.history.message.payload)
        self.request = root.flatMap { try? PushRequest($0, audience: .devicesOrFile) }
        self.audience = root?["audience"].map { String(decoding: $0.compact(), as: UTF8.self) }
        self.cid = root?["cid"]?.string
    }

    /// The push on some devices of its target.
    func parts(of ordinals: [Ordinal], in store: SQLiteStore) async throws -> [TracedDevice] {
        let known = try await store.devices(ordinals, of: self.app.id)
        let devices = Dictionary(known.map { ($0.ordinal, $0) }) { first, _ in first }
        return self.trace.deliveries(to: ordinals).map { delivery in
            let device = devices[delivery.ordinal]
            return TracedDevice(
                registrationID: device?.registrationID.text, device: device, standing: .targeted(delivery),
                reasons: self.reasons(delivery, device))
        }
    }

    /// The push on one device, whether it was for it or not.
    func part(of name: String, in store: SQLiteStore) async throws -> TracedDevice {
        guard let id = RegistrationID(name), let device = try await store.devices(named: [id]).first,
            device.app == self.app.id
        else {
            return TracedDevice(
                registrationID: name, device: nil, standing: .unknown,
                reasons: ["the app \(self.app.key.text) has no device of this registration id"])
        }
        if let part = try await self.parts(of: [device.ordinal], in: store).first { return part }
        let saved = try await self.saved(in: store)
        let misses = self.request?.misses(
            device, acceptedAt: self.trace.history.message.acceptedAt, saved: saved)
        return TracedDevice(
            registrationID: name, device: device, standing: .notInAudience,
            reasons: misses.map { AudienceMiss.sentences($0) } ?? ["it is not among the devices of the push"])
    }

    private func saved(in store: SQLiteStore) async throws -> SavedAudiences {
        var saved = SavedAudiences()
        guard case .matching(let kinds) = self.request?.audience else { return saved }
        if let name = kinds.segment {
            saved.segment = try await store.definition(.segment, name, of: self.app.id)
                .flatMap { try? Segment(decoding: $0.text) }
        }
        if let part = kinds.abtest.flatMap({ ABTest.Part($0) }) {
            saved.test = try await store.definition(.abtest, part.test, of: self.app.id)
                .flatMap { try? ABTest(decoding: $0.text) }
        }
        return saved
    }
}

/// A push on one device.
struct TracedDevice: Sendable {
    enum Standing: Sendable {
        case targeted(DeliveryTrace)
        case notInAudience
        case unknown
    }

    /// As it was asked for; nil for a device that has gone since.
    let registrationID: String?
    let device: Device?
    let standing: Standing
    /// Sentences, the decisive one first; never empty.
    let reasons: [String]

    var delivery: DeliveryTrace? {
        switch self.standing {
        case .targeted(let delivery): delivery
        case .notInAudience, .unknown: nil
        }
    }

    var state: String {
        switch self.standing {
        case .targeted(let delivery): delivery.state.rawValue
        case .notInAudience: "not_in_audience"
        case .unknown: "unknown_device"
        }
    }
}
