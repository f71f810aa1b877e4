import Testing

@testable import ApusContract

func decode(_ text: String, _ rule: AudienceRule = .devices) throws(Refusal) -> PushRequest {
    try PushRequest(decoding: Array(text.utf8), audience: rule)
}

/// Expects a refusal with this business code and returns it.
@discardableResult
func refusal(
    _ text: String, _ code: Int, _ rule: AudienceRule = .devices,
    _ location: Testing.SourceLocation = #_sourceLocation
) -> Refusal? {
    do throws(Refusal) {
        _ = try decode(text, rule)
        Issue.record("accepted: \(text.prefix(300))", sourceLocation: location)
        return nil
    } catch {
        #expect(error.row(for: .push).code == code, "\(error) for \(text.prefix(300))", sourceLocation: location)
        #expect(error.row(for: .push).status == (code == 410 ? .gone : .badRequest), sourceLocation: location)
        #expect(!error.message(for: .push).isEmpty, sourceLocation: location)
        return error
    }
}

@Suite struct `Every fixed object of a push` {
    @Test(arguments: Place.allCases)
    func `is accepted with every value that its table allows`(_ place: Place) throws {
        #expect(throws: Never.self) { try decode(place.body(nil), place.rule) }
        for (key, type) in place.fields {
            for value in type.good + ["null"] where !Self.isRequired(key, place) || value != "null" {
                let body = place.body("\"\(key)\":\(value)")
                #expect(throws: Never.self, "\(body)") { try decode(body, place.rule) }
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `is refused with 1003 and the path for every other value`(_ place: Place) {
        for (key, type) in place.fields {
            for value in type.bad {
                let refusal = refusal(place.body("\"\(key)\":\(value)"), 1003, place.rule)
                #expect(
                    refusal?.message(for: .push).hasPrefix("\(place.path(key)) ") == true
                        || refusal?.message(for: .push).hasPrefix("\(place.path(key))[") == true,
                    "\(String(describing: refusal)) for \(place.path(key)) = \(value)")
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `is refused with 1009 for a key of nobody's, which it names`(_ place: Place) {
        let member = #""unheard_of":0"#
        guard !place.isOpen else {
            #expect(throws: Never.self) { try decode(place.body(member), place.rule) }
            return
        }
        let refusal = refusal(place.body(member), 1009, place.rule)
        let of = place.path.isEmpty ? "" : " of \(place.path)"
        #expect(refusal?.message(for: .push) == "The key 'unheard_of'\(of) is not supported")
        // What comes to null is absent, whoever's key it is.
        #expect(throws: Never.self) { try decode(place.body(#""unheard_of":0,"unheard_of":null"#), place.rule) }
    }

    @Test(arguments: Place.allCases)
    func `takes the last of several members of one name`(_ place: Place) {
        for (key, type) in place.fields {
            guard let good = type.good.first, let bad = type.bad.first else { continue }
            let fine = place.body("\"\(key)\":\(bad),\"\(key)\":\(good)")
            #expect(throws: Never.self, "\(fine)") { try decode(fine, place.rule) }
            refusal(place.body("\"\(key)\":\(good),\"\(key)\":\(bad)"), 1003, place.rule)
        }
    }

    private static func isRequired(_ key: String, _ place: Place) -> Bool {
        switch (place, key) {
        case (.file, "file_id"), (.intent, "url"), (.quickapp, "page"), (.thirdParty, "content"),
            (.liveActivityIOS, "event"), (.liveActivityIOS, "content-state"), (.sms, "delay_time"),
            (.notification, "alert"), (.thirdPartyByPlatform, "android"):
            true
        default: false
        }
    }
}

@Suite struct `A free object of a push` {
    private static let anything = #"{"unheard_of":1,"":[1.5,{"a":{"b":[]}}],"好":"x","n":null}"#

    @Test(arguments: [
        (Place.android, "extras"), (.android, "inbox"), (.ios, "extras"), (.ios, "alert"), (.hmos, "extras"),
        (.hmos, "inbox"), (.hmos, "hm_payload"), (.quickapp, "extras"), (.web, "extras"), (.winphone, "extras"),
        (.notification, "voip"), (.notification, "alert"), (.message, "extras"), (.thirdParty, "extras"),
        (.sms, "temp_para"),
        (.options, "geofence"), (.callback, "params"), (.vendor, "inbox"), (.vendor, "auditResponse"),
        (.liveActivityIOS, "content-state"), (.liveActivityIOS, "attributes"), (.liveActivityIOS, "alert"),
    ])
    func `holds what the caller likes`(_ place: Place, _ key: String) throws {
        #expect(throws: Never.self) { try decode(place.body("\"\(key)\":\(Self.anything)"), place.rule) }
    }
}

@Suite struct `A required member` {
    @Test(arguments: [
        (#"{"audience":"all","notification":{"alert":"x"}}"#, "platform"),
        (#"{"platform":null,"audience":"all","notification":{"alert":"x"}}"#, "platform"),
        (#"{"platform":"all","notification":{"alert":"x"}}"#, "audience"),
        (#"{"platform":"all","audience":null,"notification":{"alert":"x"}}"#, "audience"),
        (#"{"platform":"all","audience":"all","message":{"title":"x"}}"#, "message.msg_content"),
        (#"{"platform":"all","audience":"all","message":{"title":"x","msg_content":null}}"#, "message.msg_content"),
        (#"{"platform":"all","audience":"all","live_activity":{}}"#, "live_activity.ios"),
        (#"{"platform":"all","audience":"all","live_activity":[]}"#, "live_activity.ios"),
        (Place.liveActivityIOS.body(#""event":null"#), "live_activity.ios.event"),
        (Place.liveActivityIOS.body(#""content-state":null"#), "live_activity.ios.content-state"),
        (Place.liveActivityIOS.body(#""event":"start""#), "live_activity.ios.attributes-type"),
        (Place.android.body(#""intent":{}"#), "notification.android.intent.url"),
        (Place.android.body(#""intent":[]"#), "notification.android.intent.url"),
        (Place.hmos.body(#""intent":{"url":null}"#), "notification.hmos.intent.url"),
        (Place.hmos.body(#""push_type":2"#), "notification.hmos.extra_data"),
        (Place.hmos.body(#""push_type":10"#), "notification.hmos.extra_data"),
        (Place.notification.body(#""quickapp":{"title":"t"}"#), "notification.quickapp.page"),
        (Place.notification.body(#""quickapp":[]"#), "notification.quickapp.page"),
        (Place.thirdParty.body(#""content":null"#), "notification_3rd.content"),
        (Place.sms.body(#""delay_time":null"#), "sms_message.delay_time"),
        (Place.vendor.body(#""category":null,"notify_level":1"#), "options.third_party_channel.huawei.category"),
    ])
    func `is missed by name with 1002`(_ body: String, _ path: String) {
        #expect(refusal(body, 1002)?.message(for: .push) == "Missing parameter: \(path) is required")
    }
}

@Suite struct `A member with a rule of its own` {
    @Test(arguments: ["0", "5", "99999", "5.0", #""""#, #""0""#, #""5""#, #""+1""#, #""-1""#, #""+99999""#])
    func `badge takes`(_ value: String) throws {
        #expect(throws: Never.self) { try decode(Place.ios.body("\"badge\":\(value)")) }
    }

    @Test(arguments: [
        "-1", "100000", "1.5", "true", "[]", "{}", #""auto""#, #""100000""#, #""+""#, #""++1""#, #""+-1""#, #""1 ""#,
        #""1.0""#, #""99999999999999999999""#,
    ])
    func `badge refuses`(_ value: String) {
        let refusal = refusal(Place.ios.body("\"badge\":\(value)"), 1003)
        #expect(refusal?.message(for: .push).hasPrefix("notification.ios.badge ") == true)
    }

    @Test(arguments: [
        (#""volume":0"#, true), (#""volume":1"#, true), (#""volume":0.25"#, true), (#""volume":1.01"#, false),
        (#""volume":-0.1"#, false), (#""volume":"1""#, false),
    ])
    func `volume of a sound is from 0 to 1`(_ member: String, _ isGood: Bool) {
        if isGood {
            #expect(throws: Never.self) { try decode(Place.sound.body(member)) }
        } else {
            #expect(
                refusal(Place.sound.body(member), 1003)?.detail?.hasPrefix("notification.ios.sound.volume ") == true)
        }
    }

    @Test(arguments: [
        (#""push_type":0"#, true), (#""push_type":2,"extra_data":"e""#, true),
        (#""push_type":10,"extra_data":"e""#, true),
        (#""push_type":1,"hm_payload":{}"#, true), (#""push_type":"7","hm_payload":{"a":1}"#, true),
        (#""push_type":1"#, false), (#""push_type":7"#, false), (#""push_type":3"#, false), (#""push_type":11"#, false),
        (#""push_type":"x""#, false),
    ])
    func `push_type of hmos needs its company`(_ member: String, _ isGood: Bool) {
        if isGood {
            #expect(throws: Never.self) { try decode(Place.hmos.body(member)) }
        } else {
            #expect(refusal(Place.hmos.body(member), 1003)?.detail?.hasPrefix("notification.hmos.push_type ") == true)
        }
    }

    @Test(arguments: [
        (#""content_available":1"#, "content_available"), (#""mutable_content":true"#, "mutable_content"),
    ])
    func `ios refuses the misspelt keys`(_ member: String, _ key: String) {
        let message = refusal(Place.ios.body(member), 1009)?.message(for: .push)
        #expect(message == "The key '\(key)' of notification.ios is not supported")
    }

    @Test(arguments: [#""x""#, #""""#, "{\"a\":1}", "[1]", "[]", "{}"])
    func `msg_content takes text and JSON`(_ value: String) throws {
        #expect(throws: Never.self) { try decode(Place.message.body("\"msg_content\":\(value)")) }
    }

    @Test(arguments: ["1", "true", "false"])
    func `msg_content refuses other scalars`(_ value: String) {
        #expect(
            refusal(Place.message.body("\"msg_content\":\(value)"), 1003)?.detail?.hasPrefix("message.msg_content ")
                == true)
    }

    @Test(arguments: [#""""#, #""a b""#, #""好""#, "1", "\"\(String(repeating: "c", count: 129))\""])
    func `cid refuses`(_ value: String) {
        #expect(refusal(Place.top.body("\"cid\":\(value)"), 1003)?.detail?.hasPrefix("cid ") == true)
    }

    @Test func `sms without a template is checked and dropped`() throws {
        let body = #"{"platform":"all","audience":"all","notification":{"alert":"x"},"sms_message":"#
        for sms in [#"{}"#, "[]", #"{"content":"c"}"#, #"{"delay_time":5,"temp_id":null}"#] {
            let kept = String(decoding: try decode(body + sms + "}").kept, as: UTF8.self)
            #expect(!kept.contains("sms_message"))
        }
        refusal(body + #"{"delay_time":-1}}"#, 1003)
        refusal(body + #"{"x":1}}"#, 1009)
        let kept = String(decoding: try decode(Place.sms.body(#""content":"c""#)).kept, as: UTF8.self)
        #expect(kept.contains(#""sms_message":{"delay_time":0,"temp_id":1}"#))
    }

    @Test func `notification_3rd is read by its version`() {
        let base = #"{"platform":"all","audience":"all","message":{"msg_content":"m"},"#
        #expect(throws: Never.self) {
            try decode(
                base + #""options":{"notification_3rd_ver":"v1"},"notification_3rd":{"content":"c","intent":"i"}}"#)
        }
        #expect(
            refusal(base + #""notification_3rd":{"content":"c","android":{}}}"#, 1009)?.detail?.contains("'android'")
                == true)
        let second = base + #""options":{"notification_3rd_ver":"v2"},"notification_3rd":"#
        #expect(refusal(second + #"{"content":"c"}}"#, 1009)?.detail?.contains("'content' of notification_3rd") == true)
        #expect(refusal(second + "{}}", 1003)?.detail?.hasPrefix("notification_3rd ") == true)
        #expect(
            refusal(second + #"{"ios":{"badge":"x"}}}"#, 1003)?.detail?.hasPrefix("notification_3rd.ios.badge ") == true
        )
        refusal(
            #"{"platform":"all","audience":"all","notification":{"alert":"x"},"notification_3rd":{"content":"c"}}"#,
            1003)
    }
}

@Suite struct `A hostile push` {
    // A comparison of each with each would take minutes at this size.
    private static let many = 20_000

    @Test func `pays for its size alone with members that come to nothing`() throws {
        let nulls = (0..<Self.many).map { "\"k\($0)\":null" }.joined(separator: ",")
        #expect(throws: Never.self) { try decode(Place.android.body(nulls)) }
        let undone = (0..<Self.many / 2).map { "\"k\($0)\":1,\"k\($0)\":null" }.joined(separator: ",")
        #expect(throws: Never.self) { try decode(Place.android.body(undone)) }
        let doubled = (0..<Self.many).map { _ in #""title":"t""# }.joined(separator: ",")
        #expect(throws: Never.self) { try decode(Place.android.body(doubled)) }
        refusal(Place.android.body("\(undone),\"k0\":2"), 1009)
    }

    @Test func `pays for its size alone with retired platforms`() throws {
        let names = (0..<Self.many).map { _ in #""winphone""# }.joined(separator: ",")
        let push = try decode(#"{"platform":["ios",\#(names)],"audience":"all","notification":{"alert":"x"}}"#)
        #expect(push.kept == Array(#"{"platform":["ios"],"audience":"all","notification":{"alert":"x"}}"#.utf8))
    }
}
