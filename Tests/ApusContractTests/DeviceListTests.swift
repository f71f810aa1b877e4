import Testing

@testable import ApusContract

@Suite struct `A list of devices` {
    @Test func `names the bounds that its endpoint has`() throws {
        let names = repeatElement("\"a\"", count: JSONValue.registrationIDsMax + 1).joined(separator: ",")
        let removed = #expect(throws: Refusal.self) {
            try DeviceListUpdate(
                decoding: Array(#"{"registration_ids":{"remove":[\#(names)]}}"#.utf8), rule: .removeOnly)
        }
        #expect(
            removed?.message(for: .device)
                == "registration_ids.remove must be a list of at most 1000 registration ids")
        let asked = #expect(throws: Refusal.self) {
            try DeviceStatusQuery(decoding: Array(#"{"registration_ids":[]}"#.utf8))
        }
        #expect(asked?.message(for: .device) == "registration_ids must be a list of 1 to 1000 registration ids")
    }
}
