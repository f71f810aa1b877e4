import Testing

@testable import ApusContract

/// Random pushes from a seed, in every spelling that the contract lets pass.
private struct PushMaker {
    var random: Seeded

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self.random) < percent }

    mutating func one(_ texts: [String]) -> String { texts.randomElement(using: &self.random) ?? "" }

    /// Members in any order, some null, some doubled, with spaces.
    mutating func object(_ members: [String]) -> String {
        var members = members
        if let name = members.first?.prefix(while: { $0 != ":" }), self.chance(20) {
            members.insert("\(name):null", at: 0)
        }
        if self.chance(20) { members.append("\"unheard_of\":null") }
        let comma = self.one([",", ", ", " ,\n"])
        return self.one(["{", "{ "]) + members.joined(separator: comma) + self.one(["}", "\t}"])
    }

    mutating func members(_ place: Place) -> [String] {
        var members: [String] = []
        for (key, type) in place.fields where self.chance(25) {
            guard key != "active_push", key != "notification_3rd_ver", place != .liveActivityIOS else { continue }
            if place == .notification, ["alert", "android", "ios", "hmos", "web"].contains(key) { continue }
            members.append("\"\(key)\":\(self.one(type.good))")
        }
        return members
    }

    mutating func push() -> String {
        var notification = [self.one([#""alert":"x""#, #""alert":"\u4f60\/\"\n""#])] + self.members(.notification)
        if self.chance(60) { notification.append("\"android\":" + self.object(self.members(.android))) }
        if self.chance(60) { notification.append("\"ios\":" + self.object(self.members(.ios))) }
        if self.chance(30) { notification.append("\"hmos\":" + self.object(self.members(.hmos))) }
        if self.chance(30) {
            notification.append("\"quickapp\":" + self.object([#""page":"/""#] + self.members(.quickapp)))
        }
        if self.chance(30) { notification.append("\"web\":" + self.object(self.members(.web))) }
        var top = [
            "\"platform\":"
                + self.one([#""all""#, #"["android","winphone"]"#, #"{"0":"ios","1":"winphone"}"#, #"["web","hmos"]"#]),
            "\"audience\":"
                + self.one([
                    #""all""#, #"{"tag":["a","\u6df1圳"],"alias":[1, 2.5]}"#, #"{"registration_id":["1a"],"tag":{}}"#,
                ]),
            "\"notification\":" + self.object(notification),
        ]
        if self.chance(50) { top.append("\"options\":" + self.object(self.members(.options))) }
        if self.chance(40) {
            top.append(
                "\"message\":"
                    + self.object(
                        [#""msg_content":"# + self.one(["\"m\"", "{\"a\": null}", "[1]"])] + self.members(.message)))
        }
        if self.chance(30) {
            top.append(
                "\"sms_message\":"
                    + self.object(
                        self.one([#""delay_time":1,"temp_id":2"#, #""content":"c""#]).split(separator: ",").map(
                            String.init)))
        }
        if self.chance(30) { top.append(#""cid":"c-1""#) }
        if self.chance(20) { top.append("\"callback\":" + self.object(self.members(.callback))) }
        return self.object(top.shuffled(using: &self.random))
    }
}

@Suite struct `What is kept of a push` {
    @Test(arguments: 0..<4 as Range<UInt64>)
    func `decodes to an equal push, is compact and stays as it is`(_ seed: UInt64) throws {
        var maker = PushMaker(random: Seeded(seed: seed))
        var accepted = 0
        for _ in 0..<1_500 {
            let text = maker.push()
            guard let push = try? decode(text) else { continue }
            accepted += 1
            let again = try PushRequest(decoding: push.kept)
            #expect(again == push, "\(text)")
            #expect(again.kept == push.kept)
            #expect(try JSONValue(parsing: push.kept).compact() == push.kept)
            for text in Platform.allCases.compactMap({ push.content.notifications[$0] }) {
                #expect(try JSONValue(parsing: text)["alert"] != nil)
            }
        }
        #expect(accepted > 700, "only \(accepted) of the random pushes are legal")
    }

    @Test func `is the push as sent, without what means nothing`() throws {
        let push = try decode(
            #"""
            { "platform": ["ios", "WinPhone", "android"], "cid": "old", "audience": {"alias": ["\u4f60"], "tag": []},
              "notification": {"alert": "x\/", "winphone": {"alert": "w"}, "web": {"extras": {"n": null, "f": 1.50}}},
              "message": {}, "options": {"sendno": 1.0, "apns_production": "false"}, "callback": null, "cid": "new" }
            """#)
        let kept =
            #"{"platform":["ios","android"],"audience":{"alias":["你"],"tag":[]},"#
            + #""notification":{"alert":"x/","web":{"extras":{"f":1.50}}},"#
            + #""message":{},"options":{"sendno":1.0,"apns_production":"false"},"cid":"new"}"#
        #expect(String(decoding: push.kept, as: UTF8.self) == kept)
        #expect(push.cid == CID("new"))
    }

    @Test func `holds URLs in place of media ids, each that of whoever shows the picture`() throws {
        let (known, other) = ("0eac1b80-c2ac-4b69-948b-c65b34b96512", "1eac1b80-c2ac-4b69-948b-c65b34b96512")
        let push = try decode(
            #"""
            {"platform": "all", "audience": "all", "cid": "c", "notification": {"alert": "\#(known)",
              "android": {"large_icon": "\#(known)", "small_icon_uri": "\#(other)", "big_pic_path": "file.png",
                "extras": {"large_icon": "\#(known)"}}, "hmos": {"large_icon": "\#(known)"}},
             "options": {"third_party_channel": {"oppo": {"big_pic_path": "\#(known)"}}}}
            """#)
        #expect(push.mediaIDs == [known, other])
        let shown = try push.showing { id, channel in
            guard id == known else { return nil }
            switch channel {
            case .own: return "http://own/\""
            case .vendor(let name): return "http://\(name)/"
            }
        }
        let kept =
            #"{"platform":"all","audience":"all","cid":"c","notification":{"alert":"\#(known)","android":"#
            + #"{"large_icon":"http://own/\"","small_icon_uri":"\#(other)","big_pic_path":"file.png","#
            + #""extras":{"large_icon":"\#(known)"}},"hmos":{"large_icon":"http://hmos/"}},"#
            + #""options":{"third_party_channel":{"oppo":{"big_pic_path":"http://oppo/"}}}}"#
        #expect(String(decoding: shown.kept, as: UTF8.self) == kept)
        #expect(shown.cid == CID("c") && shown.mediaIDs == [other])
        #expect(try push.showing { _, _ in nil } == push)
    }

    @Test func `survives a push cut short or mutated without a crash`() {
        let text = Array(
            (#"{"platform":["ios"],"audience":{"tag":["a"]},"notification":{"alert":"x","ios":{"badge":"+1"}},"#
                + #""options":{"sendno":1}}"#).utf8)
        for length in 0..<text.count {
            #expect(throws: Refusal.self) { try PushRequest(decoding: Array(text[..<length])) }
        }
        var random = Seeded(seed: 7)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20..<0x7F, using: &random)
            }
            guard let push = try? PushRequest(decoding: bytes) else { continue }
            accepted += 1
            #expect((try? PushRequest(decoding: push.kept)) == push)
        }
        #expect(accepted > 100)
    }
}
