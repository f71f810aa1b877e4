import Testing

@testable import ApusContract

@Suite struct `The platform of a push` {
    private func body(_ platform: String) -> String {
        #"{"platform":\#(platform),"audience":"all","message":{"msg_content":"m"}}"#
    }

    @Test(
        arguments: [
            (#""all""#, Platform.allCases), (#""ALL""#, Platform.allCases), (#"["all"]"#, Platform.allCases),
            (#"["All"]"#, Platform.allCases), (#""android""#, [.android]), (#""iOS""#, [.ios]),
            (#"["quickapp"]"#, [.quickapp]),
            (#"["hmos","web","HMOS"]"#, [.hmos, .web]),
            (#"["android","ios","hmos","quickapp","web"]"#, Platform.allCases),
            (#"{"0":"ios"}"#, [.ios]), (#"{"1":"ios","7":"android","8":null}"#, [.android, .ios]),
            (#"["winphone","android"]"#, [.android]), (#"["WinPhone","all"]"#, Platform.allCases),
            (#"{"0":"winphone","2":"web"}"#, [.web]),
        ] as [(String, [Platform])])
    func `is`(_ platform: String, _ expected: [Platform]) throws {
        let push = try decode(self.body(platform))
        #expect(push.platforms.members == expected)
        #expect(!String(decoding: push.kept, as: UTF8.self).lowercased().contains("winphone"))
        #expect(try PushRequest(decoding: push.kept) == push)
    }

    @Test(arguments: [
        #""""#, #""symbian""#, "[]", "{}", "1", "true", #"["ios",1]"#, #"["ios",null]"#, #"["ios","symbian"]"#,
        #"["ios",["android"]]"#, #"{"ios":"ios"}"#, #"{"":"ios"}"#, #"{"0":"all"}"#, #"["all","ios"]"#, #"[["all"]]"#,
    ])
    func `is refused with 1003 as`(_ platform: String) {
        #expect(refusal(self.body(platform), 1003)?.detail?.hasPrefix("platform") == true)
    }

    @Test(arguments: [
        #""winphone""#, #""WinPhone""#, #"["winphone"]"#, #"["winphone","winphone"]"#, #"{"3":"winphone"}"#,
    ])
    func `is retired as`(_ platform: String) {
        refusal(self.body(platform), 410)
    }
}

@Suite struct `The audience of a push` {
    private func read(_ audience: String, _ rule: AudienceRule = .devices) throws -> Audience {
        try decode(#"{"platform":"all","audience":\#(audience),"notification":{"alert":"x"}}"#, rule).audience
    }

    private func refuse(_ audience: String, _ code: Int, _ rule: AudienceRule = .devices) -> Refusal? {
        refusal(#"{"platform":"all","audience":\#(audience),"notification":{"alert":"x"}}"#, code, rule)
    }

    @Test(arguments: [#""all""#, #""ALL""#, #""All""#])
    func `is everybody`(_ audience: String) throws {
        #expect(try self.read(audience) == .all)
    }

    @Test func `holds every kind as asked`() throws {
        var kinds = Audience.Kinds()
        kinds.tag = ["a", "b", "a"].compactMap(Tag.init)
        kinds.tagAnd = ["深圳"].compactMap(Tag.init)
        kinds.tagNot = ["@!#$&*+=.|￥_"].compactMap(Tag.init)
        kinds.alias = ["A1", "2", "3.5"].compactMap(Alias.init)
        kinds.registrationID = ["1a-_", "4"].compactMap(RegistrationID.init)
        kinds.segment = "s e g"
        kinds.abtest = "7"
        let audience = try self.read(
            #"""
            {"tag":["a","b","a"],"tag_and":["深圳"],"tag_not":["@!#$&*+=.|￥_"],"alias":["A1",2,3.5],
             "registration_id":["1a-_",4],"segment":["s e g"],"abtest":[7]}
            """#)
        #expect(audience == .matching(kinds))
    }

    @Test(arguments: ["[]", "{}", "null"])
    func `has no kind where a list is empty`(_ list: String) throws {
        for kind in ["tag", "tag_and", "tag_not", "alias", "registration_id", "segment", "abtest"] {
            var kinds = Audience.Kinds()
            kinds.alias = ["x"].compactMap(Alias.init)
            if kind != "alias" { #expect(try self.read("{\"alias\":[\"x\"],\"\(kind)\":\(list)}") == .matching(kinds)) }
            #expect(self.refuse("{\"\(kind)\":\(list)}", 1003)?.detail?.hasPrefix("audience ") == true)
        }
    }

    @Test(arguments: ["{}", "[]", #""some""#, #""""#, "1", "true", #"["all"]"#, #"[{"tag":["a"]}]"#])
    func `is refused where it is no object of kinds`(_ audience: String) {
        #expect(self.refuse(audience, 1003)?.detail?.hasPrefix("audience ") == true)
    }

    @Test(arguments: ["tag", "tag_and", "tag_not", "alias", "registration_id", "segment", "abtest"])
    func `is refused in the vendor's words where a kind is no array`(_ kind: String) {
        for value in [#""a""#, "1", "true", #"{"a":"b"}"#, #""all""#] {
            let refusal = self.refuse("{\"\(kind)\":\(value)}", 1003)
            #expect(refusal?.message(for: .push) == "Audience value must be JSON Array format!")
        }
    }

    @Test(arguments: ["tag", "tag_and", "tag_not", "alias", "segment", "abtest"])
    func `is refused where an element is no text`(_ kind: String) {
        for value in ["\"\"", "true", "null", "[]", "{}", "[\"a\"]"] {
            let refusal = self.refuse("{\"\(kind)\":[\(value)]}", 1003)
            #expect(refusal?.detail?.hasPrefix("audience.\(kind)[0] ") == true)
        }
    }

    @Test(arguments: [
        ("tag", 20), ("tag_and", 20), ("tag_not", 20), ("alias", 1000), ("registration_id", 1000), ("segment", 1),
        ("abtest", 1),
    ])
    func `takes so many of a kind and no more`(_ kind: String, _ max: Int) {
        func list(_ count: Int) -> String {
            "{\"\(kind)\":[" + (0..<count).map { "\"x\($0)\"" }.joined(separator: ",") + "]}"
        }
        #expect(throws: Never.self) { try self.read(list(max)) }
        #expect(self.refuse(list(max + 1), 1003)?.detail == "audience.\(kind) must be a list of at most \(max)")
    }

    @Test(arguments: ["tag", "tag_and", "tag_not", "alias"])
    func `holds labels to 40 bytes and their alphabet`(_ kind: String) {
        let good = [
            String(repeating: "x", count: 40), String(repeating: "好", count: 13) + "x", "@!#$&*+=.|￥_", "深圳", "aZ09",
        ]
        for label in good { #expect(throws: Never.self) { try self.read("{\"\(kind)\":[\"\(label)\"]}") } }
        let bad = [
            String(repeating: "x", count: 41), String(repeating: "好", count: 13) + "xx", "a b", "a-b", "a,b", "é", "😀",
            "a/b", "%", "ａ", "，", "\\u0000", "a\\n",
        ]
        for label in bad {
            let refusal = self.refuse("{\"\(kind)\":[\"ok\",\"\(label)\"]}", 1003)
            #expect(refusal?.detail?.hasPrefix("audience.\(kind)[1] ") == true, "\(label)")
        }
    }

    @Test func `is refused with every malformed registration id, the first by name`() {
        let long = String(repeating: "a", count: 65)
        let refusal = self.refuse(#"{"registration_id":["good","b d","","é","\#(long)","also_good-1"]}"#, 1003)
        #expect(refusal?.message(for: .push) == "The registration_id b d is invalid!")
        #expect(refusal?.illegalRegistrationIDs == ["b d", "", "é", long])
        #expect(throws: Never.self) {
            try self.read("{\"registration_id\":[\"\(String(repeating: "a", count: 64))\"]}")
        }
        #expect(
            self.refuse(#"{"registration_id":["a",null]}"#, 1003)?.detail?.hasPrefix("audience.registration_id[1] ")
                == true)
    }

    @Test func `names a live activity only for one, and alone`() throws {
        func body(_ audience: String) -> String {
            #"{"platform":"ios","audience":\#(audience),"live_activity":{"ios":{"event":"end","content-state":{}}}}"#
        }
        let push = try decode(body(#"{"live_activity_id":"la1"}"#))
        guard case .matching(let kinds) = push.audience else { throw refusalOf("not matching") }
        #expect(kinds.liveActivityID == "la1")
        #expect(push.content.isLiveActivity && push.content.notifications.isEmpty && push.content.message == nil)
        #expect(throws: Never.self) { try decode(body(#"{"tag":["a"]}"#)) }
        for audience in [
            #"{"live_activity_id":"la1","tag":["a"]}"#, #"{"live_activity_id":""}"#, #"{"live_activity_id":["a"]}"#,
        ] {
            #expect(refusal(body(audience), 1003)?.detail?.hasPrefix("audience.live_activity_id ") == true)
        }
        #expect(
            self.refuse(#"{"live_activity_id":"la1"}"#, 1003)?.detail?.hasPrefix("audience.live_activity_id ") == true)
    }

    @Test func `names an uploaded list where the endpoint takes one, and alone`() throws {
        let file = #"{"file":{"file_id":"f-1"}}"#
        for rule in [AudienceRule.file, .devicesOrFile] {
            guard case .matching(let kinds) = try self.read(file, rule) else { throw refusalOf("not matching") }
            #expect(kinds.fileID == "f-1")
            #expect(
                self.refuse(#"{"file":{"file_id":"f"},"tag":["a"]}"#, 1003, rule)?.detail?.hasPrefix("audience.file ")
                    == true)
            #expect(
                self.refuse(#"{"file":{}}"#, 1002, rule)?.detail
                    == "Missing parameter: audience.file.file_id is required")
            #expect(self.refuse(#"{"file":"f"}"#, 1003, rule)?.detail?.hasPrefix("audience.file ") == true)
        }
        #expect(self.refuse(file, 1003)?.detail?.hasPrefix("audience.file ") == true)
        for audience in [#""all""#, #"{"tag":["a"]}"#, "{}"] {
            #expect(self.refuse(audience, 1002, .file)?.detail == "Missing parameter: audience.file is required")
        }
        #expect(try self.read(#""all""#, .devicesOrFile) == .all)
    }

    private func refusalOf(_ text: String) -> Refusal { Refusal(.internalFault, text) }
}
