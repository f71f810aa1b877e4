import ApusContract
import Testing

@testable import ApusWire

@Suite struct `The short way to read an ack` {
    @Test(arguments: [
        #"{"op":"ack","msg_id":"42"}"#, #"{"op": "ack", "msg_id": "42"}"#,
        "\r\n{ \"op\"\t:\"ack\" ,\n\"msg_id\" : \"42\" } ",
    ])
    func `takes the usual forms`(_ text: String) {
        #expect(PlainAck.message(in: Array(text.utf8)) == MessageID(42))
    }

    @Test(arguments: [
        "", "{", #"{"op":"ack"}"#, #"{"op":"ack","msg_id":""}"#, #"{"op":"ack","msg_id":"0"}"#,
        #"{"op":"ack","msg_id":"9223372036854775808"}"#, #"{"op":"ack","msg_id":"42"}}"#,
        #"{"op":"ack","msg_id":"42 "}"#, #"{"op":"ack","msg_id":" 42"}"#, #"{"op":"ack","msg_id":42}"#,
        #"{"op":"ack","msg_id":"42","ref":1}"#, #"{"op":"ack","msg_id":"42""#, "\u{B}{\"op\":\"ack\"}",
    ])
    func `leaves everything else to the long way`(_ text: String) {
        #expect(PlainAck.message(in: Array(text.utf8)) == nil)
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `never takes what the long way reads otherwise`(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let usual = Array(#"{"op": "ack", "msg_id": "9007199254740991"}"#.utf8)
        let alphabet = Array("{}:,\" 0123456789aopckmsgid_\\\t\n\u{B}\u{0}[]-+.e".utf8)
        var taken = 0
        for _ in 0..<5000 {
            var text = usual
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text[place] = byte
                case 1: text.insert(byte, at: place)
                default: text.remove(at: place)
                }
            }
            guard let message = PlainAck.message(in: text) else { continue }
            taken += 1
            #expect(
                try ClientFrame(JSONValue(parsing: text)) == ClientFrame(ref: nil, request: .acknowledge([message])))
        }
        #expect(taken > 100)
    }
}
