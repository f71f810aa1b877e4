import ApusCore
import NIOHTTP1

/// The admin family, below `/v1`, for developers.
enum AdminRoutes {
    static func routes(at path: [String]) -> [Route]? {
        guard path.first == "app" else { return nil }
        switch path.count {
        case 1: return [Route(.POST, .admin, .developer(self.create))]
        case 3 where path[2] == "delete":
            let key = path[1]
            let delete = Route.Answer.developer { call throws(Refusal) in try await self.delete(key, call) }
            // The documents say POST; one official client sends DELETE.
            return [Route(.POST, .admin, delete), Route(.DELETE, .admin, delete)]
        case 3 where path[2] == "certificate":
            let key = path[1]
            return [
                Route(
                    .POST, .admin, size: .certificates,
                    .developer { call throws(Refusal) in try await self.certificate(key, call) })
            ]
        default: return nil
        }
    }

    @Sendable private static func create(_ call: DeveloperCall) async throws(Refusal) -> Reply {
        let order = try AppForm(try call.bodyBytes())
        let created = try await call.core.developers.createApp(
            named: order.name, androidPackage: order.androidPackage, groupName: order.groupName, of: call.who)
        var body: [UInt8] = []
        body.object { body in
            body.member("app_key", created.key.text)
            body.member("android_package", order.androidPackage)
            body.name("is_new_created")
            body.append(json: created.secret == nil ? "false" : "true")
            // Secrets are kept hashed: that of an app that was there before cannot be told again.
            body.member("master_secret", created.secret ?? "")
        }
        return Reply(body)
    }

    private static func delete(_ key: String, _ call: DeveloperCall) async throws(Refusal) -> Reply {
        try await call.core.developers.deleteApp(key, of: call.who)
        return self.done
    }

    private static func certificate(_ key: String, _ call: DeveloperCall) async throws(Refusal) -> Reply {
        let app = try await call.core.developers.app(key, of: call.who)
        try await call.core.uploads.admit { _ throws(Refusal) in
            let form = try await CertificateForm(call.request)
            try await call.core.developers.keep(try await form.certificates(), of: app)
        }
        return self.done
    }

    private static var done: Reply { Reply(Array(#"{"success":"Synchronized success"}"#.utf8)) }
}

/// What a developer sends to create an app.
///
/// Source: contract, admin §1. Unknown keys are ignored, as everywhere outside the push family.
struct AppForm: Equatable {
    let name: String
    let androidPackage: String
    /// Nil where the app joins no group.
    let groupName: String?

    /// - Throws: ``Refusal/Kind/missingValue`` or ``Refusal/Kind/badValue``, in the vendor's words where known.
    init(_ bytes: [UInt8]) throws(Refusal) {
        let root = try? JSONValue(parsing: bytes)
        self.name = try Self.text("app_name", root?["app_name"], max: DeveloperService.nameMax)
        self.androidPackage = try Self.text("android_package", root?["android_package"], max: 255)
        guard Self.isPackage(self.androidPackage) else {
            throw Refusal(.badValue, "Request parameter android_package is illegal: a package name as com.example")
        }
        self.groupName = try root?["group_name"].flatMap { (value) throws(Refusal) in
            // An empty name is no name.
            if value.isString("") { return nil }
            return try Self.text("group_name", value, max: DeveloperService.nameMax)
        }
    }

    private static func text(_ name: String, _ value: JSONValue?, max: Int) throws(Refusal) -> String {
        guard let value, !value.isString("") else {
            throw Refusal(.missingValue, "Request parameter \(name) is null or empty")
        }
        // Counted in code points: one letter with its accents may be as long as a body.
        guard let text = value.string, text.unicodeScalars.count <= max, !text.utf8.contains(0) else {
            throw Refusal(.badValue, "Request parameter \(name) is illegal: a text of 1 to \(max) characters")
        }
        return text
    }

    /// Two identifiers or more with dots between them.
    private static func isPackage(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 2
            && parts.allSatisfy { part in
                guard let first = part.utf8.first, first.isLetterOrDigit, !first.isDigit else { return false }
                return part.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
            }
    }
}
