import ApusContract
import ApusHTTP
import NIOCore
import NIOHTTP1
import Testing

@testable import apus

@Suite struct `The front of a listener` {
    private struct Behind: HTTPResponder {
        func family(of target: RequestTarget) -> Family { .report }
        func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake { .inParts(max: 7) }
        func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer { .json("[]") }
    }

    private let phase = NodePhase()
    private let front: Front

    init() { self.front = Front(phase: self.phase, bodyMaxBytes: 5) { _ in .push } }

    private func ask(_ path: String, _ method: HTTPMethod = .GET, accept: String = "*/*") async throws -> HTTPAnswer {
        try await self.front.respond(
            to: HTTPRequest(method: method, target: RequestTarget(path), headers: ["Accept": accept]))
    }

    @Test(arguments: [
        (NodePhase.Phase.starting, Refusal.Kind.starting), (.upgrading, .backendDown), (.draining, .draining),
    ])
    func `refuses everything while the node does not serve`(_ phase: NodePhase.Phase, _ kind: Refusal.Kind) async {
        self.front.open(Behind()) {}
        self.phase.move(to: phase)
        for path in ["/healthz", "/v3/push", "/nowhere"] {
            await #expect(throws: Refusal(kind)) { _ = try await self.ask(path) }
        }
    }

    @Test func `says that it is well once the node serves`() async throws {
        self.front.open(Behind()) {}
        self.phase.move(to: .serving)
        #expect(try await self.ask("/healthz").body.map { String(decoding: $0, as: UTF8.self) } == #"{"status":"ok"}"#)
        #expect(try await self.ask("/healthz", .POST).status == .methodNotAllowed)
        await #expect(throws: Refusal(.formatNotSupported)) { _ = try await self.ask("/healthz", accept: "text/html") }
        #expect(self.front.family(of: RequestTarget("/healthz")) == .node)
    }

    @Test func `does not say that it is well while the store is gone`() async throws {
        self.front.open(Behind()) { () throws(Refusal) in throw Refusal(.backendDown) }
        self.phase.move(to: .serving)
        await #expect(throws: Refusal(.backendDown)) { _ = try await self.ask("/healthz") }
        #expect(try await self.ask("/v3/push").status == .ok)
    }

    @Test func `asks whoever stands behind it for all else`() async throws {
        #expect(self.front.bodyIntake(for: RequestTarget("/v3/push"), .POST) == .whole(max: 5))
        self.phase.move(to: .serving)
        await #expect(throws: Refusal(.starting)) { _ = try await self.ask("/v3/push") }
        self.front.open(Behind()) {}
        #expect(try await self.ask("/v3/push").status == .ok)
        #expect(self.front.bodyIntake(for: RequestTarget("/v3/push"), .POST) == .inParts(max: 7))
    }
}
