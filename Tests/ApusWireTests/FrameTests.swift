import ApusContract
import Testing

@testable import ApusWire

@Suite struct `A client frame` {
    private static let key = AppKey("0123456789abcdef01234567")

    private static func tags(_ texts: String...) -> [ApusContract.Tag] { texts.compactMap { ApusContract.Tag($0) } }

    /// What the golden frames that are accepted stand for.
    private static func meaning(of name: String) throws -> ClientFrame? {
        let key = try #require(Self.key)
        func plain(_ request: ClientFrame.Request, ref: FrameRef? = nil) -> ClientFrame {
            ClientFrame(ref: ref, request: request)
        }
        func registration(
            _ platform: Platform, tags: [ApusContract.Tag] = [], alias: Alias? = nil, mobile: String? = nil,
            tokens: ClientFrame.Tokens = [:], details: [String: String]? = nil, ref: FrameRef? = nil
        ) -> ClientFrame {
            plain(
                .register(
                    .init(
                        appKey: key, platform: platform, tags: tags, alias: alias, mobile: mobile, tokens: tokens,
                        details: details)), ref: ref)
        }
        let rid = "1a0018970ab49abfb4a"
        switch name {
        case "register": return registration(.android)
        case "register-web": return registration(.web)
        case "register-everything":
            return registration(
                .ios, tags: Self.tags("vip", "北京"), alias: Alias("alice"), mobile: "+8613012345678",
                tokens: [.apns: "a1", .fcm: "f1", .webpush: String?.none],
                details: ["model": "iPhone 17", "os": "26.1", "app_version": "4.2"], ref: .text("r1"))
        case "login":
            let secret = "00112233445566778899aabbccddeeff"
            return plain(
                .login(.init(registrationID: rid, secret: secret, tokens: [:], details: nil)), ref: .integer(7))
        case "login-with-token":
            return plain(
                .login(.init(registrationID: rid, secret: "x", tokens: [.huawei: "h1"], details: ["os": "16"])))
        case "ack": return plain(.acknowledge([MessageID(17), MessageID(18)]), ref: .integer(2))
        case "ack-one": return plain(.acknowledge([MessageID(9_007_199_254_740_991)]))
        case "click": return plain(.click(MessageID(17), .notification))
        case "click-message": return plain(.click(MessageID(17), .message))
        case "display": return plain(.display(MessageID(17)))
        case "tags-set": return plain(.tags(.set(Self.tags("a", "b"))))
        case "tags-change": return plain(.tags(.change(add: Self.tags("a"), remove: Self.tags("b", "c"))))
        case "tags-clear": return plain(.tags(.set([])), ref: .text("t"))
        case "alias": return plain(.alias(Alias("alice@example.com")))
        case "alias-unbind": return plain(.alias(nil))
        case "mobile", "mobile-number": return plain(.mobile("13012345678"))
        case "mobile-clear": return plain(.mobile(nil))
        case "tokens": return plain(.tokens([.apnsSandbox: "s", .voip: String?.none]))
        case "tokens-null": return plain(.tokens([.fcm: String?.none, .oppo: "o"]))
        case "active": return plain(.active)
        case "ping": return plain(.ping, ref: .integer(-1))
        default: return nil
        }
    }

