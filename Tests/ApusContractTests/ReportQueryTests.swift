import Testing

@testable import ApusContract

@Suite struct `A list of message ids` {
    @Test(arguments: [
        ("1", ["1"]), ("1,2,1", ["1", "2"]), (" 1 , 2 ,,", ["1", "2"]), ("007,7", ["7"]), ("0", ["0"]),
        ("9223372036854775807", ["9223372036854775807"]), (",,3", ["3"]),
    ])
    func `keeps distinct ids in order`(_ text: String, _ expected: [String]) throws {
        #expect(try MessageIDList(query: text).ids.map(\.text) == expected)
    }

    @Test(arguments: [nil, "", " ", ",", " , ,"])
    func `needs one`(_ text: String?) {
        let refusal = #expect(throws: Refusal.self) { try MessageIDList(query: text) }
        #expect(refusal?.kind == .missingValue)
        #expect(refusal?.row(for: .report).code == 3002)
    }

    @Test(arguments: [
        "x", "1,x", "-1", "+1", "1.0", "1 2", "9223372036854775808", "12345678901234567890", "0000000000000000000001",
        "１",
        "1\t",
    ])
    func `refuses a part that is no id`(_ text: String) {
        let refusal = #expect(throws: Refusal.self) { try MessageIDList(query: text) }
        #expect(refusal?.kind == .badValue)
        #expect(refusal?.row(for: .report).code == 3002)
    }

    @Test func `takes a hundred distinct ids and no more`() throws {
        let hundred = (1...100).map(String.init).joined(separator: ",")
        #expect(try MessageIDList(query: hundred + ",1,2").ids.count == 100)
        let refusal = #expect(throws: Refusal.self) { try MessageIDList(query: hundred + ",101") }
        #expect(refusal?.kind == .badValue)
    }
}

@Suite struct `A message status query` {
    private func read(_ text: String) throws(Refusal) -> MessageStatusQuery {
        try MessageStatusQuery(decoding: Array(text.utf8))
    }

    @Test func `reads ids as sent, distinct, malformed ones too`() throws {
        let query = try self.read(
            #"{"msg_id":17,"registration_ids":["a","b c","a","","\u00e9","e\u0301"],"date":"2014-09-17","unknown":[1]}"#
        )
        #expect(query.messageID == MessageID(17))
        #expect(
            query.registrationIDs.map { Array($0.utf8) }
                == ["a", "b c", "", "\u{E9}", "e\u{301}"].map { Array($0.utf8) })
        #expect(query.day?.text == "2014-09-17")
    }

    @Test(
        arguments: [
            (#""date":"2014-09-17""#, "2014-09-17"), (#""data":"2014-09-17""#, "2014-09-17"),
            (#""date":null,"data":"2014-09-17""#, "2014-09-17"),
            (#""date":"2014-09-18","data":"2014-09-17""#, "2014-09-18"),
            (#""date":null"#, nil),
        ] as [(String, String?)])
    func `takes the day under both spellings`(_ member: String, _ day: String?) throws {
        #expect(
            try self.read(#"{"msg_id":"9223372036854775807","registration_ids":["a"],\#(member)}"#).day?.text == day)
    }

    @Test(arguments: [
        ("", Refusal.Kind.missingValue), ("[]", .badValue), ("null", .badValue), ("{", .badValue),
        ("{}", .missingValue),
        (#"{"msg_id":1}"#, .missingValue), (#"{"registration_ids":["a"]}"#, .missingValue),
        (#"{"msg_id":null,"registration_ids":["a"]}"#, .missingValue),
        (#"{"msg_id":"x","registration_ids":["a"]}"#, .badValue),
        (#"{"msg_id":-1,"registration_ids":["a"]}"#, .badValue),
        (#"{"msg_id":1.5,"registration_ids":["a"]}"#, .badValue),
        (#"{"msg_id":[1],"registration_ids":["a"]}"#, .badValue), (#"{"msg_id":1,"registration_ids":[]}"#, .badValue),
        (#"{"msg_id":1,"registration_ids":{}}"#, .badValue), (#"{"msg_id":1,"registration_ids":"a"}"#, .badValue),
        (#"{"msg_id":1,"registration_ids":[1]}"#, .badValue),
        (#"{"msg_id":1,"registration_ids":["a"],"date":"2014-9-1"}"#, .badValue),
        (#"{"msg_id":1,"registration_ids":["a"],"date":20140901}"#, .badValue),
        (#"{"msg_id":1,"registration_ids":["a"],"data":""}"#, .badValue),
    ])
    func `is refused with 3002`(_ text: String, _ kind: Refusal.Kind) {
        let refusal = #expect(throws: Refusal.self) { try self.read(text) }
        #expect(refusal?.kind == kind)
        #expect(refusal?.row(for: .report).code == 3002)
        #expect(refusal?.row(for: .report).status == .badRequest)
    }

    @Test func `takes a thousand registration ids and no more`() throws {
        func text(_ count: Int) -> String {
            #"{"msg_id":1,"registration_ids":["# + (0..<count).map { "\"\($0)\"" }.joined(separator: ",") + "]}"
        }
        #expect(try self.read(text(1000)).registrationIDs.count == 1000)
        #expect(throws: Refusal.self) { try self.read(text(1001)) }
    }
}
