import ApusContract
import ApusHTTP
import NIOHTTP1
import Synchronization

/// What answers on a listener from its first moment: refusals that say where the node stands, until it serves and again
/// when it drains; in between `/healthz`, which asks the store, and for all else the responder behind it.
final class Front: HTTPResponder {
    private let phase: NodePhase
    private let family: @Sendable (RequestTarget) -> Family
    private let bodyMaxBytes: Int
    private let behind = Mutex<Behind?>(nil)

    /// What a node has once its store is open.
    private struct Behind {
        let responder: any HTTPResponder
        /// Returns while the store can be read.
        let check: @Sendable () async throws(Refusal) -> Void
    }

    init(phase: NodePhase, bodyMaxBytes: Int, family: @escaping @Sendable (RequestTarget) -> Family) {
        self.phase = phase
        self.bodyMaxBytes = bodyMaxBytes
        self.family = family
    }

    /// Lets requests through to the responder, as soon as the node serves.
    ///
    /// - Parameter check: throws what ails the store; asked by `/healthz`.
    func open(_ responder: any HTTPResponder, check: @escaping @Sendable () async throws(Refusal) -> Void) {
        self.behind.withLock { $0 = Behind(responder: responder, check: check) }
    }

    func family(of target: RequestTarget) -> Family {
        target.segments.first == "healthz" ? .node : self.family(target)
    }

    func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake {
        self.behind.withLock { $0 }?.responder.bodyIntake(for: target, method) ?? .whole(max: self.bodyMaxBytes)
    }

    nonisolated(nonsending) func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        if let refusal = self.phase.refusal { throw refusal }
        if request.target.segments.count == 1, request.target.segments[0] == "healthz" {
            return try await self.health(request)
        }
        return try await self.opened().responder.respond(to: request)
    }

    private func opened() throws(Refusal) -> Behind {
        guard let behind = self.behind.withLock({ $0 }) else { throw Refusal(.starting) }
        return behind
    }

    nonisolated(nonsending) private func health(_ request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        guard request.method == .GET else { return .methodNotAllowed(.node, allow: "GET") }
        guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
        try await self.opened().check()
        return .json(#"{"status":"ok"}"#)
    }
}