    @Test func `means what its golden file says`() throws {
        let frames = try GoldenFrame.all().filter { $0.direction == .client }
        #expect(frames.count > 40)
        for frame in frames {
            switch try #require(frame.expect, "\(frame.name) says what it expects") {
            case .accepted:
                let meaning = try #require(try Self.meaning(of: frame.name), "\(frame.name) is known here")
                #expect(try ClientFrame(text: frame.text) == meaning, "\(frame.name)")
            case .refused(let expected):
                let fault = try #require(throws: ClientFrameFault.self, "\(frame.name)") {
                    try ClientFrame(text: frame.text)
                }
                #expect(fault.refusal.row(for: .device).code == expected.code, "\(frame.name)")
                #expect(fault.isViolation == expected.violation, "\(frame.name)")
                let part = expected.sentencePart ?? ""
                #expect(part.isEmpty || fault.refusal.message(for: .device).contains(part), "\(frame.name)")
            }
        }
    }

    @Test(arguments: [
        (#"{"op":"shout","ref":3}"#, FrameRef.integer(3)), (#"{"op":"alias","ref":"x"}"#, .text("x")),
        (#"{"ref":"r"}"#, .text("r")),
    ])
    func `is refused under its ref`(_ text: String, _ ref: FrameRef) throws {
        let fault = try #require(throws: ClientFrameFault.self) { try ClientFrame(text: Array(text.utf8)) }
        #expect(fault.ref == ref)
    }

    /// Each bound, once just kept and once just broken.
    private static let bounds: [@Sendable (_ over: Int) -> String] = [
        { over in #"{"op":"ack","msg_ids":[\#(Self.quoted((1...1000 + over).map { "\($0)" }))]}"# },
        { over in #"{"op":"tags","set":[\#(Self.quoted((1...1000 + over).map { "t\($0)" }))]}"# },
        { over in #"{"op":"tags","add":[\#(Self.quoted((1...100 + over).map { "t\($0)" }))]}"# },
        { over in #"{"op":"tags","remove":[\#(Self.quoted((1...100 + over).map { "t\($0)" }))]}"# },
        { over in
            let full = (10...34).map { "\($0)" + String(repeating: "x", count: 38) }
            return #"{"op":"tags","add":[\#(Self.quoted(over == 0 ? full : full + ["y"]))]}"#
        },
        { over in #"{"op":"alias","alias":"\#(String(repeating: "a", count: 40 + over))"}"# },
        { over in #"{"op":"mobile","mobile":"+\#(String(repeating: "1", count: 19 + over))"}"# },
        { over in #"{"op":"tokens","tokens":{"fcm":"\#(String(repeating: "f", count: 4096 + over))"}}"# },
        { over in
            let os = String(repeating: "o", count: 1024 - #"{"os":""}"#.utf8.count + over)
            return #"{"op":"login","registration_id":"r","secret":"s","device":{"os":"\#(os)"}}"#
        },
    ]

    private static func quoted(_ texts: [String]) -> String { texts.map { "\"\($0)\"" }.joined(separator: ",") }

    @Test(arguments: 0..<9)
    func `is taken up to each bound and not beyond`(_ index: Int) throws {
        #expect(Self.bounds.count == 9)
        _ = try ClientFrame(text: Array(Self.bounds[index](0).utf8))
        let fault = try #require(throws: ClientFrameFault.self) {
            try ClientFrame(text: Array(Self.bounds[index](1).utf8))
        }
        #expect(fault.refusal.row(for: .device).code == 7002)
        #expect(!fault.isViolation)
    }

    @Test func `takes the containers that some languages confuse`() throws {
        let set = try ClientFrame(text: Array(#"{"op":"tags","set":{}}"#.utf8))
        #expect(set.request == .tags(.set([])))
        let tokens = try ClientFrame(text: Array(#"{"op":"tokens","tokens":[]}"#.utf8))
        #expect(tokens.request == .tokens([:]))
    }
}

@Suite struct `A server frame` {
    private static func frames() throws -> [String: (ServerFrame, FrameRef?)] {
        let rid = try #require(RegistrationID("1a0018970ab49abfb4a"))
        return [
            "registered": (.registered(rid, secret: "00112233445566778899aabbccddeeff"), .text("r1")),
            "ready": (.ready(pending: 2), .integer(7)),
            "acked": (.acknowledged([MessageID(17), MessageID(18)]), .integer(2)),
            "ok": (.ok, .text("t")), "ok-without-ref": (.ok, nil), "pong": (.pong, .integer(-1)),
            "error": (.error(.bad("alias", "a string")), .text("a \"quoted\" ref")),
            "withdraw": (.withdraw(MessageID(17)), nil),
            "bye-replaced": (.bye(.replaced, retryAfterSeconds: nil), nil),
            "bye-draining": (.bye(.draining, retryAfterSeconds: 3), nil),
            "bye-idle": (.bye(.idle, retryAfterSeconds: nil), nil),
            "bye-deleted": (.bye(.deleted, retryAfterSeconds: nil), nil),
            "bye-overload": (.bye(.overload, retryAfterSeconds: 3), nil),
        ]
    }

    @Test func `is written as its golden file says`() throws {
        let golden = try GoldenFrame.all().filter { $0.direction == .server }
        let frames = try Self.frames()
        #expect(golden.map(\.name) == frames.keys.sorted())
        for file in golden {
            let (frame, ref) = try #require(frames[file.name])
            #expect(String(decoding: frame.text(ref: ref), as: UTF8.self) == String(decoding: file.text, as: UTF8.self))
        }
    }

    @Test func `has an op that its text repeats`() throws {
        for (frame, ref) in try Self.frames().values {
            let value = try JSONValue(parsing: frame.text(ref: ref))
            #expect(value["op"]?.string == frame.operation)
        }
    }
}

@Suite struct `A close reason` {
    @Test(arguments: CloseReason.allCases)
    func `fits a close frame and is a number that servers may send`(_ reason: CloseReason) {
        #expect((1...123).contains(reason.sentence.utf8.count))
        #expect([1001, 1002, 1007, 1009, 1013].contains(reason.code) || (4000...4999).contains(reason.code))
    }

    @Test func `says farewell for every reason that devices know`() {
        #expect(Set(CloseReason.allCases.compactMap(\.bye)) == Set(ByeReason.allCases))
    }
}
