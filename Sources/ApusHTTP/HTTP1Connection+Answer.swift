import ApusContract
import NIOCore
import NIOHTTP1

// Output: what is answered in one turn goes out in one write.

extension HTTP1Connection {
    /// Answers that wait for those of the requests behind them; with more than that they go out.
    private static let outputBytesMax = 16 << 10

    /// What the status line is followed by, as far as the connection is concerned.
    enum Persistence {
        /// Said nothing about: HTTP/1.1 goes on.
        case implied
        /// HTTP/1.0 goes on only when told so.
        case keepAlive
        case close
    }

    /// Answers the current request.
    ///
    /// - Parameter isLast: whether the connection ends with it, whatever the client asked for.
    func write(_ answer: HTTPAnswer, isLast: Bool) {
        let target = self.assembly?.head.target ?? .unreadable
        let answer = self.gate.sound(answer, to: target)
        switch answer.content {
        case .whole(let status, let type, let body):
            let isLast = isLast || self.isDraining || self.assembly?.framing.keepsAlive != true
            let isOld = self.assembly?.head.version == .http1_0
            self.output.appendHead(
                of: answer, status, type: type, length: body.count, isLast ? .close : isOld ? .keepAlive : .implied)
            // The answer to a HEAD request tells the length and sends nothing.
            if self.assembly?.head.method != .HEAD { self.output.append(contentsOf: body) }
            self.answered(isLast: isLast)
        case .upgrade(let takeOver): self.upgrade(headers: answer.headers, takeOver)
        case .stream(let type, let start): self.stream(answer, type: type, start)
        }
    }

    private func answered(isLast: Bool) {
        guard !isLast else { return self.finish() }
        if self.output.count < Self.outputBytesMax, self.isWritable { return self.next() }
        self.flushOutput()
        // The write may have failed, and the connection with it.
        if case .ended = self.phase { return }
        if self.isWritable { return self.next() }
        self.phase = .writing
        self.setDeadline(self.gate.settings.write)
    }

    /// Sends what is in the output: past the channel as long as that holds nothing itself.
    func flushOutput() {
        guard !self.output.isEmpty, let context else { return }
        var count = 0
        if self.socket.isOpen, self.isClear || self.bufferedBytes == 0 {
            count = self.output.withUnsafeBytes { self.socket.send($0) }
            self.isClear = count == self.output.count
        }
        let rest = count < self.output.count ? ByteBuffer(bytes: self.output[count...]) : nil
        // First: a write that fails has the channel read what is left, which comes back here.
        self.output.removeAll(keepingCapacity: self.output.capacity <= Self.outputBytesMax)
        // The rest waits in the channel, and so does everything behind it.
        if let rest { context.writeAndFlush(self.wrapOutboundOut(rest), promise: nil) }
    }

    /// Sends the last bytes of this connection, and then the end of our output.
    func finish() {
        guard let context else { return }
        self.phase = .closing
        self.setDeadline(self.gate.settings.write)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.closeOutput()
            case .failure: self.close()
            }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: self.output)), promise: written)
        self.output = []
        self.releaseRead()
    }

    func writeContinue() {
        self.output.append("HTTP/1.1 100 Continue\r\n\r\n")
        self.flushOutput()
    }

    /// Says that nothing more will come, and reads on for a while: closing at once would answer what the client still
    /// sends with a reset, and that would take the answer away from it.
    private func closeOutput() {
        guard let context, case .closing = self.phase else { return }
        guard !self.inputIsClosed else { return context.close(promise: nil) }
        let linger = context.eventLoop.now + self.gate.settings.linger
        // A body that nobody reads is given the time that it would have had if somebody did.
        let isCutShort = self.assembly?.isCutShort == true
        self.deadline?.set(isCutShort ? max(linger, self.receiveDeadline) : linger)
        self.outputIsClosed = true
        context.close(mode: .output, promise: nil)
    }
}

// Streams and upgrades

