import ApusCore
import ApusHTTP
import NIOCore
import NIOHTTP1

/// One method that a path offers.
struct Route: Sendable {
    let method: HTTPMethod
    /// Whose calls per minute a call counts among.
    let bucket: Quota.Bucket
    /// Whether it answers apps with VIP rights only; every app has them unless its operator took them away.
    var isVIPOnly = false
    let answer: @Sendable (Call) async throws(Refusal) -> RouteAnswer

    /// - Parameter answer: the body of a success.
    init(
        _ method: HTTPMethod, _ bucket: Quota.Bucket, isVIPOnly: Bool = false,
        answer: @escaping @Sendable (Call) async throws(Refusal) -> [UInt8]
    ) {
        self.init(
            method, bucket, isVIPOnly: isVIPOnly,
            mixed: { (call) throws(Refusal) in RouteAnswer(body: try await answer(call)) })
    }

    /// - Parameter mixed: what became of several things at once.
    init(
        _ method: HTTPMethod, _ bucket: Quota.Bucket, isVIPOnly: Bool = false,
        mixed: @escaping @Sendable (Call) async throws(Refusal) -> RouteAnswer
    ) {
        self.method = method
        self.bucket = bucket
        self.isVIPOnly = isVIPOnly
        self.answer = mixed
    }
}

/// A body and its status: 200, or another where none of several things was done.
struct RouteAnswer: Sendable {
    var status = StatusCode.ok
    let body: [UInt8]
}

/// A request whose caller is known and may call.
struct Call: Sendable {
    let request: HTTPRequest
    let core: Core
    let app: App

    /// The body's bytes, for a decoder.
    func bodyBytes() throws(Refusal) -> [UInt8] { Array(try self.request.body.bytes().readableBytesView) }

    /// A query parameter; nil when it is missing or empty.
    func query(_ name: String) -> String? { self.request.target.query[name] }
}

/// What lies at a path.
enum Place: Sendable {
    /// At least one method.
    case offers([Route])
    /// An API version that was taken out of service.
    case retired
    case unknown

    /// - Parameter segments: the path, decoded, without empty segments.
    init(_ segments: [String]) {
        switch segments.first {
        case "v2", "sendmsg": self = .retired
        case "v3": self = Self.routes(v3: Array(segments.dropFirst())).map(Self.offers) ?? .unknown
        default: self = .unknown
        }
    }

    private static func routes(v3 path: [String]) -> [Route]? {
        switch path.first {
        // The one host of the Beijing zone tells its families apart by a segment of their own.
        case "push" where path.dropFirst().first == "schedules": ScheduleRoutes.routes(at: Array(path.dropFirst(2)))
        case "schedules": ScheduleRoutes.routes(at: Array(path.dropFirst()))
        case "push": PushRoutes.routes(at: Array(path.dropFirst()))
        case "push_plan": PlanRoutes.routes(at: Array(path.dropFirst()))
        case "report": ReportRoutes.routes(at: Array(path.dropFirst()))
        case "device": DeviceRoutes.routes(at: Array(path.dropFirst()), isBeijing: true)
        case "devices", "aliases", "tags", "test": DeviceRoutes.routes(at: path)
        default: ReportRoutes.routes(at: path)
        }
    }
}

extension Family {
    /// The family whose codes answer at a path, known or not.
    init(path segments: [String]) {
        switch (segments.first, segments.dropFirst().first) {
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
