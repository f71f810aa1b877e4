import ApusContract
import ApusTesting
import Synchronization
import Testing

@testable import ApusCore

@Suite struct `A batch of logins` {
    private static let here = IPAddress(bytes: [192, 0, 2, 1])

    private static func login(
        _ device: DeviceService.Registered, secret: String? = nil, details: [String: String]? = nil,
        tokens: [String: String?] = [:], from source: IPAddress? = nil
    ) -> DeviceService.Login {
        var change = DeviceChange()
        (change.details, change.tokens) = (details, tokens)
        return .init(
            registrationID: device.registrationID.text, secret: secret ?? device.secret, change: change, from: source)
    }

    private static func stranger(_ name: String, from source: IPAddress? = nil) -> DeviceService.Login {
        .init(registrationID: name, secret: "x", from: source)
    }

    private static func register(
        _ count: Int, of app: App, in node: TestCore, _ change: DeviceChange = DeviceChange()
    ) async throws -> [DeviceService.Registered] {
        var devices: [DeviceService.Registered] = []
        for _ in 0..<count {
            devices.append(
                try await node.core.devices.register(.init(appKey: app.key, platform: .ios, change: change)))
        }
        return devices
    }

    @Test func `is answered one by one and in order, whatever the apps`() async throws {
        let node = try await TestCore.open()
        let apps = [try await node.createApp("a"), try await node.createApp("b")]
        var blocked = try await node.createApp("c")
        let devices = try await Self.register(2, of: apps[0], in: node) + Self.register(2, of: apps[1], in: node)
        let locked = try await Self.register(1, of: blocked, in: node)[0]
        blocked.isBlocked = true
        try await `Broadcasts of a day`.change(blocked, in: node)
        let outcomes = await node.core.devices.login([
            Self.login(devices[3]), Self.stranger("1000000000000000000"), Self.login(devices[0]),
            Self.login(devices[1], secret: devices[0].secret), Self.login(locked), Self.stranger("not legal!"),
            Self.login(locked, secret: "wrong"), Self.login(devices[3]), Self.login(devices[2]),
        ])
        let bad = Result<RegistrationID, Refusal>.failure(Refusal(.badSecret))
        #expect(
            outcomes.map { $0.map(\.registrationID) } == [
                .success(devices[3].registrationID), bad, .success(devices[0].registrationID), bad,
                .failure(Refusal(.blacklisted)), bad, bad, .success(devices[3].registrationID),
                .success(devices[2].registrationID),
            ])
        #expect(try outcomes[8].get().key == devices[2].key)
        #expect(await node.core.devices.login([]).isEmpty)
    }

    @Test func `counts its failures as if each had come behind the one before`() async throws {
        let node = try await TestCore.open(limits: Limits([.failedAuthPerMinute: 3]))
        let devices = try await Self.register(2, of: node.createApp(), in: node)
        let wrong = Self.login(devices[0], secret: "wrong", from: Self.here)
        let outcomes = await node.core.devices.login(
            Array(repeating: wrong, count: 5) + [
                Self.login(devices[1], from: Self.here), Self.stranger("1000000000000000000", from: Self.here),
                Self.login(devices[0], from: Self.here), Self.login(devices[0]),
            ])
        let kinds = outcomes.map { outcome -> Refusal.Kind? in
            switch outcome {
            case .success: nil
            case .failure(let refusal): refusal.kind
            }
        }
        #expect(
            kinds == [
                .badSecret, .badSecret, .badSecret, .rateLimited, .rateLimited, nil, .rateLimited, .rateLimited, nil,
            ])
    }

    @Test func `tells what is not stored yet from what is`() async throws {
        let node = try await TestCore.open()
        var change = DeviceChange()
        (change.details, change.tokens) = (["os": "16"], ["fcm": "f1"])
        let device = try await Self.register(1, of: node.createApp(), in: node, change)[0]
        let hasNews = await node.core.devices.login([
            Self.login(device), Self.login(device, details: ["os": "16"], tokens: ["fcm": "f1", "apns": nil]),
            Self.login(device, details: ["os": "17"]), Self.login(device, tokens: ["fcm": nil]),
            Self.login(device, tokens: ["apns": "a1"]),
        ])
        #expect(try hasNews.map { try $0.get().hasNews } == [false, false, true, true, true])
    }

    @Test func `fails as a whole when the store does, without telling who is known`() async throws {
        let node = try await TestCore.open()
        let device = try await Self.register(1, of: node.createApp(), in: node)[0]
        node.store.failReads(with: .unavailable)
        let outcomes = await node.core.devices.login([Self.login(device), Self.stranger("1000000000000000000")])
        #expect(outcomes == Array(repeating: .failure(Refusal(.backendDown)), count: 2))
    }
}

