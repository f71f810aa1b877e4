import ApusCore
import ApusTesting
import Testing

/// What a test asked for that cannot be.
struct Unexpected: Error {
    let what: String
}

/// A push as an app server writes it, by the parts that a test cares about.
struct Sample {
    /// JSON of `audience`.
    var audience = #""all""#
    /// JSON of `platform`.
    var platform = #""all""#
    /// Members of `options`, as in `"time_to_live": 60`.
    var options: [String] = []
    var cid: String?
    /// Members of the top level that say something.
    var content = #""notification": {"alert": "hi"}"#

    /// As it comes in.
    func text() -> String {
        var members = [
            #""platform": \#(self.platform)"#, #""audience": \#(self.audience)"#, self.content,
            #""options": {\#(self.options.joined(separator: ", "))}"#,
        ]
        if let cid = self.cid { members.append(#""cid": "\#(cid)""#) }
        return "{\(members.joined(separator: ", "))}"
    }

    /// Checked as the API checks it.
    func request() throws -> PushRequest { try PushRequest(decoding: Array(self.text().utf8)) }

    /// To one device, or a few.
    static func to(_ devices: Device..., options: String...) throws -> PushRequest {
        let ids = devices.map { "\"\($0.registrationID.text)\"" }.joined(separator: ", ")
        return try Sample(audience: #"{"registration_id": [\#(ids)]}"#, options: options).request()
    }

    /// To everybody.
    static func broadcast(_ options: String...) throws -> PushRequest { try Sample(options: options).request() }
}

extension TestCore {
    /// Registers devices of an app, all in one go, with ordinals that follow the greatest so far.
    @discardableResult
    func register(
        _ count: Int, of app: App, on platform: Platform = .android,
        adjust: @Sendable (Int, inout Device) -> Void = { _, _ in }
    ) async throws -> [Device] {
        var devices: [Device] = []
        for number in 0..<count {
            let ordinal = self.core.index[app.id].reserveOrdinal()
            guard let name = RegistrationID("1-\(app.id.number)-\(ordinal)") else { throw Unexpected(what: "name") }
            var device = Device(
                app: app.id, ordinal: ordinal, registrationID: name, secret: nil, platform: platform,
                registeredAt: self.clock.now)
            adjust(number, &device)
            devices.append(device)
        }
        try await self.keep(devices.map { .register($0) })
        return devices
    }

    /// Commits writes together and expects that each was done.
    func keep(_ writes: [Write]) async throws {
        let committer = self.core.committer
        try await withThrowingTaskGroup(of: Void.self) { group in
            for write in writes {
                group.addTask {
                    let outcome = await committer.commit(write)
                    guard outcome == .done else { throw Unexpected(what: "\(outcome)") }
                }
            }
            try await group.waitForAll()
        }
    }

    /// The numbers of everything that a device would be sent if it logged in now.
    func inbox(
        of device: Device, after: MessageID = MessageID(0), limit: Int = 10_000
    ) async throws -> [MessageID] {
        try await self.deliveries(to: device, after: after, limit: limit).map(\.deliverable.id)
    }

    /// Opens a device's inbox as a login does.
    ///
    /// - Returns: how many pushes wait for it.
    func open(_ device: Device, waitingMax: Int) async throws -> Int {
        let opened = await self.core.book.open([.init(device: device.keyed, waitingMax: waitingMax)], pageMax: 64)
        let inbox = try #require(opened.first).get()
        for receipts in inbox.excess {
            #expect(await self.core.committer.commit(.receipts(receipts, at: self.clock.now)) == .done)
        }
        // Where the page is known already, it is the one that would be read.
        if let page = inbox.page {
            #expect(try await page.map(\.deliverable.id) == self.inbox(of: device, limit: 64))
        }
        return inbox.count
    }

    /// Everything that a device would be sent if it logged in now.
    func deliveries(
        to device: Device, after: MessageID = MessageID(0), limit: Int = 10_000
    ) async throws -> [Delivery] {
        try await self.core.book.undelivered(
            for: device.keyed, after: after, limit: limit)
    }

    /// Pushes, and gives back the message's number.
    func push(_ request: PushRequest, of app: App) async throws -> MessageID {
        try await self.core.pushes.push(request, of: app).messageID
    }

    /// What the device tells is recorded, in one batch; gives back what was accepted.
    func ack(
        _ messages: [MessageID], by device: Device, as kind: Receipt.Kind = .received
    ) async throws -> [MessageID] {
        let results = await self.core.reports.record([
            ReportBook.Acknowledgement(device: device.keyed, messages: messages, kind: kind)
        ])
        guard let result = results.first, results.count == 1 else { throw Unexpected(what: "\(results)") }
        return try result.get()
    }

    func report(on message: MessageID, of app: App) async throws -> MessageReport? {
        try await self.core.reports.reports(on: [message], of: app.id)[0]
    }
}

extension Device {
    var keyed: DeviceKey { DeviceKey(app: self.app, ordinal: self.ordinal) }
}

/// Nudges as they were rung, in order.
final class Doorbell: Sendable {
    /// One ring to deliver.
    struct Ring: Equatable {
        let message: MessageID
        let recipients: [Ordinal]
        let dueAt: Timestamp
    }

    private let nudges = Recorder<Nudge>()
    private let rings: AsyncStream<Void>

    init(on bus: LocalBus) {
        let (rings, ring) = AsyncStream.makeStream(of: Void.self)
        self.rings = rings
        bus.subscribe { [nudges] nudge in
            nudges.append(nudge)
            ring.yield()
        }
    }

    /// Returns when there have been so many rings to deliver, or the test's time is up. One task may wait at a time.
    func deliveries(atLeast count: Int) async {
        guard self.deliveries.count < count else { return }
        for await _ in self.rings where self.deliveries.count >= count { return }
    }

    /// Rings to deliver, oldest first.
    var deliveries: [Ring] {
        self.nudges.all.compactMap { nudge in
            guard case .deliver(let deliverable, let recipients, let dueAt) = nudge else { return nil }
            return Ring(message: deliverable.id, recipients: recipients.members, dueAt: dueAt)
        }
    }

    /// Messages that were taken back, with those who were told, oldest first.
    var withdrawals: [(message: MessageID, recipients: [Ordinal])] {
        self.nudges.all.compactMap { nudge in
            guard case .withdraw(let id, _, let recipients) = nudge else { return nil }
            return (id, recipients.members)
        }
    }

    /// Messages that another one has replaced, with those who were told, oldest first.
    var overridings: [(message: MessageID, recipients: [Ordinal])] {
        self.nudges.all.compactMap { nudge in
            guard case .overridden(let id, _, let recipients) = nudge else { return nil }
            return (id, recipients.members)
        }
    }
}
