import ApusContract
import ApusHTTP
import NIOHTTP1
import Synchronization

/// What answers on a listener from its first moment: refusals that say where the node stands, until it serves and again
/// when it drains; in between `/healthz`, and for all else the responder behind it.
final class Front: HTTPResponder {
    private let phase: NodePhase
    private let family: @Sendable (RequestTarget) -> Family
    private let bodyMaxBytes: Int
    private let responder = Mutex<(any HTTPResponder)?>(nil)

    init(phase: NodePhase, bodyMaxBytes: Int, family: @escaping @Sendable (RequestTarget) -> Family) {
        self.phase = phase
        self.bodyMaxBytes = bodyMaxBytes
        self.family = family
    }

    /// Lets requests through to the responder, as soon as the node serves.
    func open(_ responder: any HTTPResponder) { self.responder.withLock { $0 = responder } }

    func family(of target: RequestTarget) -> Family {
        target.segments.first == "healthz" ? .node : self.family(target)
    }

    func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake {
        self.responder.withLock { $0 }?.bodyIntake(for: target, method) ?? .whole(max: self.bodyMaxBytes)
    }

    nonisolated(nonsending) func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        if let refusal = self.phase.refusal { throw refusal }
        if request.target.segments == ["healthz"] {
            guard request.method == .GET else { return .methodNotAllowed(.node, allow: "GET") }
            guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
            return .json(#"{"status":"ok"}"#)
        }
        guard let responder = self.responder.withLock({ $0 }) else { throw Refusal(.starting) }
        return try await responder.respond(to: request)
    }
}
