import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `An uploaded list` {
    @Test(arguments: [
        ("a\nb", "a\nb"), ("a\r\nb\r\n", "a\nb"), ("\u{FEFF}a\n", "a"), (" a \n\t\n\n b c\t", "a\nb c"),
        ("a\rb", "a\nb"), ("好\n", "好"),
    ])
    func `is cleaned`(_ text: String, _ cleaned: String) throws {
        #expect(try Self.cleaned(Array(text.utf8)) == cleaned)
        // Cut anywhere, also within a character.
        for size in 1...4 { #expect(try Self.cleaned(Array(text.utf8), in: size) == cleaned) }
    }

    @Test(
        arguments: [
            [], [0x20, 0x0A], [0xFF], [0x61, 0xE5, 0xA5], [0xEF, 0xBB, 0xBF], [0xF8, 0x80, 0x80, 0x80, 0x80],
        ]
            as [[UInt8]])
    func `is refused when it is no text or holds nothing`(_ bytes: [UInt8]) {
        for size in 1...6 {
            let refusal = #expect(throws: Refusal.self) { try Self.cleaned(bytes, in: size) }
            #expect(refusal?.kind == .badValue)
        }
    }

    /// Held against the whole text taken apart at once.
    @Test func `is cleaned alike however it is cut`() throws {
        var random = SplitMix64(seed: 17)
        let alphabet = Array("ab \t\r\n好😀\u{FEFF}")
        for _ in 0..<2000 {
            let text = String(
                (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                })
            var body = Array(text.utf8)[...]
            if body.starts(with: [0xEF, 0xBB, 0xBF]) { body.removeFirst(3) }
            let lines = body.split { $0 == 0x0A || $0 == 0x0D }.map { line in
                var line = line
                while line.first == 0x20 || line.first == 0x09 { line.removeFirst() }
                while line.last == 0x20 || line.last == 0x09 { line.removeLast() }
                return String(decoding: line, as: UTF8.self)
            }
            let names = lines.filter { !$0.isEmpty }
            guard !names.isEmpty else { continue }
            let size = Int.random(in: 1...9, using: &random)
            #expect(try Self.cleaned(Array(text.utf8), in: size) == names.joined(separator: "\n"))
        }
    }

    @Test func `keeps a bounded number of blanks in mind`() throws {
        let blanks = String(repeating: " ", count: ListCleaner.blanksMax)
        #expect(try Self.cleaned(Array("a\(blanks)b\n".utf8)) == "a\(blanks)b")
        #expect(try Self.cleaned(Array("a\(blanks)\t\nb".utf8)) == "a\nb")
        #expect(throws: Refusal.self) { try Self.cleaned(Array("a\(blanks) b".utf8)) }
    }

    private static func cleaned(_ bytes: [UInt8], in size: Int = .max) throws -> String {
        var cleaner = ListCleaner()
        var (cleaned, rest): ([UInt8], ArraySlice<UInt8>) = ([], bytes[...])
        while !rest.isEmpty {
            cleaned += try cleaner.clean(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        try cleaner.finish()
        let text = String(decoding: cleaned, as: UTF8.self)
        #expect(cleaner.count == text.utf8.count { $0 == 0x0A } + 1)
        return text
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
        let cleaned = Array(lines.joined(separator: "\n").utf8)
        #expect(cleaned.count > 512 << 10)
        let id = try await node.upload(lines.joined(separator: "\r\n"), of: app)
        #expect(try await node.store.content(of: id) == cleaned)
        #expect(try await node.core.files.file(id.text, of: .app(app.id)).count == 40_003)
        let message = try await node.push(try Self.push(id), of: app)
        #expect(try await node.store.messages([message]).first?.target.members == [0, 2])
    }

    @Test func `is no audience of silent devices`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        node.clock.advance(seconds: 256 * 86_400)
        let id = try await node.upload(device.registrationID.text, of: app)
        await #expect(throws: Refusal(.emptyAudience)) { try await node.push(try Self.push(id), of: app) }
    }

    /// The audience stands in what the message keeps, and must not be in the way when it is read again.
    @Test func `has its message delivered after a restart`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let id = try await node.upload(device.registrationID.text, of: app)
        let message = try await node.push(try Self.push(id), of: app)
        let later = try await node.restarted()
        #expect(try await later.inbox(of: device) == [message])
    }

    @Test func `leaves nothing behind when it expires, is deleted, or goes with its app`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let files = node.core.files
        let expired = try await node.upload("a", hours: 1, of: app)
        let deleted = try await node.upload("a", hours: 2, of: app)
        let orphan = try await node.upload("a", hours: 2, of: app)
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
        let images = try await node.core.uploads.admit { upload throws(Refusal) in
            var draft = upload.begin()
            try await draft.append([1, 2, 3])
            try await draft.finish()
            return try await node.core.images.create(
                kind: 1, urls: [:], pictures: [.init(key: "oppo_image_url", content: draft)], of: app
            ) { $0.text }
        }
        let picture = try #require(images.urls["oppo_image_url"])
        #expect(try await node.core.images.picture(picture) == [1, 2, 3])
        node.clock.advance(seconds: ImageService.lifeSeconds)
        await #expect(throws: Refusal(.pathUnknown)) { try await node.core.images.picture(picture) }
        _ = try await node.store.sweep(at: node.clock.now, retentionSeconds: 1)
        let id = try #require(UploadID(picture))
        #expect(try await node.store.content(of: id) == nil)
    }

    @Test func `keeps pictures that were replaced until others need their place`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp(limits: Limits([.imagesKept: 2]))
        let images = try await node.upload(picture: 1, of: app)
        var shown = [try #require(images.urls["oppo_image_url"])]
        for byte: UInt8 in 2...3 {
            let updated = try await node.upload(picture: byte, of: app, into: images)
            shown.append(try #require(updated.urls["oppo_image_url"]))
        }
        #expect(try await node.core.images.picture(shown[1]) == [2])
        #expect(try await node.core.images.picture(shown[2]) == [3])
        await #expect(throws: Refusal(.pathUnknown)) { try await node.core.images.picture(shown[0]) }
        let first = try #require(UploadID(shown[0]))
        #expect(try await node.store.content(of: first) == nil)
        // A second set takes the place of the replaced picture, and a third has none.
        _ = try await node.upload(picture: 4, of: app)
        await #expect(throws: Refusal(.pathUnknown)) { try await node.core.images.picture(shown[1]) }
        let refusal = await #expect(throws: Refusal.self) { try await node.upload(picture: 5, of: app) }
        #expect(refusal?.kind == .kindLimitExceeded)
        // Its own may be replaced even then.
        _ = try await node.upload(picture: 6, of: app, into: images)
    }

    @Test func `is not kept for an app that was deleted meanwhile, and goes with its app`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let images = try await node.upload(picture: 1, of: app)
        let picture = try #require(images.urls["oppo_image_url"].flatMap { UploadID($0) })
        #expect(try await node.store.deleteApp(app.id))
        for upload in [
            { _ = try await node.upload(picture: 2, of: app) }, { _ = try await node.upload("a", of: app) },
        ] {
            let refusal = await #expect(throws: Refusal.self) { try await upload() }
            #expect(refusal?.kind == .unknownKey)
        }
        _ = try await node.store.sweep(at: node.clock.now, retentionSeconds: 1)
        #expect(try await node.store.content(of: picture) == nil)
    }

    @Test func `does not show a list as a picture`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let id = try await node.upload("a", of: app)
        await #expect(throws: Refusal(.pathUnknown)) { try await node.core.images.picture(id.text) }
    }
}

