package import ApusContract
package import NIOCore
package import NIOHTTP1

/// What stands behind a listener: the REST API, or the HTTP side of the edge.
package protocol HTTPResponder: Sendable {
    /// The family whose codes the gate uses where it refuses by itself.
    ///
    /// Called on the event loop; `target.segments` is empty when the request line was unreadable.
    func family(of target: RequestTarget) -> Family

    /// How the body of a request is to arrive.
    ///
    /// Called on the event loop, once per request, as soon as its head is there.
    func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake

    /// Answers one request.
    ///
    /// Starts on the connection's event loop and stays there until it first suspends, so it must not block. Cancelled
    /// when the client is gone, and when the request's own deadline has passed; an answer that comes later is dropped.
    func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer
}

/// How a responder wants the body of a request.
package enum BodyIntake: Sendable, Equatable {
    /// All at once, and the request only then; what is longer than so many bytes arrives as
    /// ``RequestBody/refused(_:)``.
    case whole(max: Int)
    /// The request before its body, and the body as a ``BodyStream`` of at most so many bytes.
    case inParts(max: Int)

    /// The most bytes of body, either way.
    var bytesMax: Int {
        switch self {
        case .whole(let max), .inParts(let max): max
        }
    }

    var isInParts: Bool {
        switch self {
        case .whole: false
        case .inParts: true
        }
    }
}

/// Deadlines and bounds of a listener.
package struct HTTPSettings: Sendable {
    /// From the first byte of a request to its last; a drip does not prolong it.
    package var receive: TimeAmount = .seconds(20)
    /// From the last byte of a request to its answer; then 504.
    package var request: TimeAmount = .seconds(30)
    /// How long a connection may lie between two requests.
    package var idle: TimeAmount = .seconds(75)
    /// How long an answer may wait for its client to take it; then the connection is closed.
    package var write: TimeAmount = .seconds(30)
    /// How long a closing connection goes on reading, so that a client that still sends gets its answer and not a
    /// reset.
    package var linger: TimeAmount = .seconds(2)
    /// The most bytes that a closing connection reads and drops.
    package var lingerBytesMax = 64 << 20
    /// The most connections at a time, 0 for no bound; over it a new one is closed at once.
    package var connectionsMax = 0
    /// The most bytes that large bodies may take together; over it a request with one is refused as overloaded.
    package var bodiesMaxBytes = 64 << 20

    package init() {}

    /// The deadlines that operators set; 0 there means none.
    package init(_ limits: Limits) {
        self.receive = Self.amount(limits[.receiveSeconds])
        self.request = Self.amount(limits[.requestSeconds])
    }

    /// A deadline of 0 seconds is one that never comes; a year is near enough and cannot overflow a clock.
    private static func amount(_ seconds: Int) -> TimeAmount {
        seconds == 0 ? .hours(24 * 365) : .seconds(Int64(seconds))
    }
}
