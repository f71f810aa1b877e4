import ApusCore
import ApusHTTP
import NIOHTTP1

/// Uploaded images, below `/v3/images`.
enum ImageRoutes {
    /// Files of one form.
    static let filesMax = ImageForm.channels.count

    static func routes(at path: [String]) -> [Route]? {
        switch path {
        case ["byurls"]: [Route(.POST, .push, .app(self.createByURLs))]
        case ["byfiles"]: [Route(.POST, .push, size: .images, .app(self.createByFiles))]
        case let path where path.count == 2 && path[0] == "byurls":
            [Route(.PUT, .push, .app { call throws(Refusal) in try await self.updateByURLs(path[1], call) })]
        case let path where path.count == 2 && path[0] == "byfiles":
            [
                Route(
                    .PUT, .push, size: .images,
                    .app { call throws(Refusal) in try await self.updateByFiles(path[1], call) })
            ]
        default: nil
        }
    }

    @Sendable private static func createByURLs(_ call: Call) async throws(Refusal) -> Reply {
        let root = try JSONValue.requestBody(try call.bodyBytes())
        guard let type = root["image_type"] else { throw root.missing("image_type") }
        guard let kind = type.integer.flatMap(Self.kind) else { throw type.bad("1, 2 or 3") }
        let order = try ImageURLs(root)
        var urls: [String: String] = [:]
        order.fill(&urls)
        return try await self.reply(
            call.core.images.create(kind: kind, urls: urls, pictures: [], of: call.app, address: call.address))
    }

    private static func updateByURLs(_ id: String, _ call: Call) async throws(Refusal) -> Reply {
        let order = try ImageURLs(try JSONValue.requestBody(try call.bodyBytes()))
        return try await self.reply(
            call.core.images.update(id, pictures: [], of: call.app, address: call.address) { order.fill(&$0) })
    }

    @Sendable private static func createByFiles(_ call: Call) async throws(Refusal) -> Reply {
        let images = try await call.core.uploads.admit { upload throws(Refusal) in
            let form = try await ImageForm(call, into: &upload)
            guard let type = form.type else { throw .missing("image_type") }
            guard let kind = Int64(type).flatMap(Self.kind) else { throw .bad("image_type", "1, 2 or 3") }
            return try await call.core.images.create(
                kind: kind, urls: [:], pictures: try form.checkedPictures(), of: call.app, address: call.address)
        }
        return self.reply(images)
    }

    private static func updateByFiles(_ id: String, _ call: Call) async throws(Refusal) -> Reply {
        let images = try await call.core.uploads.admit { upload throws(Refusal) in
            let form = try await ImageForm(call, into: &upload)
            return try await call.core.images.update(
                id, pictures: try form.checkedPictures(), of: call.app, address: call.address
            ) { _ in }
        }
        return self.reply(images)
    }

    private static func kind(_ number: Int64) -> Int? { (1...3).contains(number) ? Int(number) : nil }

    /// Only the media id and the URLs in force: strict clients fail on any other key.
    private static func reply(_ images: ImageSet) -> Reply {
        var body: [UInt8] = []
        body.object { body in
            body.member("media_id", images.id.text)
            for key in ImageURLs.keys {
                guard let url = images.urls[key], !url.isEmpty else { continue }
                body.name(key)
                body.appendJSON(string: url)
            }
        }
        return Reply(body)
    }
}

/// The URLs of a request.
///
/// Source: contract, image §3. Unknown keys are ignored, as everywhere outside the push family.
struct ImageURLs {
    /// Every channel's key, in the order of an answer.
    static let keys = [
        "jiguang_image_url", "xiaomi_image_url", "oppo_image_url", "huawei_image_url", "honor_image_url",
        "fcm_image_url", "hmos_image_url",
    ]
    private static let sizeMaxBytes = 2048
    /// Longer names are none of these, and texts take long to compare: see ``JSONValue/isWord(_:)``.
    private static let keyMaxBytes = 32

    /// By key.
    private let given: [String: String]
    /// What stands for the channels without a URL of their own.
    private let standard: String?

    /// - Throws: ``Refusal/Kind/missingValue`` without any URL, ``Refusal/Kind/badValue`` for what is none.
    init(_ root: JSONValue) throws(Refusal) {
        var given: [String: String] = [:]
        var standard: String?
        guard let members = root.members else { throw root.bad("an object") }
        for (name, value) in members {
            guard name.stringSize ?? 0 <= Self.keyMaxBytes, let key = name.string,
                key == "image_url" || Self.keys.contains(key)
            else { continue }
            guard let url = value.string, url.isEmpty || Self.isURL(url) else {
                throw .bad(key, "a URL that begins with http:// or https://")
            }
            // Of members with one name the last counts; an empty one is none.
            if key == "image_url" { standard = url } else { given[key] = url }
        }
        self.given = given.filter { !$0.value.isEmpty }
        self.standard = standard.flatMap { $0.isEmpty ? nil : $0 }
        guard !self.given.isEmpty || self.standard != nil else {
            throw Refusal(.missingValue, "Missing parameter: at least one image URL is required")
        }
    }

    /// Replaces what was given; the standard one fills only what is empty still.
    func fill(_ urls: inout [String: String]) {
        urls.merge(self.given) { _, new in new }
        guard let standard = self.standard else { return }
        for key in Self.keys where urls[key] == nil { urls[key] = standard }
    }

    private static func isURL(_ text: String) -> Bool {
        guard text.utf8.count <= Self.sizeMaxBytes else { return false }
        let lowered = text.prefix(8).lowercased()
        guard let scheme = ["http://", "https://"].first(where: lowered.hasPrefix) else { return false }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        return !rest.isEmpty && rest.first != UInt8(ascii: "/")
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") }
    }
}

extension CallOf<App> {
    /// The URL of a picture at the host that the caller addressed.
    fileprivate var address: @Sendable (UploadID) -> String {
        let host = self.request.headers.first(name: "Host") ?? "localhost"
        let scheme = self.caller.isSecure ? "https" : "http"
        return { "\(scheme)://\(host)/pictures/\($0.text)" }
    }
}
