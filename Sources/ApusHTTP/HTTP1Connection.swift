import ApusContract
import NIOCore
import NIOHTTP1

/// One HTTP/1 connection: bytes in, requests to the responder one at a time, bytes out.
///
/// Belongs to its event loop. While a request is being answered at most one read is made ahead of the answer: it waits
/// in `input`, and what a client pipelines beyond it waits in the kernel. Every way out of a connection is
/// the same: the last answer, the end of our output, and a bounded while of reading on, so that the answer is not
/// overtaken by a reset.
final class HTTP1Connection: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Between two requests.
        case idle
        /// From the first byte of a request to its last.
        case receiving
        /// The responder is at work while the body arrives; reads are held back unless it waits for more.
        case uploading(BodyStream)
        /// The responder is at work; reads are held back as soon as something waits.
        case responding
        /// The answer waits for the client to take it; reads are held back as soon as something waits.
        case writing
        case streaming(AnswerStream)
        /// The last answer is written; what still comes is dropped.
        case closing
        /// Another handler has the connection, or nobody has.
        case ended
    }

    let gate: Gate
    var phase: Phase = .idle
    var context: ChannelHandlerContext?
    /// The request being received or answered, from its head on.
    var assembly: RequestAssembly?
    var inputIsClosed = false
    var outputIsClosed = false
    var isDraining = false
    var task: Task<Void, Never>?
    /// Counts the requests, so that an answer that comes too late is known by its number.
    var ticket: UInt64 = 0
    var deadline: Deadline?
    /// When the request being received must be complete.
    var receiveDeadline: NIODeadline = .distantFuture
    /// Answers that are to go out together; see ``flushOutput()``.
    var output: [UInt8] = []
    var socket = DirectSocket()
    /// Whether the channel is known to hold nothing that was written, so that its socket may be written to directly.
    var isClear = false

    private(set) var parser = RequestParser()
    private(set) var input = ByteBuffer()
    private var peer: SocketAddress?
    private var executor: LoopExecutor?
    private var isAdvancing = false
    private var readIsHeld = false
    private var droppedBytes = 0

    /// The most bytes that wait unparsed while a request is answered. One read ahead brings no more, what TLS kept of a
    /// record included, so only the rest of a socket that the client has closed can come to more; the connection then
    /// ends with the current answer.
    private static let waitingBytesMax = 320 << 10

    init(_ gate: Gate) { self.gate = gate }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.peer = context.channel.remoteAddress
        self.executor = self.gate.executor(of: context.eventLoop)
        if !self.gate.isSecure { self.socket = DirectSocket(of: context) }
        self.deadline = Deadline(on: context.eventLoop) { [unowned self] in self.deadlinePassed() }
        self.setDeadline(min(self.gate.settings.idle, self.gate.settings.receive))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        switch self.phase {
        case .streaming, .closing, .ended: self.drop(bytes)
        case .idle, .receiving, .uploading, .responding, .writing:
            if self.input.readableBytes == 0 {
                self.input = bytes
            } else if self.takesInput || self.input.readableBytes + bytes.readableBytes <= Self.waitingBytesMax {
                self.input.discardReadBytes()
                self.input.writeBuffer(&bytes)
            } else {
                self.inputIsClosed = true
            }
            self.advance()
        }
    }

    func read(context: ChannelHandlerContext) {
        if self.holdsReads { self.readIsHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: self.inputClosed()
        case is ChannelShouldQuiesceEvent: self.drain()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        switch self.phase {
        case .streaming(let stream): stream.onWritabilityChanged?()
        case .writing where context.channel.isWritable: self.next()
        case .idle, .receiving, .uploading, .responding, .writing, .closing, .ended: break
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The socket or the TLS below has failed: nobody is left to be answered.
        context.close(promise: nil)
    }

    private var takesInput: Bool {
        switch self.phase {
        case .idle, .receiving, .uploading: true
        case .responding, .writing, .streaming, .closing, .ended: false
        }
    }

    private var holdsReads: Bool {
        switch self.phase {
        // One read ahead: to have the socket watched no more, and then again, would cost each request two system calls.
        case .responding, .writing: self.input.readableBytes > 0
        case .uploading(let body): !body.isAwaited
        case .idle, .receiving, .streaming, .closing, .ended: false
        }
    }

    func setDeadline(_ amount: TimeAmount) {
        guard let context else { return }
        self.deadline?.set(context.eventLoop.now + amount)
    }

    /// Drops what nobody will read; closes the connection when it is more than a client in good faith would send.
    private func drop(_ bytes: ByteBuffer) {
        self.droppedBytes += bytes.readableBytes
        if self.droppedBytes > self.gate.settings.lingerBytesMax { self.close() }
    }

    /// The connection is over for this handler: whatever still runs for it is told.
    func end() {
        if case .ended = self.phase { return }
        let phase = self.phase
        self.phase = .ended
        self.ticket += 1
        self.task?.cancel()
        self.task = nil
        self.assembly = nil
        self.output = []
        self.socket.forget()
        self.deadline?.discard()
        switch phase {
        case .streaming(let stream): stream.ended()
        case .uploading(let body): body.abandon()
        case .idle, .receiving, .responding, .writing, .closing, .ended: break
        }
    }
}

// Input

extension HTTP1Connection {
    /// Takes requests out of the input as long as none is being answered.
    func advance() {
        // An answer that is ready at once gets here from below; the loop is already running then.
        guard !self.isAdvancing else { return }
        self.isAdvancing = true
        advancing: while self.takesInput {
            switch self.parser.next(&self.input) {
            case .needMore:
                self.waitForMore()
                break advancing
            case .head(let head, let framing): self.received(head, framing)
            case .body(let bytes): self.received(bytes)
            case .end: self.receivedEnd()
            case .malformed(let malformation): self.giveUp(malformation)
            }
        }
        self.isAdvancing = false
        self.flushOutput()
        self.releaseRead()
    }

    private func waitForMore() {
        if case .idle = self.phase, self.input.readableBytes > 0 || self.parser.target != nil { self.begin() }
        guard self.inputIsClosed else { return }
        switch self.phase {
        case .idle: self.finish()
        case .receiving, .uploading: self.giveUp(Malformation("The request is not complete"))
        case .responding, .writing, .streaming, .closing, .ended: break
        }
    }

    /// The first bytes of a request are here: the rest must follow in time, however slowly it drips.
    private func begin() {
        guard let context else { return }
        self.phase = .receiving
        self.receiveDeadline = context.eventLoop.now + self.gate.settings.receive
        self.deadline?.set(self.receiveDeadline)
    }

    private func received(_ head: RequestHead, _ framing: RequestFraming) {
        if case .idle = self.phase { self.begin() }
        let intake = self.gate.responder.bodyIntake(for: head.target, head.method)
        let assembly = RequestAssembly(head, framing, intake, budget: self.gate.bodies)
        self.assembly = assembly
        if assembly.isCutShort {
            self.ask()
        } else if let partsMax = assembly.partsMax {
            self.ask(self.bodyStream(max: partsMax))
        } else if assembly.awaitsContinue, self.input.readableBytes == 0 {
            self.writeContinue()
        }
    }

    private func received(_ bytes: ByteBuffer) {
        if case .uploading(let body) = self.phase {
            self.assembly?.awaitsContinue = false
            return body.append(bytes)
        }
        self.assembly?.append(bytes)
        if self.assembly?.isCutShort == true { self.ask() }
    }

    /// Hands the request over: complete, cut short because its body is not kept, or with a body that is still to come.
    func ask(_ body: BodyStream? = nil) {
        guard let context, let executor, let assembly else { return }
        self.phase = body.map(Phase.uploading) ?? .responding
        self.ticket += 1
        let ticket = self.ticket
        // After CONNECT the client may send another protocol; behind a body cut short stands the rest of it.
        let isLast = assembly.isCutShort || assembly.head.method == .CONNECT
        if let verdict = self.gate.verdict(on: assembly.head) {
            return self.write(verdict, isLast: isLast || body != nil)
        }
        if body == nil { self.setDeadline(self.gate.settings.request) }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let request = assembly.request(body, peer: self.peer, isSecure: self.gate.isSecure)
        let task = self.gate.ask(request, on: executor) { answer in
            bound.value.answered(answer, to: ticket, isLast: isLast)
        }
        if self.isAnswering, self.ticket == ticket { self.task = task }
    }

    private func answered(_ answer: HTTPAnswer, to ticket: UInt64, isLast: Bool) {
        guard self.isAnswering, self.ticket == ticket else { return }
        self.task = nil
        if case .uploading(let body) = self.phase {
            // Answered without the rest of the body, which the client may still be sending.
            self.assembly?.isCutShort = true
            body.abandon()
            return self.write(answer, isLast: true)
        }
        self.write(answer, isLast: isLast)
    }

    private var isAnswering: Bool {
        switch self.phase {
        case .uploading, .responding: true
        case .idle, .receiving, .writing, .streaming, .closing, .ended: false
        }
    }

    /// The answer is out: the next request, or the wait for it.
    func next() {
        guard !self.isDraining else { return self.finish() }
        self.assembly = nil
        self.phase = .idle
        self.setDeadline(self.gate.settings.idle)
        self.advance()
    }

    func releaseRead() {
        guard self.readIsHeld, !self.holdsReads else { return }
        self.readIsHeld = false
        self.context?.read()
    }

    /// Hands what is left of the input to whoever takes the connection over.
    func surrenderInput() -> ByteBuffer {
        defer { self.input = ByteBuffer() }
        return self.input
    }

    private func inputClosed() {
        self.inputIsClosed = true
        switch self.phase {
        case .idle, .receiving, .uploading: self.advance()
        case .responding, .writing, .ended: break
        case .streaming: self.close()
        // Before our own output is closed there is still an answer on its way.
        case .closing: if self.outputIsClosed { self.close() }
        }
    }

    func drain() {
        self.isDraining = true
        switch self.phase {
        case .idle where self.input.readableBytes == 0:
            // What the client has not taken yet of its answers is still owed to it.
            if self.bufferedBytes == 0 { self.close() } else { self.finish() }
        case .streaming(let stream):
            if let onDrain = stream.onDrain { onDrain() } else { stream.close() }
        case .idle, .receiving, .uploading, .responding, .writing, .closing, .ended: break
        }
    }

    private func deadlinePassed() {
        switch self.phase {
        case .receiving:
            // Who has not even sent a request line is not waiting for an answer.
            guard self.parser.target != nil else { return self.close() }
            self.giveUp(Malformation("The request did not arrive in time"))
        case .uploading: self.giveUp(Malformation("The request did not arrive in time"))
        case .responding:
            self.ticket += 1
            self.task?.cancel()
            self.task = nil
            self.write(self.gate.refusal(Refusal(.deadlineExceeded), to: self.assembly?.head.target), isLast: true)
        case .idle, .writing, .closing: self.close()
        case .streaming, .ended: break
        }
    }

    func close() { self.context?.close(promise: nil) }
}
