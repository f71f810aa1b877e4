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

    package func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake {
        // Most requests go to paths that take JSON alone: told by two segments.
        switch (target.segments.first, target.segments.dropFirst().first) {
        case ("v3", "files"), ("v3", "images"), ("v1", _): break
        default: return .whole(max: self.settings.bodyMaxBytes)
        }
        guard case .offers(let routes) = Place(target.segments),
            let route = routes.first(where: { $0.method == method })
        else { return .whole(max: self.settings.bodyMaxBytes) }
        return self.bodyIntake(for: route.size)
    }

    package func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        let routes: [Route]
        switch Place(request.target.segments) {
        case .unknown: throw Refusal(.pathUnknown)
        case .retired: throw Refusal(.retired)
        case .picture(let name): return try await self.picture(name, request)
        case .offers(let offered): routes = offered
        }
        guard let route = routes.first(where: { $0.method == request.method }) else {
            return self.methodNotAllowed(request, routes)
        }
        let caller = Caller(request, trusting: self.settings.trustedProxies)
        guard caller.isSecure || !self.settings.isHTTPSOnly else { throw Refusal(.httpsOnly) }
        guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
        return try await self.respond(to: request, by: route, from: caller)
    }

    /// Finds who calls, as the route wants it, and answers.
    private func respond(
        to request: HTTPRequest, by route: Route, from caller: Caller
    ) async throws(Refusal) -> HTTPAnswer {
        let header = request.headers.first(name: "Authorization")
        let authenticator = self.core.authenticator
        switch route.answer {
        case .app(let answer):
            let app = try authenticator.authenticate(header, from: caller.address)
            let call = CallOf(request: request, core: self.core, who: app, caller: caller)
            return await self.answer(call, route, of: .app(app.id), app: app, answer)
        case .group(let answer):
            let group = try authenticator.authenticateGroup(.init(header), from: caller.address)
            let call = CallOf(request: request, core: self.core, who: group, caller: caller)
            return await self.answer(call, route, of: .group(group.id), app: nil, answer)
        case .developer(let answer):
            let developer = try authenticator.authenticateDeveloper(.init(header), from: caller.address)
            let call = CallOf(request: request, core: self.core, who: developer, caller: caller)
            return await self.answer(call, route, of: .developer(developer.id), app: nil, answer)
        case .uploader(let answer):
            let uploader = try authenticator.authenticateUploader(.init(header), from: caller.address)
            let call = CallOf(request: request, core: self.core, who: uploader, caller: caller)
            switch uploader {
            case .app(let app): return await self.answer(call, route, of: .app(app.id), app: app, answer)
            case .developer(let developer):
                return await self.answer(call, route, of: .developer(developer.id), app: nil, answer)
            }
        }
    }

    /// Answers an authenticated request; whatever happens, the answer carries the rate-limit headers.
    ///
    /// - Parameter app: the caller, where it is one: its blacklist, its addresses and its rights count.
    private func answer<Who>(
        _ call: CallOf<Who>, _ route: Route, of holder: Quota.Holder, app: App?,
        _ answer: (CallOf<Who>) async throws(Refusal) -> Reply
    ) async -> HTTPAnswer {
        let budget = self.core.quota.take(route.bucket(of: call.request), of: holder)
        var answered: HTTPAnswer
        do throws(Refusal) {
            if let app { try self.core.authenticator.authorize(app, from: call.caller.address) }
            guard budget.isWithin else {
                var refusal = Refusal(.rateLimited)
                refusal.retryAfterSeconds = budget.resetSeconds
                throw refusal
            }
            guard app?.isVIP ?? true || !route.isVIPOnly else { throw Refusal(.vipOnly) }
            let reply = try await answer(call)
            answered = .json(reply.body, status: reply.status)
        } catch {
            answered = .refusal(error, self.family(of: call.request.target))
        }
        answered.rateLimit = RateLimit(
            limit: budget.limit, remaining: budget.remaining, resetSeconds: budget.resetSeconds)
        return answered
    }

    private func methodNotAllowed(_ request: HTTPRequest, _ routes: [Route]) -> HTTPAnswer {
        let family = self.family(of: request.target)
        let allow = routes.map(\.method.rawValue).sorted().joined(separator: ", ")
        guard family == .admin else { return .methodNotAllowed(family, allow: allow) }
        // The vendor's sentence, as in `Get HTTP method is not allowed`.
        let refusal = Refusal(.methodNotAllowed, "\(request.method.rawValue.capitalized) HTTP method is not allowed")
        return .refusal(refusal, family, headers: ["Allow": allow])
    }

    /// A picture, for whoever has its URL: devices have no credentials here.
    private func picture(_ name: String, _ request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        guard request.method == .GET else { return .methodNotAllowed(.node, allow: "GET") }
        let content = try await self.core.images.picture(name)
        guard let type = PictureType(content) else { throw Refusal(.internalFault) }
        return .text(
            content, contentType: type.contentType,
            headers: ["Cache-Control": "public, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"])
    }
}

extension APIResponder {
    /// Bytes of a form beside its files: boundaries, headers, text fields.
    private static let formBytes = 65_536

    fileprivate func bodyIntake(for size: Route.BodySize) -> BodyIntake {
        switch size {
        case .json: .whole(max: self.settings.bodyMaxBytes)
        case .file: .inParts(max: Self.form(of: 1, upTo: self.core.fileMaxBytes))
        case .images: .inParts(max: Self.form(of: ImageRoutes.filesMax, upTo: self.core.imageMaxBytes))
        case .certificates: .inParts(max: Self.form(of: 2, upTo: CertificateForm.fileMaxBytes))
        }
    }

    /// What a form with so many files may weigh; `Int.max` where a file may weigh anything.
    private static func form(of files: Int, upTo bytes: Int) -> Int {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: files)
        return overflow || product > .max - self.formBytes ? .max : product + self.formBytes
    }
}

extension String {
    /// The first letter large, the others small; of ASCII.
    fileprivate var capitalized: String { self.prefix(1).uppercased() + self.dropFirst().lowercased() }
}
