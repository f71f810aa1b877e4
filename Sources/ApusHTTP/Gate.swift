import ApusContract
import Logging
import NIOCore
import NIOHTTP1

/// What all connections of one listener share, and the decisions that do not depend on the HTTP version.
final class Gate: Sendable {
    let responder: any HTTPResponder
    let settings: HTTPSettings
    let isSecure: Bool
    let registry: ConnectionRegistry
    let bodies: BodyBudget
    private let executors: [ObjectIdentifier: LoopExecutor]
    private let logger: Logger

    /// - Parameter group: the loops of the listener's connections.
    init(
        responder: any HTTPResponder, settings: HTTPSettings, isSecure: Bool, registry: ConnectionRegistry,
        group: any EventLoopGroup, logger: Logger
    ) {
        self.responder = responder
        self.settings = settings
        self.isSecure = isSecure
        self.registry = registry
        self.bodies = BodyBudget(bytesMax: settings.bodiesMaxBytes)
        self.executors = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) })
        self.logger = logger
    }

    /// Where the requests of a loop's connections are answered.
    func executor(of eventLoop: any EventLoop) -> LoopExecutor {
        self.executors[ObjectIdentifier(eventLoop)] ?? LoopExecutor(eventLoop)
    }

    /// The answer to a request that no responder needs to see.
    func verdict(on head: RequestHead) -> HTTPAnswer? {
        // Neither addresses a path, so no path can say what it offers.
        if head.method == .CONNECT || (head.method == .OPTIONS && head.target.isAsterisk) {
            return .methodNotAllowed(self.responder.family(of: head.target), allow: "GET, POST, PUT, DELETE")
        }
        return head.target.malformation.map { self.refusal(Malformation($0), to: head.target) }
    }

    /// A refusal of the gate's own, in the words of the family that the target belongs to.
    func refusal(_ refusal: Refusal, to target: RequestTarget?) -> HTTPAnswer {
        .refusal(refusal, self.responder.family(of: target ?? .unreadable))
    }

    /// The answer to what is no request.
    func refusal(_ malformation: Malformation, to target: RequestTarget?) -> HTTPAnswer {
        self.refusal(Refusal(.badValue, malformation.sentence), to: target)
    }

    /// The answer itself, or 500 in place of one that would break a promise of the contract.
    func sound(_ answer: HTTPAnswer, to target: RequestTarget) -> HTTPAnswer {
        if answer.isSound { return answer }
        self.logger.error("an answer without a body or with an illegal header was withheld")
        return self.refusal(Refusal(.internalFault), to: target)
    }

    /// Asks the responder and brings its answer back.
    ///
    /// The task starts right here, on the loop, without a hop: what never suspends (a refusal, a read from memory) has
    /// answered when this returns. What suspends goes on on the same loop.
    ///
    /// - Parameter deliver: called once, on the loop, perhaps before this returns.
    func ask(
        _ request: HTTPRequest, on executor: LoopExecutor, deliver: @escaping @Sendable (HTTPAnswer) -> Void
    ) -> Task<Void, Never> {
        let responder = self.responder
        return Task.immediate(executorPreference: executor) {
            let answer: HTTPAnswer
            do throws(Refusal) {
                answer = try await responder.respond(to: request)
            } catch {
                answer = .refusal(error, responder.family(of: request.target))
            }
            deliver(answer)
        }
    }
}

/// A request that is still arriving: its head, and as much of its body as may be kept.
///
/// Owner: the request's connection, on its loop.
final class RequestAssembly {
    let head: RequestHead
    let framing: RequestFraming
    private let intake: BodyIntake
    private let budget: BodyBudget
    /// Of the budget, once the body is large.
    private var share: BodyShare?
    private var body = ByteBuffer()
    private var isTooLarge = false
    /// Whether there was no memory for the body; like one that is too large, it is not kept.
    private var isUnaffordable = false
    /// Whether the request is answered before all of its body has come.
    var isCutShort = false
    /// Whether the client still holds its body back until it is told to go on.
    var awaitsContinue: Bool

    init(_ head: RequestHead, _ framing: RequestFraming, _ intake: BodyIntake, budget: BodyBudget) {
        self.head = head
        self.framing = framing
        self.intake = intake
        self.budget = budget
        self.awaitsContinue = framing.expectsContinue && framing.body != .none
        if case .length(let length) = framing.body { self.isTooLarge = length > intake.bytesMax }
        // What could not be read in the end is not even collected where bodies may be long.
        let isIllegible = intake.isInParts && framing.body != .none && framing.contentEncoding != nil
        self.isCutShort = self.isTooLarge || isIllegible
    }

    /// How many bytes may come in parts while the request is answered; nil where they are collected first.
    var partsMax: Int? {
        self.intake.isInParts && self.framing.body != .none && !self.isCutShort ? self.intake.bytesMax : nil
    }

    /// Keeps more of the body; drops all of it once it is over the limit, or over what there is memory for.
    func append(_ bytes: ByteBuffer) {
        guard !self.isCutShort, !self.isUnaffordable else { return }
        self.isTooLarge = self.body.readableBytes + bytes.readableBytes > self.intake.bytesMax
        self.isUnaffordable = !self.isTooLarge && !self.canAfford(bytes.readableBytes)
        guard !self.isTooLarge, !self.isUnaffordable else {
            self.isCutShort = self.isTooLarge
            self.body = ByteBuffer()
            self.share = nil
            return
        }
        if self.body.readableBytes == 0 {
            // A body that came in one piece is never copied.
            self.body = bytes
        } else {
            if case .length(let length) = self.framing.body { self.body.reserveCapacity(length) }
            self.body.writeImmutableBuffer(bytes)
        }
    }

    /// Takes what so many more bytes cost of the budget.
    private func canAfford(_ bytes: Int) -> Bool {
        let total = self.body.readableBytes + bytes
        guard total > BodyBudget.freeBytes else { return true }
        if let share = self.share { return share.grow(by: bytes) }
        let share = BodyShare(of: self.budget)
        self.share = share
        return share.grow(by: total)
    }

    /// The request as the responder is to see it.
    ///
    /// - Parameter parts: the body, where it is still to come.
    func request(_ parts: BodyStream?, peer: SocketAddress?, isSecure: Bool) -> HTTPRequest {
        let body: RequestBody =
            if let parts {
                .parts(parts)
            } else if self.isTooLarge {
                .refused(.tooLarge(limit: self.intake.bytesMax))
            } else if self.isUnaffordable {
                .refused(Refusal(.overloaded))
            } else if let encoding = self.framing.contentEncoding, self.isCutShort || self.body.readableBytes > 0 {
                .refused(Refusal(.badValue, "Content-Encoding must be identity, not \(encoding)"))
            } else {
                .whole(self.body)
            }
        return HTTPRequest(
            method: self.head.method, target: self.head.target, headers: self.head.headers, body: body, peer: peer,
            isSecure: isSecure)
    }
}
