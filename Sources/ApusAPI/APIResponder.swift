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
    package static func family(of target: RequestTarget) -> Family { Family(path: target.segments) }

    package func family(of target: RequestTarget) -> Family { Self.family(of: target) }

    package func bodyLimit(for target: RequestTarget, _ method: HTTPMethod) -> Int { self.settings.bodyMaxBytes }

    package func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        let routes: [Route]
        switch Place(request.target.segments) {
        case .unknown: throw Refusal(.pathUnknown)
        case .retired: throw Refusal(.retired)
        case .offers(let offered): routes = offered
        }
        guard let route = routes.first(where: { $0.method == request.method }) else {
            return .methodNotAllowed(
                self.family(of: request.target),
                allow: routes.map(\.method.rawValue).sorted().joined(separator: ", "))
        }
        let caller = Caller(request, trusting: self.settings.trustedProxies)
        guard caller.isSecure || !self.settings.isHTTPSOnly else { throw Refusal(.httpsOnly) }
        guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
        let app = try self.core.authenticator.authenticate(
            Authenticator.Credentials(request.headers.first(name: "Authorization")), from: caller.address)
        let budget = self.core.quota.take(route.bucket, of: app.id)
        return await self.answer(Call(request: request, core: self.core, app: app), route, caller, budget)
    }

    /// Answers an authenticated request; whatever happens, the answer carries the rate-limit headers.
    private func answer(_ call: Call, _ route: Route, _ caller: Caller, _ budget: QuotaBudget) async -> HTTPAnswer {
        let headers = budget.headers
        do throws(Refusal) {
            try self.core.authenticator.authorize(call.app, from: caller.address)
            guard budget.isWithin else {
                var refusal = Refusal(.rateLimited)
                refusal.retryAfterSeconds = budget.resetSeconds
                throw refusal
            }
            guard call.app.isVIP || !route.isVIPOnly else { throw Refusal(.vipOnly) }
            let answer = try await route.answer(call)
            return .json(ByteBuffer(bytes: answer.body), status: answer.status, headers: headers)
        } catch {
            return .refusal(error, self.family(of: call.request.target), headers: headers)
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
