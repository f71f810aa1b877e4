import Testing

@testable import ApusContract

@Suite struct `A batch` {
    private func read(_ text: String, to target: BatchRequest.Target = .alias) throws(Refusal) -> BatchRequest {
        try BatchRequest(decoding: Array(text.utf8), to: target)
    }

    private func item(_ text: String, to target: BatchRequest.Target = .alias) throws -> BatchRequest.Item {
        try #require(try self.read(#"{"pushlist":{"c":\#(text)}}"#, to: target).items.first)
    }

    @Test func `makes of an item the push that says the same`() throws {
        let alias = try self.item(
            #"{"platform":"all","target":"a","notification":{"alert":"x"},"options":{"sendno":3}}"#)
        let said = #"{"platform":"all","notification":{"alert":"x"},"options":{"sendno":3},"#
        let push = try PushRequest(decoding: Array((said + #""audience":{"alias":["a"]},"cid":"c"}"#).utf8))
        #expect(try alias.push.get() == push)
        let device = try self.item(
            #"{"target":7,"message":{"msg_content":"x"},"platform":["ios"]}"#, to: .registrationID)
        guard case .matching(let kinds) = try device.push.get().audience else { throw Odd() }
        #expect(kinds.registrationID == [try #require(RegistrationID("7"))])
        #expect(device.target == "7")
    }

    @Test func `keeps its items in order, of those with one key the last`() throws {
        let batch = try self.read(#"{"pushlist":{"b":1,"a":2,"b":3,"c":null}}"#)
        #expect(batch.items.map(\.key) == ["a", "b"])
    }

    @Test(arguments: [
        (#"{"platform":"all","notification":{"alert":"x"}}"#, Refusal.Kind.missingValue),
        (#"{"target":"a","notification":{"alert":"x"}}"#, .missingValue),
        (#"{"platform":"all","target":"a"}"#, .missingValue),
        (#"{"platform":"all","target":"","notification":{"alert":"x"}}"#, .badValue),
        (#"{"platform":"all","target":["a"],"notification":{"alert":"x"}}"#, .badValue),
        (#"{"platform":"all","target":"a b","notification":{"alert":"x"}}"#, .badValue),
        (#"{"platform":"all","target":"a","notification":"x"}"#, .badValue),
        (#"{"platform":"all","target":"a","notification":{"alert":"x"},"audience":"all"}"#, .unsupportedKey),
        (#"{"platform":"all","target":"a","notification":{"alert":"x"},"cid":"c"}"#, .unsupportedKey),
        ("[]", .badValue), ("7", .badValue),
    ])
    func `tells what is wrong with an item with the item`(_ text: String, _ kind: Refusal.Kind) throws {
        #expect(throws: Refusal.self) { try self.item(text).push.get() }
        guard case .failure(let refusal) = try self.item(text).push else { return }
        #expect(refusal.kind == kind)
    }

    @Test(arguments: [
        "", "{}", #"{"pushlist":null}"#, #"{"pushlist":{}}"#, #"{"pushlist":[1]}"#, #"{"pushlist":{"c":1},"x":1}"#,
    ])
    func `is refused as a whole when the list cannot be read`(_ text: String) {
        #expect(throws: Refusal.self) { try self.read(text) }
    }

    @Test func `has a thousand items at most`() throws {
        func text(_ count: Int) -> String {
            #"{"pushlist":{"# + (0..<count).map { "\"\($0)\":1" }.joined(separator: ",") + "}}"
        }
        #expect(try self.read(text(1000)).items.count == 1000)
        #expect(throws: Refusal.self) { try self.read(text(1001)) }
    }

    private struct Odd: Error {}
}

@Suite struct `A push template` {
    /// A value that stands in many places makes a text many times as long as the request.
    @Test func `takes values up to a size`() throws {
        let template =
            #"{"platform":"all","message":{"msg_content":"x"},"options":{"receipt_id":"{{a}}{{a}}"}}"#
        let value = String(repeating: "x", count: PushTemplate.valuesMaxBytes / 2)
        #expect(try self.push(template, ["a": value]).kept.count > PushTemplate.valuesMaxBytes)
        let refusal = #expect(throws: Refusal.self) { try self.push(template, ["a": value + "xxxxxxxx"]) }
        #expect(refusal?.kind == .tooLarge)
    }

    private func read(_ text: String) throws(Refusal) -> PushTemplate { try PushTemplate(decoding: Array(text.utf8)) }

    private func push(
        _ template: String, _ values: [String: String], options: String = "", geofence: String? = nil
    ) throws -> PushRequest {
        try self.read(template).push(
            values, audience: Array("\"all\"".utf8), rule: .devices, options: Array(options.utf8),
            geofence: geofence.map { Array($0.utf8) })
    }

    private static let hello = #"{"platform":"all","notification":{"alert":"Hi {{name}}{{n-1}} {{ x }} {{}} {{a}"}}"#

    @Test func `fills its variables and leaves what only looks like one`() throws {
        #expect(try self.read(Self.hello).variables == ["n-1", "name"])
        let push = try self.push(Self.hello, ["name": "\"A\"\\\n李{{n-1}}", "n-1": "{{name}}", "other": "x"])
        let text = String(decoding: try #require(push.content.notifications[.android]), as: UTF8.self)
        #expect(text == #"{"alert":"Hi \"A\"\\\n李{{n-1}}{{name}} {{ x }} {{}} {{a}"}"#)
    }

    @Test func `asks for every variable`() throws {
        let refusal = #expect(throws: Refusal.self) { try self.push(Self.hello, ["name": "a"]) }
        #expect(refusal == .missing("keys.n-1"))
    }

    @Test func `lets the call's options stand over its own`() throws {
        let template =
            #"{"platform":"all","message":{"msg_content":"x"},"options":{"sendno":1,"time_to_live":"{{t}}"}}"#
        #expect(try self.push(template, ["t": "7"]).options.timeToLiveSeconds == 7)
        let push = try self.push(
            template, ["t": "7"], options: #""time_to_live":9,"sendno":null"#, geofence: #"{"a":1}"#)
        #expect(push.options.timeToLiveSeconds == 9)
        #expect(push.options.sendno == 0)
        #expect(String(decoding: push.kept, as: UTF8.self).contains(#""geofence":{"a":1}"#))
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"platform":"all"}"#, #"{"platform":"all","notification":{"alert":"x"},"audience":"all"}"#,
        #"{"platform":"all","notification":{"alert":"x"},"cid":"c"}"#,
        #"{"platform":"all","notification":{"alert":"x"},"x":1}"#,
        #"{"platform":"all","notification":{"alert":"x"},"options":7}"#,
        #"{"platform":"{{p}}","notification":{"alert":"x"}}"#,
    ])
    func `is refused when no values could make it a push`(_ text: String) {
        #expect(throws: Refusal.self) { try self.read(text) }
    }
}

@Suite struct `A saved audience` {
    @Test(arguments: [
        #"{"audience":"all"}"#, #"{"audience":{}}"#, #"{"audience":{"segment":["s"]}}"#,
        #"{"audience":{"abtest":["s.a"]}}"#,
        #"{"audience":{"file":{"file_id":"f"}}}"#, #"{"audience":{"tag":["a"]},"x":1}"#, "{}", "",
    ])
    func `is no segment without kinds of its own`(_ text: String) {
        #expect(throws: Refusal.self) { try Segment(decoding: Array(text.utf8)) }
    }

    @Test(arguments: ["[]", "[0,100]", "[50,51]", "[-1]", "[1.5]", "[\"x\"]", "7", "[101]"])
    func `is no test without legal shares`(_ shares: String) {
        #expect(throws: Refusal.self) { try ABTest(decoding: Array(#"{"audience":"all","shares":\#(shares)}"#.utf8)) }
    }

    @Test func `has up to 26 parts, named by letters`() throws {
        func test(_ count: Int) throws(Refusal) -> ABTest {
            let shares = repeatElement("3", count: count).joined(separator: ",")
            return try ABTest(decoding: Array(#"{"audience":"all","shares":[\#(shares)]}"#.utf8))
        }
        #expect(try test(26).parts.last == "z")
        #expect(throws: Refusal.self) { try test(27) }
        let third = try #require(ABTest.Part("t.c"))
        #expect(try test(2).membership(of: third) == nil)
    }

    private static func membership(of name: String, in test: ABTest) throws -> ABTest.Membership {
        let part = try #require(ABTest.Part(name))
        return try #require(test.membership(of: part))
    }

    @Test(arguments: ["", "t", "t.", ".a", "t.ab", "t.a.b", "."])
    func `is split into parts that are named after the test`(_ text: String) {
        #expect(ABTest.Part(text) == nil)
    }

    @Test func `puts every device into one part at most, each part as large as its share`() throws {
        let test = try ABTest(decoding: Array(#"{"audience":"all","shares":[10,60]}"#.utf8))
        let parts = try ["t.a", "t.b"].map { try Self.membership(of: $0, in: test) }
        let count: UInt32 = 100_000
        let (first, second) = ((0..<count).count { parts[0].includes($0) }, (0..<count).count { parts[1].includes($0) })
        #expect((9_500...10_500).contains(first))
        #expect((59_000...61_000).contains(second))
        #expect(!(0..<count).contains { parts[0].includes($0) && parts[1].includes($0) })
    }

    @Test func `splits as in every earlier version`() throws {
        let test = try ABTest(decoding: Array(#"{"audience":"all","shares":[50]}"#.utf8))
        let part = try Self.membership(of: "checkout.a", in: test)
        // From the published FNV-1a and SplitMix64, worked out apart from this code, and never to change: a device
        // must not move to another part.
        #expect((0..<24).filter { part.includes($0) } == Self.pinned)
    }

    private static let pinned: [UInt32] = [0, 2, 3, 5, 7, 9, 16, 20, 23]

    @Test func `splits two tests independently`() throws {
        let test = try ABTest(decoding: Array(#"{"audience":"all","shares":[50]}"#.utf8))
        let parts = try ["one.a", "two.a"].map { try Self.membership(of: $0, in: test) }
        let both = (0..<UInt32(10_000)).count { parts[0].includes($0) && parts[1].includes($0) }
        #expect((2_300...2_700).contains(both))
    }
}

@Suite struct `User statistics` {
    private static let today = DayUTC8(number: 20_000)  // 2024-10-04

    private func read(
        _ unit: String?, _ start: String?, _ duration: String?
    ) throws(Refusal) -> UserStatisticsQuery {
        try UserStatisticsQuery(unit: unit, start: start, duration: duration, today: Self.today)
    }

    @Test func `are told for consecutive periods without gaps`() throws {
        for query in [
            try self.read("hour", "2024-10-04 00", "24"), try self.read("DAY", "2024-08-30", "60"),
            try self.read("MONTH", "2024-12", "2"),
        ] {
            #expect(query.periods.count == query.duration)
            for (one, next) in zip(query.periods, query.periods.dropFirst()) {
                #expect(one.endMilliseconds == next.startMilliseconds)
            }
        }
        #expect(try self.read("MONTH", "2024-12", "2").periods.map(\.name) == ["2024-12", "2025-01"])
        #expect(try self.read("DAY", "2024-08-31", "2").periods.map(\.name) == ["2024-08-31", "2024-09-01"])
        #expect(try self.read("HOUR", "2024-10-04 22", "3").periods.map(\.name) == ["2024-10-04 22", "2024-10-04 23"])
        let midnight = try self.read("DAY", "2024-10-04", "1").periods[0]
        #expect(midnight.startMilliseconds == 20_000 * 86_400_000 - 8 * 3_600_000)
    }

    @Test func `reach back sixty days, months while a day of theirs does`() throws {
        #expect(try self.read("DAY", "2024-08-05", "1").periods.count == 1)
        #expect(throws: Refusal(.periodTooOld, "start is more than 60 days ago")) {
            try self.read("DAY", "2024-08-04", "9")
        }
        #expect(try self.read("HOUR", "2024-08-05 00", "1").periods.count == 1)
        #expect(throws: Refusal.self) { try self.read("HOUR", "2024-08-04 23", "1") }
        #expect(try self.read("MONTH", "2024-08", "1").periods.count == 1)
        #expect(throws: Refusal.self) { try self.read("MONTH", "2024-07", "2") }
    }

    @Test(
        arguments: [
            (nil, "2024-10-04", "1", Refusal.Kind.missingValue), ("DAY", nil, "1", .missingValue),
            ("DAY", "2024-10-04", nil, .missingValue), ("WEEK", "2024-10-04", "1", .badPeriod),
            ("DAY", "2024-10", "1", .badPeriod), ("MONTH", "2024-10-04", "1", .badPeriod),
            ("HOUR", "2024-10-04 24", "1", .badPeriod), ("HOUR", "2024-10-04", "1", .badPeriod),
            ("DAY", "2024-10-04", "0", .badValue), ("DAY", "2024-10-04", "-1", .badValue),
            ("DAY", "2024-10-04", "", .badValue),
        ] as [(String?, String?, String?, Refusal.Kind)])
    func `are refused for what is no period`(
        _ unit: String?, _ start: String?, _ duration: String?, _ kind: Refusal.Kind
    ) {
        let refusal = #expect(throws: Refusal.self) { try self.read(unit, start, duration) }
        #expect(refusal?.kind == kind)
    }
}
