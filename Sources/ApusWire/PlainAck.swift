internal import ApusContract

/// The ack as most devices write it, `{"op":"ack","msg_id":"42"}`, read without taking JSON apart.
///
/// Whatever looks different in anything but white space, be it as good an ack, is left to the full reader, which also
/// says what is wrong with those that are none. So this one need only be right where it says yes.
enum PlainAck {
    /// - Returns: nil when the frame is another one, or is written differently.
    static func message(in text: [UInt8]) -> MessageID? {
        text.withUnsafeBufferPointer { bytes in
            var rest = bytes[...]
            guard rest.take("{"), rest.take("\"op\""), rest.take(":"), rest.take("\"ack\""), rest.take(","),
                rest.take("\"msg_id\""), rest.take(":"), rest.take("\"")
            else { return nil }
            let digits = rest.prefix { $0.isDigit }
            rest = rest[digits.endIndex...]
            guard rest.first == UInt8(ascii: "\""), rest.take("\""), rest.take("}") else { return nil }
            rest.skipSpace()
            guard rest.isEmpty else { return nil }
            return MessageID(decimal: digits)
        }
    }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    /// Takes a token, with the white space before it.
    fileprivate mutating func take(_ token: StaticString) -> Bool {
        self.skipSpace()
        guard self.count >= token.utf8CodeUnitCount else { return false }
        for offset in 0..<token.utf8CodeUnitCount
        where self[self.startIndex + offset] != token.utf8Start[offset] { return false }
        self = self[(self.startIndex + token.utf8CodeUnitCount)...]
        return true
    }

    fileprivate mutating func skipSpace() {
        while let byte = self.first, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            self = self.dropFirst()
        }
    }
}