@Suite struct `An upload under way` {
    /// More than a piece, so that some of it is in the store.
    private static let bytes = [UInt8](repeating: 0x61, count: UploadDraft.pieceBytes + 1)

    @Test func `leaves nothing behind when it fails`() async throws {
        let node = try await TestCore.open()
        var drafts: [UploadID] = []
        await #expect(throws: Refusal(.emptyAudience)) {
            try await node.core.uploads.admit { upload throws(Refusal) in
                for _ in 0..<2 {
                    var draft = upload.begin()
                    try await draft.append(Self.bytes)
                    drafts.append(draft.id)
                }
                let content = try? await node.store.content(of: drafts[0])
                #expect(content?.count == UploadDraft.pieceBytes)
                throw Refusal(.emptyAudience)
            }
        }
        #expect(drafts.count == 2)
        for draft in drafts { #expect(try await node.store.content(of: draft) == nil) }
        #expect(node.core.uploads.runningCount == 0)
    }

    @Test func `is refused beside as many as may run`() async throws {
        var limits = Limits()
        limits[.uploadsRunning] = 2
        let node = try await TestCore.open(limits: limits)
        let uploads = node.core.uploads
        try await uploads.admit { _ throws(Refusal) in
            try await uploads.admit { _ throws(Refusal) in
                let refusal = await #expect(throws: Refusal.self) { try await uploads.admit { _ in } }
                #expect(refusal?.kind == .overloaded)
            }
            try await uploads.admit { _ in }
        }
        #expect(uploads.runningCount == 0)
    }

    /// A list that took so long that the sweep has met its pieces.
    @Test func `is not kept when a piece of it is gone`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        await #expect(throws: Refusal(.internalFault)) {
            try await node.core.uploads.admit { upload throws(Refusal) in
                var list = AudienceListDraft(kind: .alias, in: upload.begin())
                try await list.append(Self.bytes)
                node.clock.advance(seconds: 3600)
                _ = try? await node.store.sweep(at: node.clock.now, retentionSeconds: 1)
                try await list.finish()
                _ = try await node.core.files.keep(list, named: "l.txt", timeToLiveHours: 1, of: .app(app.id))
            }
        }
        #expect(try await node.core.files.files(of: .app(app.id)).isEmpty)
    }
}

extension TestCore {
    /// Uploads a picture of one byte, for a new media id or one that is there.
    @discardableResult
    fileprivate func upload(picture: UInt8, of app: App, into images: ImageSet? = nil) async throws -> ImageSet {
        try await self.core.uploads.admit { upload throws(Refusal) in
            var draft = upload.begin()
            try await draft.append([picture])
            try await draft.finish()
            let pictures = [ImageService.Picture(key: "oppo_image_url", content: draft)]
            guard let images else {
                return try await self.core.images.create(kind: 1, urls: [:], pictures: pictures, of: app) { $0.text }
            }
            return try await self.core.images.update(
                images.id.text, pictures: pictures, of: app, address: { $0.text }
            ) { _ in }
        }
    }

    /// Uploads a list, as a request does.
    fileprivate func upload(
        _ text: String, kind: UploadedFile.Kind = .registrationID, hours: Int = 1, of app: App
    ) async throws -> UploadID {
        try await self.core.uploads.admit { upload throws(Refusal) in
            var list = AudienceListDraft(kind: kind, in: upload.begin())
            try await list.append(Array(text.utf8))
            try await list.finish()
            return try await self.core.files.keep(list, named: "l.txt", timeToLiveHours: hours, of: .app(app.id))
        }
    }
}
