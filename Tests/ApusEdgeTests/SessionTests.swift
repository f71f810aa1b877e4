import ApusCore
import ApusEdge
import ApusWire
import Testing

@Suite struct `A session` {
    private static let key = "0123456789abcdef01234567"
    private static let login = #"{"op":"login","registration_id":"1a","secret":"s","ref":1}"#

    private static func text(_ text: String) -> WebSocketEvent { .text(Array(text.utf8)) }

    /// A session that is live, with a limit of its app.
    private static func open(framesPerSecond: Int = 100, pending: Int = 0) -> Session {
        var session = Session(framesPerSecond: 100)
        _ = session.received(Self.text(Self.login), at: 0)
        session.entered(framesPerSecond: framesPerSecond)
        session.owes(acks: pending)
        return session
    }

    @Test func `hands on a registration and a login, and is live once they hold`() throws {
        var session = Session(framesPerSecond: 100)
        #expect(session.isSilent)
        let action = session.received(Self.text(Self.login), at: 0)
        #expect(action == .login(try Self.loginFrame(), ref: .integer(1)))
        #expect(!session.isSilent && !session.isOpen)
        session.entered(framesPerSecond: 100)
        #expect(session.isOpen)

        var other = Session(framesPerSecond: 100)
        let text = #"{"op":"register","app_key":"\#(Self.key)","platform":"web"}"#
        guard case .register(let registration, ref: nil) = other.received(Self.text(text), at: 0) else {
            Issue.record("no registration")
            return
        }
        #expect(registration.platform == .web)
    }

    private static func loginFrame() throws -> ClientFrame.Login {
        guard case .login(let login) = try ClientFrame(text: Array(Self.login.utf8)).request else {
            throw Refusal(.internalFault)
        }
        return login
    }

