package import ApusCore
package import ApusHTTP
import NIOCore
package import NIOHTTP1

/// The REST API: every request's way from its path to its answer, in the contract's order of checks.
package struct APIResponder: HTTPResponder {
    private let core: Core
    private let settings: Settings

    /// What the operator decided about callers.
    package struct Settings: Sendable {
        /// Refuse callers who did not come over TLS (by themselves or through a trusted proxy).
        package var isHTTPSOnly = false
        /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
        package var trustedProxies: [AddressBlock] = []
        /// Most bytes of a JSON body; `Int.max` for unlimited.
        package var bodyMaxBytes = LimitName.bodyBytes.standard

        package init() {}
    }

    package init(core: Core, settings: Settings) {
        self.core = core
        self.settings = settings
    }

    /// The family whose codes answer at a path, known or not.
    package static func family(of target: RequestTarget) -> Family { Endpoint.family(target.segments) }

    package func family(of target: RequestTarget) -> Family { Self.family(of: target) }

    package func bodyLimit(for target: RequestTarget, _ method: HTTPMethod) -> Int { self.settings.bodyMaxBytes }

    package func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        let endpoint: Endpoint
        switch Endpoint.place(request.target.segments) {
        case .unknown: throw Refusal(.pathUnknown)
        case .retired: throw Refusal(.retired)
        case .offers(let methods):
            guard let offered = methods[request.method.rawValue] else {
                return .methodNotAllowed(
                    self.family(of: request.target), allow: methods.keys.sorted().joined(separator: ", "))
            }
            endpoint = offered
        }
        if endpoint == .health { return .json(#"{"status":"ok"}"#) }
        let caller = Caller(request, trusting: self.settings.trustedProxies)
        guard caller.isSecure || !self.settings.isHTTPSOnly else { throw Refusal(.httpsOnly) }
        guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
        let app = try self.core.authenticator.authenticate(
            Authenticator.Credentials(request.headers.first(name: "Authorization")), from: caller.address)
        let budget = self.core.quota.take(endpoint.bucket, of: app.id)
        return await self.answer(request, endpoint, app, caller, budget)
    }

    /// Answers an authenticated request; whatever happens, the answer carries the rate-limit headers.
    private func answer(
        _ request: HTTPRequest, _ endpoint: Endpoint, _ app: App, _ caller: Caller, _ budget: QuotaBudget
    ) async -> HTTPAnswer {
        let headers = budget.headers
        do throws(Refusal) {
            try self.core.authenticator.authorize(app, from: caller.address)
            guard budget.isWithin else {
                var refusal = Refusal(.rateLimited)
                refusal.retryAfterSeconds = budget.resetSeconds
                throw refusal
            }
            guard app.isVIP || !endpoint.isVIPOnly else { throw Refusal(.vipOnly) }
            let body = try await self.body(of: request, endpoint, app)
            return .json(ByteBuffer(bytes: body), headers: headers)
        } catch {
            return .refusal(error, self.family(of: request.target), headers: headers)
        }
    }

    /// The body of a success.
    private func body(
        of request: HTTPRequest, _ endpoint: Endpoint, _ app: App
    ) async throws(Refusal) -> [UInt8] {
        switch endpoint {
        case .push: try await PushRoutes(core: self.core, app: app).push(request)
        case .validate: try await PushRoutes(core: self.core, app: app).validate(request)
        case .cid: try PushRoutes(core: self.core, app: app).cid(request)
        case .withdraw(let id): try await PushRoutes(core: self.core, app: app).withdraw(id)
        case .received: try await ReportRoutes(core: self.core, app: app).received(request)
        case .receivedDetail: try await ReportRoutes(core: self.core, app: app).receivedDetail(request)
        case .messageStatus: try await ReportRoutes(core: self.core, app: app).messageStatus(request)
        case .messages: try await ReportRoutes(core: self.core, app: app).messages(request)
        case .messagesDetail: try await ReportRoutes(core: self.core, app: app).messagesDetail(request)
        case .health: Array(#"{"status":"ok"}"#.utf8)
        }
    }
}

extension Endpoint {
    /// Whose calls per minute a call counts among.
    fileprivate var bucket: Quota.Bucket {
        switch self {
        case .push, .validate, .cid, .withdraw, .health: .push
        case .received, .receivedDetail, .messageStatus, .messages, .messagesDetail: .report
        }
    }
}

extension Endpoint {
    /// Whether it answers apps with VIP rights only; every app has them unless its operator took them away.
    fileprivate var isVIPOnly: Bool {
        switch self {
        case .messages, .messagesDetail: true
        case .push, .validate, .cid, .withdraw, .received, .receivedDetail, .messageStatus, .health: false
        }
    }
}

extension QuotaBudget {
    /// All four headers, always together: old clients lose every value when one is missing.
    fileprivate var headers: HTTPHeaders {
        [
            "X-Rate-Limit-Limit": String(self.limit), "X-Rate-Limit-Quota": String(self.limit),
            "X-Rate-Limit-Remaining": String(self.remaining), "X-Rate-Limit-Reset": String(self.resetSeconds),
        ]
    }
}

extension HTTPRequest {
    /// The body's bytes, for a decoder.
    func bodyBytes() throws(Refusal) -> [UInt8] { Array(try self.body.bytes().readableBytesView) }
}
