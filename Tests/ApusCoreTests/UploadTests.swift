import ApusCore
import ApusTesting
import Testing

@Suite struct `An uploaded list` {
    @Test(arguments: [
        ("a\nb", "a\nb"), ("a\r\nb\r\n", "a\nb"), ("\u{FEFF}a\n", "a"), (" a \n\t\n\n b c\t", "a\nb c"),
        ("a\rb", "a\nb"), ("好\n", "好"),
    ])
    func `is cleaned`(_ text: String, _ cleaned: String) throws {
        let list = try AudienceList(kind: .alias, uploaded: Array(text.utf8))
        #expect(String(decoding: list.content, as: UTF8.self) == cleaned)
        #expect(list.count == cleaned.split(separator: "\n").count)
    }

    @Test(arguments: [[], [0x20, 0x0A], [0xFF], [0x61, 0xE5, 0xA5], [0xEF, 0xBB, 0xBF]] as [[UInt8]])
    func `is refused when it is no text or holds nothing`(_ bytes: [UInt8]) {
        let refusal = #expect(throws: Refusal.self) { try AudienceList(kind: .alias, uploaded: bytes) }
        #expect(refusal?.kind == .badValue)
    }

    /// Longer than one row of the store and than one batch of names.
    @Test func `reaches everybody it names, however long it is`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(3, of: app)
        var lines = (0..<40_000).map { "1nobody-\($0)" }
        lines.insert(devices[0].registrationID.text, at: 0)
        lines.insert(devices[2].registrationID.text, at: 30_000)
        lines.append(devices[2].registrationID.text)
        let list = try AudienceList(kind: .registrationID, uploaded: Array(lines.joined(separator: "\r\n").utf8))
        #expect(list.content.count > 512 << 10)
        let id = try await node.core.files.upload(list, named: "l.txt", timeToLiveHours: 1, of: .app(app.id))
        #expect(try await node.store.content(of: id) == list.content)
        #expect(try await node.core.files.file(id.text, of: .app(app.id)).count == 40_003)
        let message = try await node.push(try Self.push(id), of: app)
        #expect(try await node.store.messages([message]).first?.target.members == [0, 2])
    }

    @Test func `is no audience of silent devices`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let list = try AudienceList(kind: .registrationID, uploaded: Array(device.registrationID.text.utf8))
        node.clock.advance(seconds: 256 * 86_400)
        let id = try await node.core.files.upload(list, named: "l.txt", timeToLiveHours: 1, of: .app(app.id))
        await #expect(throws: Refusal(.emptyAudience)) { try await node.push(try Self.push(id), of: app) }
    }

    /// The audience stands in what the message keeps, and must not be in the way when it is read again.
    @Test func `has its message delivered after a restart`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let list = try AudienceList(kind: .registrationID, uploaded: Array(device.registrationID.text.utf8))
        let id = try await node.core.files.upload(list, named: "l.txt", timeToLiveHours: 1, of: .app(app.id))
        let message = try await node.push(try Self.push(id), of: app)
        let later = try await node.restarted()
        #expect(try await later.inbox(of: device) == [message])
    }

    @Test func `leaves nothing behind when it expires, is deleted, or goes with its app`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let list = try AudienceList(kind: .alias, uploaded: Array("a".utf8))
        let files = node.core.files
        let expired = try await files.upload(list, named: "l.txt", timeToLiveHours: 1, of: .app(app.id))
        let deleted = try await files.upload(list, named: "l.txt", timeToLiveHours: 2, of: .app(app.id))
        let orphan = try await files.upload(list, named: "l.txt", timeToLiveHours: 2, of: .app(app.id))
        try await files.delete(deleted.text, of: .app(app.id))
        #expect(try await node.store.content(of: deleted) == nil)
        node.clock.advance(seconds: 3600)
        #expect(try await node.store.sweep(at: node.clock.now, retentionSeconds: 1) > 0)
        #expect(try await node.store.content(of: expired) == nil)
        #expect(try await node.store.content(of: orphan) != nil)
        #expect(try await node.store.deleteApp(app.id))
        #expect(try await node.store.content(of: orphan) == nil)
    }

    private static func push(_ id: UploadID) throws -> PushRequest {
        let text =
            #"{"platform": "all", "audience": {"file": {"file_id": "\#(id.text)"}}, "notification": {"alert": "hi"}}"#
        return try PushRequest(decoding: Array(text.utf8), audience: .file)
    }
}

@Suite struct `An image set` {
    @Test func `ends with its pictures after 30 days`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let images = try await node.core.images.create(
            kind: 1, urls: [:], pictures: [.init(key: "oppo_image_url", content: [1, 2, 3])], of: app
        ) { $0.text }
        let picture = try #require(images.urls["oppo_image_url"])
        #expect(try await node.core.images.picture(picture) == [1, 2, 3])
        node.clock.advance(seconds: ImageService.lifeSeconds)
        await #expect(throws: Refusal(.pathUnknown)) { try await node.core.images.picture(picture) }
        _ = try await node.store.sweep(at: node.clock.now, retentionSeconds: 1)
        let id = try #require(UploadID(picture))
        #expect(try await node.store.content(of: id) == nil)
    }

    @Test func `does not show a list as a picture`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let list = try AudienceList(kind: .alias, uploaded: Array("a".utf8))
        let id = try await node.core.files.upload(list, named: "l.txt", timeToLiveHours: 1, of: .app(app.id))
        await #expect(throws: Refusal(.pathUnknown)) { try await node.core.images.picture(id.text) }
    }
}
