import ApusContract
import NIOHTTP1
import Synchronization

@testable import ApusHTTP

/// A responder that answers what the test says, and remembers what it was asked.
final class TestResponder: HTTPResponder {
    typealias Answering = @Sendable (HTTPRequest) async throws(Refusal) -> HTTPAnswer

    static let bodyLimit = 100

    private let bodyLimit: Int
    private let answering: Answering
    private let requests = Mutex<[HTTPRequest]>([])

    init(
        bodyLimit: Int = TestResponder.bodyLimit, _ answering: @escaping Answering = { _ in .json("{}") }
    ) {
        self.bodyLimit = bodyLimit
        self.answering = answering
    }

    var asked: [HTTPRequest] { self.requests.withLock { $0 } }

    func family(of target: RequestTarget) -> Family { target.segments.first == "device" ? .device : .push }

    /// In parts below `/upload`.
    func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake {
        target.segments.first == "upload" ? .inParts(max: self.bodyLimit) : .whole(max: self.bodyLimit)
    }

    func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        self.requests.withLock { $0.append(request) }
        return try await self.answering(request)
    }
}

/// Something that happens once, and that others may wait for.
final class Signal: Sendable {
    private struct State {
        var hasFired = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func fire() {
        let waiters = self.state.withLock { state in
            state.hasFired = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits, cancelled or not.
    func wait() async {
        await withCheckedContinuation { continuation in
            let hasFired = self.state.withLock { state in
                if !state.hasFired { state.waiters.append(continuation) }
                return state.hasFired
            }
            if hasFired { continuation.resume() }
        }
    }

    /// Suspends the task until it is cancelled, and fires then.
    func fireWhenCancelled() async {
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        _ = continuation
        self.fire()
    }
}

/// One answer, read from the wire as strictly as the worst client might.
struct WireAnswer: Equatable {
    var status = 0
    var headers: [String: String] = [:]
    var body = ""

    /// Reads all answers; nil when anything else is there.
    static func all(in wire: String, isHead: Bool = false) -> [WireAnswer]? {
        var answers: [WireAnswer] = []
        var rest = Array(wire.utf8)[...]
        while !rest.isEmpty {
            var answer = WireAnswer()
            guard let status = Self.line(&rest), status.hasPrefix("HTTP/1.1 ") else { return nil }
            answer.status = Int(status.dropFirst(9).prefix(3)) ?? 0
            while let line = Self.line(&rest), !line.isEmpty {
                let parts = line.split(separator: ": ", maxSplits: 1)
                guard parts.count == 2 else { return nil }
                answer.headers[parts[0].lowercased()] = String(parts[1])
            }
            if answer.status != 100, !isHead {
                guard let length = answer.headers["content-length"].flatMap({ Int($0) }), rest.count >= length else {
                    return nil
                }
                answer.body = String(decoding: rest.prefix(length), as: UTF8.self)
                rest = rest.dropFirst(length)
            }
            answers.append(answer)
        }
        return answers
    }

    private static func line(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let end = rest.firstIndex(of: 0x0D), end + 1 < rest.endIndex, rest[end + 1] == 0x0A else { return nil }
        defer { rest = rest[(end + 2)...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }
}