    @Test(arguments: ["active", "ack", "display", "alias", "ping"])
    func `is refused when something else comes first`(_ operation: String) {
        var session = Session(framesPerSecond: 100)
        let action = session.received(
            Self.text(#"{"op":"\#(operation)","msg_id":"1","alias":"a","ref":"x"}"#), at: 0)
        guard case .refuse(let refusal, ref: .text("x"), then: .refused) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(refusal.row(for: .device).code == 7001)
    }

    @Test func `answers WebSocket's own pings before its first frame, which is still missing then`() {
        var session = Session(framesPerSecond: 100)
        #expect(session.received(.ping([7]), at: 0) == .pong([7]))
        #expect(session.isSilent)
    }

    @Test func `ends when its first frame has a bad field`() {
        var session = Session(framesPerSecond: 100)
        let action = session.received(Self.text(#"{"op":"login","ref":2}"#), at: 0)
        guard case .refuse(_, ref: .integer(2), then: .refused) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(session.received(Self.text(Self.login), at: 0) == .nothing)
    }

    @Test(arguments: [
        (Refusal.Kind.badSecret, CloseReason.refused), (.unknownKey, .refused), (.blacklisted, .refused),
        (.badValue, .refused), (.backendDown, .overload), (.backendSlow, .overload), (.internalFault, .overload),
        (.rateLimited, .overload),
    ])
    func `blames the credentials only when they are at fault`(_ kind: Refusal.Kind, _ reason: CloseReason) {
        var session = Session(framesPerSecond: 100)
        _ = session.received(Self.text(Self.login), at: 0)
        #expect(
            session.refused(Refusal(kind), ref: .integer(1)) == .refuse(Refusal(kind), ref: .integer(1), then: reason))
    }

    private static let requests: [(String, Session.Action)] = [
        (
            #"{"op":"ack","msg_ids":["5","6"],"ref":1}"#,
            .record([MessageID(5), MessageID(6)], .received, ref: .integer(1))
        ),
        (#"{"op":"display","msg_id":"5"}"#, .record([MessageID(5)], .displayed, ref: nil)),
        (#"{"op":"click","msg_id":"5"}"#, .record([MessageID(5)], .clickedNotification, ref: nil)),
        (#"{"op":"click","msg_id":"5","kind":"message"}"#, .record([MessageID(5)], .clickedMessage, ref: nil)),
        (#"{"op":"active","ref":"a"}"#, .noteActive(ref: .text("a"))),
        (#"{"op":"ping"}"#, .answer(.pong, ref: nil)),
    ]

    @Test(arguments: 0..<6)
    func `turns each request into what is to be done`(_ index: Int) {
        var session = Self.open()
        #expect(Self.requests.count == 6)
        #expect(session.received(Self.text(Self.requests[index].0), at: 0) == Self.requests[index].1)
    }

    private static let changes: [(String, @Sendable (inout DeviceChange) -> Void)] = [
        (#"{"op":"tags","set":["a"]}"#, { $0.tags = .set([Tag("a")].compactMap(\.self)) }),
        (#"{"op":"tags","clear":true}"#, { $0.tags = .set([]) }),
        (#"{"op":"tags","add":["a"]}"#, { $0.tags = .change(add: [Tag("a")].compactMap(\.self), remove: []) }),
        (#"{"op":"alias","alias":"al"}"#, { $0.alias = .some(Alias("al")) }),
        (#"{"op":"alias","alias":""}"#, { $0.alias = .some(nil) }),
        (#"{"op":"mobile","mobile":"123"}"#, { $0.mobile = .some("123") }),
        (#"{"op":"mobile","mobile":""}"#, { $0.mobile = .some(nil) }),
        (
            #"{"op":"tokens","tokens":{"apns_sandbox":"t","fcm":""}}"#,
            { $0.tokens = ["apns_sandbox": "t", "fcm": nil] }
        ),
    ]

    @Test(arguments: 0..<8)
    func `turns each change into one of the device`(_ index: Int) {
        var session = Self.open()
        var change = DeviceChange()
        #expect(Self.changes.count == 8)
        Self.changes[index].1(&change)
        #expect(session.received(Self.text(Self.changes[index].0), at: 0) == .change(change, ref: nil))
    }

    @Test func `refuses a second login and stays live`() {
        var session = Self.open()
        guard case .refuse(_, ref: .integer(1), then: nil) = session.received(Self.text(Self.login), at: 0) else {
            Issue.record("a second login was taken")
            return
        }
        #expect(session.isOpen)
    }

    @Test(arguments: [
        [false, false, true], [true, false, false, true], [true, true, true, true, false, false, true],
    ])
    func `ends at the third frame that is not understood, whatever stands between`(_ understood: [Bool]) {
        var session = Self.open()
        let violations: [WebSocketEvent] = [.binary, .abandoned, Self.text("{"), Self.text(#"{"op":"shout"}"#)]
        var count = 0
        for (index, isUnderstood) in (understood.dropLast() + [false]).enumerated() {
            guard !isUnderstood else {
                #expect(session.received(Self.text(#"{"op":"ping"}"#), at: 0) == .answer(.pong, ref: nil))
                continue
            }
            count += 1
            let action = session.received(violations[index % 4], at: 0)
            guard case .refuse(let refusal, ref: nil, let reason) = action else {
                Issue.record("\(action)")
                return
            }
            #expect(refusal.row(for: .device).code == 7002)
            #expect(reason == (count == 3 ? .notUnderstood : nil))
        }
        #expect(count == 3)
        #expect(!session.isOpen)
    }

    @Test func `forgives any number of bad fields`() {
        var session = Self.open()
        for _ in 0..<20 {
            let action = session.received(Self.text(#"{"op":"alias","ref":9}"#), at: 0)
            guard case .refuse(_, ref: .integer(9), then: nil) = action else {
                Issue.record("\(action)")
                return
            }
        }
        #expect(session.isOpen)
    }

    @Test func `ends when frames come faster than its app allows`() {
        var session = Self.open(framesPerSecond: 2)
        for _ in 0..<20 { #expect(session.received(.pong, at: 0) == .nothing) }
        #expect(session.received(Self.text(#"{"op":"ping"}"#), at: 0) == .close(.tooManyFrames))
        #expect(session.received(Self.text(#"{"op":"ping"}"#), at: 0) == .nothing)
    }

    @Test(
        arguments: [
            .binary, .abandoned, .fragment, .pong, .ping([]), .text(Array("{".utf8)),
            .text(Array(#"{"op":"alias"}"#.utf8)), .text(Array(#"{"op":"ack","msg_id":"1"}"#.utf8)),
        ] as [WebSocketEvent])
    func `counts every kind of frame`(_ event: WebSocketEvent) {
        var session = Self.open(framesPerSecond: 1)
        for _ in 0..<10 { #expect(session.received(.pong, at: 0) == .nothing) }
        #expect(session.received(event, at: 0) == .close(.tooManyFrames))
    }

    @Test func `takes acks of what is outstanding for free, once each`() {
        var session = Self.open(framesPerSecond: 1, pending: 30)
        session.owes(acks: 5)
        let ack = Self.text(#"{"op":"ack","msg_id":"1"}"#)
        for _ in 0..<35 + 10 { #expect(session.received(ack, at: 0) == .record([MessageID(1)], .received, ref: nil)) }
        #expect(session.received(ack, at: 0) == .close(.tooManyFrames))
    }

    @Test func `takes frames without end where they are not limited`() {
        var session = Self.open(framesPerSecond: 0)
        for _ in 0..<5000 { #expect(session.received(.pong, at: 0) == .nothing) }
    }

    @Test func `repeats a close of the device, also after its own`() {
        var session = Self.open()
        #expect(session.received(.close(code: 1000), at: 0) == .finish(code: 1000))
        var ended = Self.open()
        ended.end()
        #expect(ended.received(Self.text(#"{"op":"ping"}"#), at: 0) == .nothing)
        #expect(ended.received(.close(code: nil), at: 0) == .finish(code: nil))
    }

    @Test(arguments: [
        (WebSocketFault.framing(.maskMissing), CloseReason.framing), (.notUTF8, .notUTF8), (.tooLong, .tooLong),
    ])
    func `ends when the stream cannot be read`(_ fault: WebSocketFault, _ reason: CloseReason) {
        var session = Self.open()
        #expect(session.failed(fault) == .close(reason))
        #expect(session.failed(fault) == .nothing)
    }
}

@Suite struct `A frame rate` {
    @Test func `lets ten seconds' worth through at once, and then what time gives back`() {
        var rate = FrameRate(perSecond: 100)
        let start: UInt64 = 5_000_000_000
        for _ in 0..<1000 { #expect(rate.take(at: start) == true) }
        #expect(rate.take(at: start) == false)
        #expect(rate.take(at: start + 9_999_999) == false)
        #expect(rate.take(at: start + 10_000_000) == true)
        #expect(rate.take(at: start + 10_000_000) == false)
        #expect(!rate.isFull(at: start + 10_000_000_000))
        #expect(rate.isFull(at: start + 10_010_000_000))
    }

    @Test func `goes into debt for what was worth nothing, for a minute at most`() {
        var rate = FrameRate(perSecond: 100)
        let start: UInt64 = 5_000_000_000
        #expect(rate.charge(1000, at: start) == true)
        #expect(!rate.isInDebt(at: start))
        #expect(rate.charge(500, at: start) == true)
        #expect(rate.isInDebt(at: start))
        #expect(rate.take(at: start) == false)
        #expect(rate.charge(.max, at: start) == false)
        #expect(rate.take(at: start + 50_000_000_000) == false)
        #expect(rate.isInDebt(at: start + 50_000_000_000) == false)
        #expect(rate.take(at: start + 50_010_000_000) == true)
        var unlimited = FrameRate(perSecond: 0)
        for _ in 0..<3 { #expect(unlimited.charge(.max, at: start) == true) }
        #expect(unlimited.take(at: start) == true)
    }

    @Test func `does not save more than a full bucket`() {
        var rate = FrameRate(perSecond: 1)
        for _ in 0..<10 { #expect(rate.take(at: 1_000_000_000_000) == true) }
        #expect(rate.take(at: 1_000_000_000_000) == false)
    }

    @Test func `agrees with a bucket that is filled drop by drop`() {
        var random = SplitMix64(seed: 10)
        for perSecond in [1, 3, 7, 100] {
            var rate = FrameRate(perSecond: perSecond)
            let cost = 1_000_000_000 / UInt64(perSecond)
            var (now, level): (UInt64, UInt64) = (0, 10_000_000_000)
            for _ in 0..<5000 {
                let step = UInt64.random(in: 0...cost * 3 / 2, using: &random)
                now += step
                level = min(10_000_000_000, level + step)
                let expected = level >= cost
                if expected { level -= cost }
                #expect(rate.take(at: now) == expected)
            }
        }
    }
}
