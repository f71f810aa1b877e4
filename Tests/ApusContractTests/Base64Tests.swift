import ApusContract
import Testing

@Suite struct `Base 64` {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ])
    func `writes and reads the RFC's examples`(_ plain: String, _ coded: String) {
        #expect(Base64.encode(plain.utf8) == coded)
        #expect(Base64.decode(coded.utf8) == Array(plain.utf8))
        #expect(Base64.decode(coded.utf8.filter { $0 != UInt8(ascii: "=") }) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zg=", "Zh==", "Zm9=", "Zm 9v", "Zm9v=", "Zg==Zg==", "Zm9-", "Zg===", "===="])
    func `refuses what it would not have written`(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test func `reads back any bytes`() {
        var random = SystemRandomNumberGenerator()
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
        }
    }
}
