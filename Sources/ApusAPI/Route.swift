import ApusCore
import ApusHTTP
import NIOCore
import NIOHTTP1

/// One method that a path offers.
struct Route: Sendable {
    let method: HTTPMethod
    /// Whose calls per minute a call counts among.
    let bucket: Quota.Bucket
    /// Tells of a body whether its push is for an uploaded list: such a call counts among those of files.
    let namesFile: (@Sendable (JSONValue) -> Bool)?
    /// Whether it answers apps with VIP rights only; every app has them unless its operator took them away.
    var isVIPOnly = false
    /// The most that its body may be.
    var size = BodySize.json
    /// Who may call, and the answer to each.
    let answer: Answer

    /// What may be sent to a path, which decides how many bytes of it are read, and whether they come in parts.
    enum BodySize: Sendable {
        /// `body_bytes`.
        case json
        /// One file, `file_bytes` and the form around it.
        case file
        /// Some images, `image_bytes` each, and the form around them.
        case images
        /// Two certificates and the form around them.
        case certificates
    }

    /// The answer, by who calls: whose credentials a path takes is part of the route.
    enum Answer: Sendable {
        case app(@Sendable (Call) async throws(Refusal) -> Reply)
        case group(@Sendable (GroupCall) async throws(Refusal) -> Reply)
        case developer(@Sendable (DeveloperCall) async throws(Refusal) -> Reply)
        /// An app or a developer.
        case uploader(@Sendable (UploaderCall) async throws(Refusal) -> Reply)
    }

    init(
        _ method: HTTPMethod, _ bucket: Quota.Bucket, isVIPOnly: Bool = false, size: BodySize = .json,
        namesFile: (@Sendable (JSONValue) -> Bool)? = nil, _ answer: Answer
    ) {
        self.method = method
        self.bucket = bucket
        self.namesFile = namesFile
        self.isVIPOnly = isVIPOnly
        self.size = size
        self.answer = answer
    }

    /// A route for apps.
    ///
    /// - Parameter mixed: what became of several things at once.
    init(
        _ method: HTTPMethod, _ bucket: Quota.Bucket, isVIPOnly: Bool = false,
        namesFile: (@Sendable (JSONValue) -> Bool)? = nil,
        mixed: @escaping @Sendable (Call) async throws(Refusal) -> Reply
    ) {
        self.init(method, bucket, isVIPOnly: isVIPOnly, namesFile: namesFile, .app(mixed))
    }

    /// A route for apps.
    ///
    /// - Parameter answer: the body of a success.
    init(
        _ method: HTTPMethod, _ bucket: Quota.Bucket, isVIPOnly: Bool = false,
        namesFile: (@Sendable (JSONValue) -> Bool)? = nil,
        answer: @escaping @Sendable (Call) async throws(Refusal) -> [UInt8]
    ) {
        self.init(
            method, bucket, isVIPOnly: isVIPOnly, namesFile: namesFile,
            .app { call throws(Refusal) in Reply(try await answer(call)) })
    }

    /// The bucket of one call. A body that does not read counts as any other.
    func bucket(of request: HTTPRequest) -> Quota.Bucket {
        guard let namesFile, let bytes = try? request.body.bytes(),
            let root = try? JSONValue.requestBody(Array(bytes.readableBytesView)), namesFile(root)
        else { return self.bucket }
        return .file
    }
}

/// The body of an answer, with its status where that is not 200.
struct Reply: Sendable {
    let body: [UInt8]
    /// Other than 200 only where none of several things was done, and each has its say beside `error`.
    var status = StatusCode.ok

    init(_ body: [UInt8], status: StatusCode = .ok) {
        self.body = body
        self.status = status
    }

    /// Success without anything to tell.
    static var empty: Reply { Reply(Array("{}".utf8)) }
}

/// A request whose caller is known and may call.
struct CallOf<Who: Sendable>: Sendable {
    let request: HTTPRequest
    let core: Core
    /// Whose credentials came along.
    let who: Who
    /// Where the request comes from.
    let caller: Caller

    /// The body's bytes, for a decoder.
    func bodyBytes() throws(Refusal) -> [UInt8] {
        try self.request.body.bytes().withUnsafeReadableBytes { Array($0) }
    }

    /// A query parameter; nil when it is missing or empty.
    func query(_ name: String) -> String? { self.request.target.query[name] }
}

/// A call of an app.
typealias Call = CallOf<App>
typealias GroupCall = CallOf<AppGroup>
typealias DeveloperCall = CallOf<Developer>
typealias UploaderCall = CallOf<Authenticator.Uploader>

extension CallOf<App> {
    var app: App { self.who }
}

/// What lies at a path.
enum Place: Sendable {
    /// At least one method.
    case offers([Route])
    /// A picture that an app uploaded, for whoever has its URL.
    case picture(String)
    /// An API version that was taken out of service.
    case retired
    case unknown

    /// - Parameter segments: the path, decoded, without empty segments.
    init(_ segments: [String]) {
        switch segments.first {
        case "v2", "sendmsg": self = .retired
        case "v1": self = AdminRoutes.routes(at: Array(segments.dropFirst())).map(Self.offers) ?? .unknown
        case "pictures" where segments.count == 2: self = .picture(segments[1])
        case "v3": self = Self.routes(v3: segments.dropFirst()).map(Self.offers) ?? .unknown
        default: self = .unknown
        }
    }

    private static func routes(v3 path: ArraySlice<String>) -> [Route]? {
        switch path.first {
        // The one host of the Beijing zone tells its families apart by a segment of their own.
        case "push" where path.dropFirst().first == "schedules": ScheduleRoutes.routes(at: Array(path.dropFirst(2)))
        case "report" where path.dropFirst().first == "group": GroupRoutes.reportRoutes(at: Array(path.dropFirst(2)))
        case "schedules": ScheduleRoutes.routes(at: Array(path.dropFirst()))
        case "push": PushRoutes.routes(at: Array(path.dropFirst()))
        case "push_plan": PlanRoutes.routes(at: Array(path.dropFirst()))
        case "grouppush": GroupRoutes.pushRoutes(at: Array(path.dropFirst()))
        case "group": GroupRoutes.reportRoutes(at: Array(path.dropFirst()))
        case "files": FileRoutes.routes(at: Array(path.dropFirst()))
        case "images": ImageRoutes.routes(at: Array(path.dropFirst()))
        case "report": ReportRoutes.routes(at: Array(path.dropFirst()))
        case "device": DeviceRoutes.routes(at: Array(path.dropFirst()), isBeijing: true)
        case "devices", "aliases", "tags", "test": DeviceRoutes.routes(at: Array(path))
        default: ReportRoutes.routes(at: Array(path))
        }
    }
}

extension Family {
    /// The family whose codes answer at a path, known or not.
    init(path segments: [String]) {
        switch (segments.first, segments.dropFirst().first) {
        case ("pictures", _): self = .node
        case ("v1", _): self = .admin
        case ("v3", "received"), ("v3", "status"), ("v3", "messages"), ("v3", "users"), ("v3", "report"),
            ("v3", "group"):
            self = .report
        case ("v3", "device"), ("v3", "devices"), ("v3", "tags"), ("v3", "aliases"), ("v3", "test"): self = .device
        case ("v3", "schedules"): self = .schedule
        case ("v3", "push") where segments.dropFirst(2).first == "schedules": self = .schedule
        default: self = .push
        }
    }
}
