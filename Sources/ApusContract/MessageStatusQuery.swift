/// A question how one message fared on some devices.
///
/// Source: contract, report §4. Unknown keys are ignored, as everywhere outside the push family.
package struct MessageStatusQuery: Sendable, Equatable {
    /// The message that is asked about; 0 is nobody's.
    package let messageID: MessageID
    /// As they were sent, malformed ones too: each has its entry in the answer. Distinct, in the order in which they
    /// were first named; never empty.
    package let registrationIDs: [String]
    /// Day of the push; nil means today.
    package let day: DayUTC8?

    /// - Throws: ``Refusal/Kind/missingValue`` or ``Refusal/Kind/badValue``, naming the key.
    package init(decoding bytes: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(bytes)
        guard let id = root["msg_id"] else { throw root.missing("msg_id") }
        guard let number = id.integer, number >= 0 else { throw id.bad("a message id: an integer or its decimal text") }
        guard let names = root["registration_ids"] else { throw root.missing("registration_ids") }
        self.messageID = MessageID(number)
        self.registrationIDs = try names.registrationIDTexts(1...JSONValue.registrationIDsMax)
        // Two official clients misspell the key.
        self.day = try (root["date"] ?? root["data"]).map { (date) throws(Refusal) in
            guard let day = date.string.flatMap({ DayUTC8($0) }) else { throw date.bad("a day as yyyy-MM-dd") }
            return day
        }
    }
}