extension HTTP1Connection: AnswerStreamOutput {
    private func stream(_ answer: HTTPAnswer, type: String, _ start: (AnswerStream) -> Void) {
        guard let context else { return }
        self.output.appendHead(of: answer, .ok, type: type, length: nil, .close)
        let stream = AnswerStream(self, on: context.eventLoop)
        self.phase = .streaming(stream)
        self.deadline?.set(.distantFuture)
        self.flushOutput()
        // Never used again.
        self.output = []
        self.releaseRead()
        start(stream)
        // Readers of streams do not half-close: an end of their side is an end.
        if self.inputIsClosed { self.close() } else if self.isDraining { self.drain() }
    }

    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    var bufferedBytes: Int {
        (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    func writeToStream(_ bytes: ByteBuffer) {
        self.context?.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    func flushStream() { self.context?.flush() }

    func closeStream() {
        guard case .streaming(let stream) = self.phase else { return }
        self.assembly = nil
        let keepsUp = self.isWritable
        self.finish()
        // Who has not read what was sent before will hardly read the end of it.
        if !keepsUp { self.setDeadline(self.gate.settings.linger) }
        stream.ended()
    }

    private func upgrade(headers: HTTPHeaders, _ takeOver: (any Channel) throws -> any ChannelHandler) {
        guard let context, let assembly else { return }
        guard assembly.framing.offersUpgrade, !self.isDraining else {
            let refusal =
                self.isDraining
                ? Refusal(.draining) : Refusal(.badValue, "Connection: Upgrade and Upgrade are required")
            return self.write(self.gate.refusal(refusal, to: assembly.head.target), isLast: false)
        }
        do {
            let handler = try takeOver(context.channel)
            self.output.append("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
            self.output.append(headers)
            self.output.append("\r\n")
            self.flushOutput()
            // A stream of another protocol has its own way to say goodbye; the end of the socket is the end of it.
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            let operations = context.pipeline.syncOperations
            try operations.addHandler(handler, position: .after(self))
            self.handOver(context)
        } catch {
            context.close(promise: nil)
        }
    }

    private func handOver(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let early = self.surrenderInput()
        self.end()
        if early.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(early))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
        if self.inputIsClosed { channel.close(promise: nil) } else { channel.read() }
    }
}

extension [UInt8] {
    /// Appends the status line and the headers of an answer.
    ///
    /// - Parameters:
    ///   - type: JSON when nil.
    ///   - length: none for a body that ends with the connection.
    fileprivate mutating func appendHead(
        of answer: HTTPAnswer, _ status: StatusCode, type: String?, length: Int?,
        _ persistence: HTTP1Connection.Persistence
    ) {
        if status == .ok {
            self.append("HTTP/1.1 200 OK\r\n")
        } else {
            self.append("HTTP/1.1 ")
            self.append(decimal: Int64(status.rawValue))
            self.append(" ")
            self.append(contentsOf: status.reason.utf8)
            self.append("\r\n")
        }
        if let type {
            self.append(header: "Content-Type", type)
        } else {
            self.append("Content-Type: application/json; charset=utf-8\r\n")
        }
        if let length {
            self.append("Content-Length: ")
            self.append(decimal: Int64(length))
            self.append("\r\n")
        }
        switch persistence {
        case .implied: break
        case .keepAlive: self.append("Connection: keep-alive\r\n")
        case .close: self.append("Connection: close\r\n")
        }
        answer.rateLimit?.forEachHeader { name, value in
            self.append(name)
            self.append(": ")
            self.append(decimal: Int64(value))
            self.append("\r\n")
        }
        self.append(answer.headers)
        self.append("\r\n")
    }

    fileprivate mutating func append(_ headers: HTTPHeaders) {
        for (name, value) in headers { self.append(header: name, value) }
    }

    private mutating func append(header name: String, _ value: String) {
        self.append(contentsOf: name.utf8)
        self.append(": ")
        self.append(contentsOf: value.utf8)
        self.append("\r\n")
    }

    fileprivate mutating func append(_ text: StaticString) {
        self.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
