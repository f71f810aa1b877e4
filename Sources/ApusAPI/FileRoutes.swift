import ApusCore
import NIOHTTP1

/// Uploaded lists, below `/v3/files`, for apps and developers.
enum FileRoutes {
    static func routes(at path: [String]) -> [Route]? {
        guard let word = path.first else { return [Route(.GET, .file, .uploader(self.list))] }
        guard path.count == 1 else { return nil }
        var routes = [
            Route(.GET, .file, .uploader { call throws(Refusal) in try await self.file(word, call) }),
            Route(.DELETE, .file, .uploader { call throws(Refusal) in try await self.delete(word, call) }),
        ]
        if let kind = UploadedFile.Kind(rawValue: word) {
            routes.append(
                Route(
                    .POST, .file, size: .file,
                    .uploader { call throws(Refusal) in try await self.upload(kind, call) }))
        }
        return routes
    }

    private static func upload(_ kind: UploadedFile.Kind, _ call: UploaderCall) async throws(Refusal) -> Reply {
        let owner = try call.owner()
        let id = try await call.core.uploads.admit { upload throws(Refusal) in
            var form = try FormReader(call.request, partMaxBytes: call.core.fileMaxBytes)
            var list: (content: AudienceListDraft, name: String)?
            var ttl: String?
            // Of fields with one name the first counts.
            while let part = try await form.nextPart() {
                if part.name == "filename", list == nil {
                    let name = try Self.listName(part)
                    list = (try await Self.list(of: kind, from: &form, into: upload.begin()), name)
                } else if part.name == "ttl", ttl == nil {
                    ttl = try await form.text()
                }
            }
            guard let list else { throw .missing("filename") }
            return try await call.core.files.keep(
                list.content, named: list.name, timeToLiveHours: try Self.hours(ttl), of: owner)
        }
        var body: [UInt8] = []
        body.object { $0.member("file_id", id.text) }
        return Reply(body)
    }

    private static func list(
        of kind: UploadedFile.Kind, from form: inout FormReader, into draft: UploadDraft
    ) async throws(Refusal) -> AudienceListDraft {
        var list = AudienceListDraft(kind: kind, in: draft)
        while let bytes = try await form.nextContent() { try await list.append(bytes) }
        try await list.finish()
        return list
    }

    private static func listName(_ part: MultipartHeaders) throws(Refusal) -> String {
        guard let name = part.fileName, name.lowercased().hasSuffix(".txt"), !name.utf8.contains(0) else {
            throw .bad("filename", "a file whose name ends in .txt")
        }
        return String(name.prefix(Self.nameMax))
    }

    private static func hours(_ ttl: String?) throws(Refusal) -> Int {
        guard let ttl, !ttl.isEmpty else { return FileService.timeToLiveHours.upperBound }
        guard let hours = Int(ttl), FileService.timeToLiveHours.contains(hours) else {
            throw .bad("ttl", "a whole number of hours from 1 to 720")
        }
        return hours
    }

    @Sendable private static func list(_ call: UploaderCall) async throws(Refusal) -> Reply {
        let files = try await call.core.files.files(of: try call.owner())
        var body: [UInt8] = []
        body.object { body in
            body.member("total_count", files.count)
            body.name("files")
            body.append(UInt8(ascii: "["))
            for (position, file) in files.enumerated() {
                if position > 0 { body.append(UInt8(ascii: ",")) }
                file.write(to: &body)
            }
            body.append(UInt8(ascii: "]"))
        }
        return Reply(body)
    }

    private static func file(_ id: String, _ call: UploaderCall) async throws(Refusal) -> Reply {
        let file = try await call.core.files.file(id, of: try call.owner())
        var body: [UInt8] = []
        file.write(to: &body)
        return Reply(body)
    }

    private static func delete(_ id: String, _ call: UploaderCall) async throws(Refusal) -> Reply {
        try await call.core.files.delete(id, of: try call.owner())
        return .empty
    }

    /// Characters of a name that are kept.
    private static let nameMax = 255
}

extension CallOf<Authenticator.Uploader> {
    /// - Throws: ``Refusal/Kind/groupFileNotPermitted`` for a developer without the right.
    fileprivate func owner() throws(Refusal) -> UploadOwner {
        switch self.who {
        case .app(let app): return .app(app.id)
        case .developer(let developer):
            guard developer.mayUploadFiles else { throw Refusal(.groupFileNotPermitted) }
            return .developer(developer.id)
        }
    }
}

extension UploadedFile {
    /// Exactly five keys: strict clients fail on a sixth.
    fileprivate func write(to body: inout [UInt8]) {
        body.object { body in
            body.member("file_id", self.id.text)
            body.member("type", self.kind.rawValue)
            body.member("file_name", self.name)
            body.member("create_time", TimeUTC8(epochMilliseconds: self.createdAt.milliseconds).text)
            body.member("expire_time", TimeUTC8(epochMilliseconds: self.expiresAt.milliseconds).text)
        }
    }
}
