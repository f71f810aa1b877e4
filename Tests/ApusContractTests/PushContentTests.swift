import Testing

@testable import ApusContract

private func push(_ rest: String, platform: String = #""all""#) -> String {
    #"{"platform":\#(platform),"audience":"all",\#(rest)}"#
}

private func texts(_ content: PushContent) -> [Platform: String] {
    var texts: [Platform: String] = [:]
    for platform in Platform.allCases {
        texts[platform] = content.notifications[platform].map { String(decoding: $0, as: UTF8.self) }
    }
    return texts
}

@Suite struct `The body of a push` {
    @Test(arguments: [
        ("", 1002), (" ", 1003), ("null", 1003), ("[]", 1003), ("\"all\"", 1003), ("7", 1003), ("{", 1003),
        ("{}x", 1003), ("a=b", 1003), ("{}", 1002), ("\u{FEFF}", 1003),
    ])
    func `must be an object`(_ text: String, _ code: Int) {
        refusal(text, code)
    }

    @Test func `may begin with a byte order mark`() throws {
        #expect(try decode("\u{FEFF}" + push(#""notification":{"alert":"x"}"#)).kept.first == UInt8(ascii: "{"))
    }

    @Test func `is held to its size to the byte`() throws {
        let text = Array(push(#""notification":{"alert":"x"}"#).utf8)
        #expect(throws: Never.self) { try PushRequest(decoding: text, bodyMaxBytes: text.count) }
        let refusal = #expect(throws: Refusal.self) { try PushRequest(decoding: text, bodyMaxBytes: text.count - 1) }
        #expect(refusal?.row(for: .push).code == 1005)
        let space = [UInt8](repeating: 0x20, count: 1_048_576 - text.count)
        #expect(throws: Never.self) { try PushRequest(decoding: text + space) }
        #expect(throws: Refusal.self) { try PushRequest(decoding: text + space + [0x20]) }
    }

    @Test func `is refused for unknown keys before anything else, then in the order of the table`() {
        let all = #"{"options":{"sendno":"x"},"cid":"","audience":1,"platform":1,"message":1,"x":1}"#
        #expect(refusal(all, 1009)?.detail?.contains("'x'") == true)
        #expect(
            refusal(#"{"cid":"","options":{"sendno":"x"},"message":1,"audience":1,"platform":1}"#, 1003)?.detail
                == refusal(#"{"message":1,"platform":1,"audience":1,"options":{"sendno":"x"},"cid":""}"#, 1003)?.detail)
        #expect(refusal(#"{"cid":"","platform":1}"#, 1002)?.detail?.contains("audience") == true)
    }

    @Test func `names an unknown key without its whole length`() {
        let key = String(repeating: "k", count: 500)
        let message = refusal(push("\"notification\":{\"alert\":\"x\"},\"\(key)\":1"), 1009)?.detail
        #expect(message == "The key '\(key.prefix(64))…' is not supported")
    }
}

@Suite struct `The content of a push` {
    @Test(arguments: [
        "\"cid\":\"c\"", #""notification":{}"#, #""notification":[]"#, #""message":{}"#, #""message":[]"#,
        #""notification":null,"message":null"#, #""notification":{"alert":null}"#, #""message":{"msg_content":null}"#,
        #""notification":{"ai_opportunity":true}"#,
    ])
    func `must be there`(_ rest: String) {
        #expect(refusal(push(rest), 1002)?.detail?.contains("notification, message or live_activity") == true)
    }

    @Test func `may be a message beside an empty notification and the reverse`() throws {
        let message = try decode(push(#""notification":{},"message":{"msg_content":"m"}"#)).content
        #expect(message.notifications.isEmpty)
        #expect(message.message == Array(#"{"msg_content":"m"}"#.utf8))
        #expect(message.platforms == .all)
        let notification = try decode(push(#""notification":{"alert":"x"},"message":{}"#)).content
        #expect(notification.message == nil)
        #expect(notification.platforms == .all)
    }

    @Test(arguments: [#""x""#, "1", #"["x"]"#])
    func `is not a string`(_ value: String) {
        #expect(refusal(push("\"notification\":\(value)"), 1003)?.detail?.hasPrefix("notification ") == true)
        #expect(refusal(push("\"message\":\(value)"), 1003)?.detail?.hasPrefix("message ") == true)
    }

    @Test(arguments: [
        #""live_activity":{"ios":{"event":"end","content-state":{}}},"notification":{"alert":"x"}"#,
        #""live_activity":{"ios":{"event":"end","content-state":{}}},"message":{"msg_content":"m"}"#,
    ])
    func `is a live activity alone`(_ rest: String) {
        #expect(refusal(push(rest), 1003)?.detail?.hasPrefix("live_activity ") == true)
    }

    @Test(arguments: [
        #""inapp_message":{"inapp_message":true},"message":{"msg_content":"m"}"#,
        #""inapp_message":{"inapp_message":true},"message":{"msg_content":"m"},"notification":{"alert":"x"}"#,
        #""inapp_message":{"inapp_message":true},"live_activity":{"ios":{"event":"end","content-state":{}}}"#,
    ])
    func `is an in-app message only as a notification`(_ rest: String) {
        #expect(refusal(push(rest), 1003)?.detail?.hasPrefix("inapp_message ") == true)
    }

    @Test func `is retired when it speaks to Windows Phone only`() throws {
        let winphone = #""winphone":{"alert":"x","_open_page":"/"}"#
        refusal(push("\"notification\":{\(winphone)}"), 410)
        refusal(push("\"notification\":{\(winphone),\"ai_opportunity\":true,\"android\":null}"), 410)
        refusal(push("\"notification\":{\"winphone\":{\"badge\":1}}"), 1009)
        for rest in [
            "\"notification\":{\(winphone)},\"message\":{\"msg_content\":\"m\"}",
            "\"notification\":{\"alert\":\"y\",\(winphone)}",
        ] {
            let push = try decode(push(rest))
            #expect(!String(decoding: push.kept, as: UTF8.self).contains("winphone"))
            #expect(try PushRequest(decoding: push.kept) == push)
        }
    }
}

@Suite struct `The text of a notification` {
    @Test func `is the common one where a platform has none`() throws {
        let content = try decode(
            push(
                #"""
                "notification":{"alert":"好","web":{},"hmos":[],
                "android":{"title":"t","alert":null,"extras":{"n":null,"a":[null]}}}
                """#
            )
        ).content
        #expect(
            texts(content) == [
                .android: #"{"alert":"好","title":"t","extras":{"a":[null]}}"#, .ios: #"{"alert":"好"}"#,
                .hmos: #"{"alert":"好"}"#, .quickapp: #"{"alert":"好"}"#, .web: #"{"alert":"好"}"#,
            ])
    }

    @Test func `is a platform's own where it has one`() throws {
        let content = try decode(
            push(
                #"""
                "notification":{"alert":"c","android":{"title":"t","alert":"a"},
                "ios":{"alert":{"title":"i"},"badge":"+1"},
                "hmos":{"alert":"h"},"quickapp":{"page":"/","alert":"q"},"web":{"alert":"w","extras":[]}}
                """#)
        ).content
        #expect(
            texts(content) == [
                .android: #"{"title":"t","alert":"a"}"#, .ios: #"{"alert":{"title":"i"},"badge":"+1"}"#,
                .hmos: #"{"alert":"h"}"#, .quickapp: #"{"page":"/","alert":"q"}"#, .web: #"{"alert":"w","extras":{}}"#,
            ])
    }

    @Test func `reaches targeted platforms only`() throws {
        let rest = #""notification":{"android":{"alert":"a"},"web":{"alert":"w"},"ios":{"sound":"s"}}"#
        #expect(texts(try decode(push(rest)).content).keys.sorted { $0.rawValue < $1.rawValue } == [.android, .web])
        #expect(texts(try decode(push(rest, platform: #"["android","ios"]"#)).content) == [.android: #"{"alert":"a"}"#])
        #expect(try decode(push(rest)).content.platforms == [.init(.android), .init(.web)])
        #expect(refusal(push(rest, platform: #"["ios","hmos"]"#), 1002)?.detail?.contains("notification.alert") == true)
        refusal(push(rest + #","message":{"msg_content":"m"}"#, platform: #""ios""#), 1002)
    }

    @Test func `is checked for platforms that are not targeted too`() {
        refusal(push(#""notification":{"alert":"x","android":{"priority":9}}"#, platform: #""ios""#), 1003)
        refusal(push(#""notification":{"alert":"x","quickapp":{}}"#, platform: #""ios""#), 1002)
    }

    @Test func `may be empty for android and ios`() throws {
        #expect(
            texts(try decode(push(#""notification":{"alert":""}"#)).content) == [
                .android: #"{"alert":""}"#, .ios: #"{"alert":""}"#,
            ])
        #expect(
            texts(try decode(push(#""notification":{"android":{"alert":""},"ios":{"alert":""}}"#)).content)
                == [.android: #"{"alert":""}"#, .ios: #"{"alert":""}"#])
        refusal(push(#""notification":{"alert":""}"#, platform: #"["hmos","quickapp","web"]"#), 1002)
    }

    @Test func `is an object for ios only`() throws {
        let rest = #""notification":{"alert":{"title":"t"},"android":{"title":"t"},"web":{"alert":"w"}}"#
        #expect(texts(try decode(push(rest)).content) == [.ios: #"{"alert":{"title":"t"}}"#, .web: #"{"alert":"w"}"#])
        refusal(push(rest, platform: #""android""#), 1002)
        refusal(push(#""notification":{"android":{"alert":{"title":"t"}}}"#), 1003)
    }

    @Test func `is not needed beside voip, which the own channel does not carry`() throws {
        let rest = #""notification":{"voip":{"call":1}}"#
        let content = try decode(push(rest)).content
        #expect(content.notifications.isEmpty && content.message == nil && content.platforms.isEmpty)
        refusal(push(rest, platform: #""android""#), 1002)
        refusal(push(#""notification":{"voip":{}}"#), 1002)
    }
}

@Suite struct `The message of a push` {
    @Test(arguments: [
        (
            #"{"msg_content":"m","title":"t","extras":{"a":{"b":[1,null]},"n":null}}"#,
            #"{"msg_content":"m","title":"t","extras":{"a":{"b":[1,null]}}}"#
        ),
        (#"{"title":null,"msg_content":"a\/\u4f60","extras":[]}"#, #"{"msg_content":"a/你","extras":{}}"#),
        (
            #"{"title":"t","msg_content":{"a": "x\"\\", "n": null},"extras":[]}"#,
            #"{"title":"t","msg_content":"{\"a\":\"x\\\"\\\\\"}","extras":{}}"#
        ),
        (#"{"msg_content":[1, "好"]}"#, #"{"msg_content":"[1,\"好\"]"}"#),
        (#"{"msg_content":[]}"#, #"{"msg_content":"[]"}"#), (#"{"msg_content":""}"#, #"{"msg_content":""}"#),
    ])
    func `reaches devices compact, its content a string`(_ sent: String, _ delivered: String) throws {
        let content = try decode(push("\"message\":\(sent)")).content
        #expect(content.message.map { String(decoding: $0, as: UTF8.self) } == delivered)
    }
}

@Suite struct `The options of a push` {
    private func options(_ members: String) throws -> PushOptions {
        try decode(push("\"notification\":{\"alert\":\"x\"},\"options\":{\(members)}")).options
    }

    @Test func `have standards`() throws {
        #expect(try decode(push(#""notification":{"alert":"x"}"#)).options == PushOptions())
        #expect(try self.options("") == PushOptions())
        #expect(try decode(push(#""notification":{"alert":"x"},"options":[]"#)).options == PushOptions())
        #expect(PushOptions().timeToLiveSeconds == nil && PushOptions().sendno == 0)
    }

    @Test func `are read`() throws {
        let options = try self.options(
            #"""
            "sendno":4294967294,"time_to_live":0,"override_msg_id":"9223372036854775807","big_push_duration":1400,
            "test_model":1,"business_operation_code":"plan"
            """#)
        #expect(options.sendno == 4_294_967_294)
        #expect(options.timeToLiveSeconds == 0)
        #expect(options.overrideMessageID == MessageID(.max))
        #expect(options.spreadMinutes == 1400)
        #expect(options.testModel)
        #expect(options.businessOperationCode == "plan")
        #expect(try self.options(#""sendno":-5.0,"time_to_live":"864000","override_msg_id":7"#).sendno == -5)
    }

    @Test(arguments: [
        (#""notification":{"alert":"x"},"options":{"active_push":true}"#, true),
        (
            #""notification":{"alert":"x"},"options":{"active_push":true,"need_backup":true,"big_push_duration":0}"#,
            true
        ),
        (#""notification":{"alert":"x"},"options":{"active_push":false,"big_push_duration":5}"#, true),
        (#""notification":{"alert":"x"},"message":{"msg_content":"m"},"options":{"active_push":false}"#, true),
        (#""notification":{"alert":"x"},"options":{"need_backup":false}"#, true),
        (#""notification":{"alert":"x"},"options":{"active_push":true,"big_push_duration":5}"#, false),
        (#""notification":{"alert":"x"},"message":{"msg_content":"m"},"options":{"active_push":true}"#, false),
        (#""message":{"msg_content":"m"},"options":{"active_push":"true"}"#, false),
        (#""live_activity":{"ios":{"event":"end","content-state":{}}},"options":{"active_push":1}"#, false),
        (#""notification":{"alert":"x"},"options":{"need_backup":true}"#, false),
        (#""notification":{"alert":"x"},"options":{"need_backup":true,"active_push":false}"#, false),
    ])
    func `hold active_push to a notification alone`(_ rest: String, _ isGood: Bool) {
        if isGood {
            #expect(throws: Never.self) { try decode(push(rest)) }
        } else {
            refusal(push(rest), 1035)
        }
    }
}
