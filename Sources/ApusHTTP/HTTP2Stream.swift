import ApusContract
import NIOCore
import NIOHTTP1

/// One HTTP/2 stream, which is one request: parts in, parts out.
///
/// Belongs to its event loop. Framing, flow control and idle connections are the business of the layer below; what is
/// left here is what the contract asks of every request.
final class HTTP2Stream: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        case receiving
        /// The responder is at work while the body arrives; reads are held back unless it waits for more, and with them
        /// the window of the stream.
        case uploading(BodyStream)
        case responding
        case streaming(AnswerStream)
        /// The answer is written; the rest of the request is read and dropped, so that the stream ends in good order.
        case answered
        case ended
    }

    private let gate: Gate
    private let peer: SocketAddress?
    private var phase: Phase = .receiving
    private var context: ChannelHandlerContext?
    private var assembly: RequestAssembly?
    private var readIsHeld = false
    private var task: Task<Void, Never>?
    private var deadline: Deadline?
    private var streamedBytes = 0

    init(_ gate: Gate, peer: SocketAddress?) {
        self.gate = gate
        self.peer = peer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.deadline = Deadline(on: context.eventLoop) { [unowned self] in self.deadlinePassed() }
        self.deadline?.set(context.eventLoop.now + self.gate.settings.receive)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (self.phase, self.unwrapInboundIn(data)) {
        case (.receiving, .head(let head)): self.received(head)
        case (.receiving, .body(let bytes)):
            self.assembly?.append(bytes)
            if self.assembly?.isCutShort == true { self.ask() }
        case (.receiving, .end): self.ask()
        case (.uploading(let body), .body(let bytes)):
            self.assembly?.awaitsContinue = false
            body.append(bytes)
        case (.uploading(let body), .end):
            self.phase = .responding
            self.deadline?.set(context.eventLoop.now + self.gate.settings.request)
            body.complete()
        case (.uploading, .head), (.responding, _), (.streaming, _), (.answered, _), (.ended, _): break
        }
    }

    func read(context: ChannelHandlerContext) {
        if self.holdsReads { self.readIsHeld = true } else { context.read() }
    }

    private var holdsReads: Bool {
        guard case .uploading(let body) = self.phase else { return false }
        return !body.isAwaited
    }

    private func releaseRead() {
        guard self.readIsHeld, !self.holdsReads else { return }
        self.readIsHeld = false
        self.context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .streaming(let stream) = self.phase { stream.onWritabilityChanged?() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { self.drain() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Before a head was accepted the error is about the request (a pseudo-header is missing); after it, about the
        // stream.
        guard case .receiving = self.phase, self.assembly == nil, context.channel.isActive else {
            return context.close(promise: nil)
        }
        self.write(self.gate.refusal(Malformation("The request headers are not legal"), to: nil))
    }

    private func received(_ head: RequestHead) {
        let intake = self.gate.responder.bodyIntake(for: head.target, head.method)
        let framing = RequestFraming(stream: head.headers)
        let assembly = RequestAssembly(head, framing, intake, budget: self.gate.bodies)
        self.assembly = assembly
        if assembly.isCutShort {
            self.ask()
        } else if let partsMax = assembly.partsMax {
            self.ask(self.bodyStream(max: partsMax))
        } else if assembly.awaitsContinue {
            self.writeContinue()
        }
    }

    private func writeContinue() {
        let head = HTTPResponseHead(version: .http2, status: .continue)
        self.context?.writeAndFlush(self.wrapOutboundOut(.head(head)), promise: nil)
    }

    private func bodyStream(max: Int) -> BodyStream? {
        guard let loop = self.context?.eventLoop else { return nil }
        let bound = NIOLoopBound(self, eventLoop: loop)
        return BodyStream(limit: max) { loop.execute { bound.value.bodyIsAwaited() } }
    }

    /// The responder waits for more of the body: only now is it worth sending.
    private func bodyIsAwaited() {
        guard case .uploading = self.phase else { return }
        if self.assembly?.awaitsContinue == true {
            self.assembly?.awaitsContinue = false
            self.writeContinue()
        }
        self.releaseRead()
    }

    private func received(_ head: HTTPRequestHead) {
        self.received(
            RequestHead(
                method: head.method, target: RequestTarget(head.uri), version: head.version, headers: head.headers))
    }

    private func ask(_ body: BodyStream? = nil) {
        guard let context, let assembly else { return }
        self.phase = body.map(Phase.uploading) ?? .responding
        if let verdict = self.gate.verdict(on: assembly.head) { return self.write(verdict) }
        if body == nil { self.deadline?.set(context.eventLoop.now + self.gate.settings.request) }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let request = assembly.request(body, peer: self.peer, isSecure: self.gate.isSecure)
        let executor = self.gate.executor(of: context.eventLoop)
        let task = self.gate.ask(request, on: executor) { answer in bound.value.answered(answer) }
        if self.isAnswering { self.task = task }
    }

    private var isAnswering: Bool {
        switch self.phase {
        case .uploading, .responding: true
        case .receiving, .streaming, .answered, .ended: false
        }
    }

    private func answered(_ answer: HTTPAnswer) {
        guard self.isAnswering else { return }
        self.task = nil
        if case .uploading(let body) = self.phase { body.abandon() }
        self.write(answer)
        self.releaseRead()
    }

    private func deadlinePassed() {
        let target = self.assembly?.head.target
        switch self.phase {
        case .receiving:
            self.write(self.gate.refusal(Malformation("The request did not arrive in time"), to: target))
        case .uploading(let body):
            self.task?.cancel()
            self.task = nil
            body.abandon()
            self.write(self.gate.refusal(Malformation("The request did not arrive in time"), to: target))
            self.releaseRead()
        case .responding:
            self.task?.cancel()
            self.task = nil
            self.write(self.gate.refusal(Refusal(.deadlineExceeded), to: target))
        case .answered: self.context?.close(promise: nil)
        case .streaming, .ended: break
        }
    }

    private func drain() {
        guard case .streaming(let stream) = self.phase else { return }
        if let onDrain = stream.onDrain { onDrain() } else { stream.close() }
    }

    private func end() {
        if case .ended = self.phase { return }
        let phase = self.phase
        self.phase = .ended
        self.task?.cancel()
        self.task = nil
        self.deadline?.discard()
        switch phase {
        case .streaming(let stream): stream.ended()
        case .uploading(let body): body.abandon()
        case .receiving, .responding, .answered, .ended: break
        }
    }
}

// Output

extension HTTP2Stream: AnswerStreamOutput {
    private func write(_ answer: HTTPAnswer) {
        guard let context else { return }
        let answer = self.gate.sound(answer, to: self.assembly?.head.target ?? .unreadable)
        switch answer.content {
        case .whole(let status, let type, let body):
            self.phase = .answered
            // Time to send the rest of the request and to take the answer.
            self.deadline?.set(context.eventLoop.now + self.gate.settings.write)
            self.writeHead(context, HTTPResponseStatus(status), type: type, length: body.count, answer)
            if self.assembly?.head.method != .HEAD {
                context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
            }
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        case .upgrade:
            let refusal = Refusal(.badValue, "A connection is upgraded over HTTP/1.1 only")
            self.write(self.gate.refusal(refusal, to: self.assembly?.head.target))
        case .stream(let type, let start):
            let stream = AnswerStream(self, on: context.eventLoop)
            self.phase = .streaming(stream)
            self.deadline?.set(.distantFuture)
            self.writeHead(context, .ok, type: type, length: nil, answer)
            context.flush()
            start(stream)
            if !self.gate.registry.follow(context.channel) { self.drain() }
        }
    }

    private func writeHead(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, type: String?, length: Int?,
        _ answer: HTTPAnswer
    ) {
        var headers = HTTPHeaders()
        headers.reserveCapacity(answer.headers.count + 6)
        headers.add(name: "content-type", value: type ?? HTTPAnswer.jsonType)
        if let length { headers.add(name: "content-length", value: String(length)) }
        answer.rateLimit?.forEachHeader { headers.add(name: "\($0)", value: String($1)) }
        headers.add(contentsOf: answer.headers)
        let head = HTTPResponseHead(version: .http2, status: status, headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
    }

    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    var bufferedBytes: Int { self.streamedBytes }

    func writeToStream(_ bytes: ByteBuffer) {
        guard let context else { return }
        // The channel of a stream does not tell what waits in it, so it is counted here.
        let size = bytes.readableBytes
        self.streamedBytes += size
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.streamedBytes -= size }
        context.write(self.wrapOutboundOut(.body(.byteBuffer(bytes))), promise: written)
    }

    func flushStream() { self.context?.flush() }

    func closeStream() {
        guard let context, case .streaming(let stream) = self.phase else { return }
        self.phase = .answered
        self.deadline?.set(context.eventLoop.now + self.gate.settings.write)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        stream.ended()
    }
}

extension HTTPResponseStatus {
    init(_ status: StatusCode) { self.init(statusCode: status.rawValue) }
}
