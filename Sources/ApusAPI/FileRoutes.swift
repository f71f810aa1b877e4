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
        let form = try await MultipartForm(call.request, partMaxBytes: call.core.fileMaxBytes)
        guard let file = form["filename"] else { throw .missing("filename") }
        guard let name = file.fileName, name.lowercased().hasSuffix(".txt"), !name.utf8.contains(0) else {
            throw .bad("filename", "a file whose name ends in .txt")
        }
        var hours = FileService.timeToLiveHours.upperBound
        if let ttl = form["ttl"], !ttl.text.isEmpty {
            guard let number = Int(ttl.text), FileService.timeToLiveHours.contains(number) else {
                throw .bad("ttl", "a whole number of hours from 1 to 720")
            }
            hours = number
        }
        let list = try AudienceList(kind: kind, uploaded: file.content)
        let id = try await call.core.files.upload(
            list, named: String(name.prefix(Self.nameMax)), timeToLiveHours: hours, of: owner)
        var body: [UInt8] = []
        body.object { $0.member("file_id", id.text) }
        return Reply(body)
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
