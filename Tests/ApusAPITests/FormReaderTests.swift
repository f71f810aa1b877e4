import ApusContract
import ApusHTTP
import NIOCore
import NIOHTTP1
import Testing

@testable import ApusAPI

@Suite struct `A form` {
    private static func reader(_ body: String, partMaxBytes: Int = 10) throws(Refusal) -> FormReader {
        let text = body.replacing("\n", with: "\r\n")
        let request = HTTPRequest(
            method: .POST, target: RequestTarget("/"), headers: ["Content-Type": "multipart/form-data; boundary=x"],
            body: .whole(ByteBuffer(string: text)))
        return try FormReader(request, partMaxBytes: partMaxBytes)
    }

    private static func part(_ name: String, _ content: String) -> String {
        "--x\nContent-Disposition: form-data; name=\"\(name)\"\n\n\(content)\n"
    }

    @Test func `passes over what nobody reads`() async throws {
        var form = try Self.reader(Self.part("a", "0123456789") + Self.part("b", " 1 ") + Self.part("c", "") + "--x--")
        #expect(try await form.nextPart()?.name == "a")
        #expect(try await form.nextPart()?.name == "b")
        #expect(try await form.text() == "1")
        #expect(try await form.nextContent() == nil)
        #expect(try await form.nextPart()?.name == "c")
        #expect(try await form.content(max: 10).isEmpty)
        #expect(try await form.nextPart() == nil)
        #expect(try await form.nextPart() == nil)
    }

    @Test func `refuses a field over its limit, read or not`() async throws {
        var form = try Self.reader(Self.part("a", "0123456789a") + "--x--")
        _ = try await form.nextPart()
        let refusal = await #expect(throws: Refusal.self) { _ = try await form.nextPart() }
        #expect(refusal == Refusal(.tooLarge, "a is larger than 10 bytes"))
        form = try Self.reader(Self.part("a", "0123") + "--x--")
        _ = try await form.nextPart()
        await #expect(throws: Refusal(.tooLarge, "a is larger than 3 bytes")) { _ = try await form.content(max: 3) }
    }

    @Test(arguments: ["", "--x", "--x\n\nhello", "no form"])
    func `is malformed when it ends early`(_ body: String) async throws {
        var form = try Self.reader(body)
        let refusal = await #expect(throws: Refusal.self) { while try await form.nextPart() != nil {} }
        #expect(refusal?.kind == .badValue)
    }
}