@Suite struct `What a store answers about many` {
    private static func ask(
        _ keys: [Int], failing faults: [Int: StoreError]
    ) async -> (answers: StoreAnswers<Int, String>, asked: [[Int]]) {
        let asked = Mutex<[[Int]]>([])
        let answers = await StoreAnswers<Int, String>(about: keys) { keys throws(StoreError) in
            asked.withLock { $0.append(keys) }
            for key in keys { if let fault = faults[key] { throw fault } }
            return Dictionary(uniqueKeysWithValues: keys.filter { $0 != 9 }.map { ($0, "\($0)") })
        }
        return (answers, asked.withLock { $0 })
    }

    @Test func `is asked once`() async throws {
        let (answers, asked) = await Self.ask([1, 9, 2], failing: [:])
        #expect(asked == [[1, 9, 2]])
        #expect(try [1, 9, 2].map { try answers.answer(about: $0) } == ["1", nil, "2"])
        #expect(await Self.ask([], failing: [:]).asked.isEmpty)
    }

    @Test func `is not spoiled for all by what is corrupt of one`() async throws {
        let (answers, asked) = await Self.ask([1, 2, 9], failing: [2: .corrupt("2")])
        #expect(asked == [[1, 2, 9], [1], [2], [9]])
        #expect(try answers.answer(about: 1) == "1")
        #expect(throws: StoreError.corrupt("2")) { try answers.answer(about: 2) }
        #expect(try answers.answer(about: 9) == nil)
    }

    @Test func `is not asked again when it cannot answer`() async throws {
        let (answers, asked) = await Self.ask([1, 2], failing: [2: .timeout])
        #expect(asked == [[1, 2]])
        for key in [1, 2] { #expect(throws: StoreError.timeout) { try answers.answer(about: key) } }
        let (later, more) = await Self.ask([1, 2, 3, 4], failing: [1: .corrupt("1"), 3: .timeout])
        #expect(more == [[1, 2, 3, 4], [1], [2], [3]])
        #expect(try later.answer(about: 2) == "2")
        for key in [3, 4] { #expect(throws: StoreError.timeout) { try later.answer(about: key) } }
    }
}

@Suite struct `Inboxes that are opened together` {
    @Test func `tell each device what waits for it, and give its page where nothing has to be read`() async throws {
        let node = try await TestCore.open()
        let apps = [try await node.createApp("a"), try await node.createApp("b")]
        let crowd = try await node.register(Message.directMax + 4, of: apps[0])
        let other = try await node.register(1, of: apps[1])[0]
        var wide: [MessageID] = []
        for _ in 0..<3 { wide.append(try await node.push(Sample.broadcast(), of: apps[0])) }
        let narrow = try await node.push(Sample.to(crowd[1]), of: apps[0])
        #expect(try await node.ack(wide, by: crowd[2]) == wide)
        let openings = [crowd[0], other, crowd[1], crowd[2], crowd[3]].map { device in
            DeliveryBook.Opening(device: device.keyed, waitingMax: device == crowd[3] ? 2 : 10)
        }
        let inboxes = try await node.core.book.open(openings, pageMax: 2).map { try $0.get() }
        #expect(inboxes.map(\.count) == [3, 0, 4, 0, 2])
        #expect(
            inboxes.map { $0.page?.map(\.deliverable.id) } == [Array(wide.prefix(2)), [], nil, [], nil])
        #expect(inboxes.map { $0.excess.joined().map(\.message) } == [[], [], [], [], [wide[0]]])
        #expect(try await node.inbox(of: crowd[1]) == wide + [narrow])
    }

    @Test func `fail together when the store cannot be read`() async throws {
        let node = try await TestCore.open()
        let devices = try await node.register(2, of: node.createApp())
        node.store.failReads(with: .timeout)
        let openings = devices.map { DeliveryBook.Opening(device: $0.keyed, waitingMax: 10) }
        for inbox in await node.core.book.open(openings, pageMax: 2) {
            #expect(throws: StoreError.timeout) { try inbox.get() }
        }
    }
}
