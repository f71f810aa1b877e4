import ApusContract
import NIOCore
import NIOHTTP1

// Output: every answer in one buffer and one write.

extension HTTP1Connection {
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
        guard let context else { return }
        let target = self.assembly?.head.target ?? .unreadable
        let answer = self.gate.sound(answer, to: target)
        switch answer.content {
        case .whole(let status, let type, let body):
            let isLast = isLast || self.isDraining || self.assembly?.framing.keepsAlive != true
            let isOld = self.assembly?.head.version == .http1_0
            var bytes = context.channel.allocator.buffer(capacity: 256 + body.readableBytes)
            bytes.writeHead(
                status, type: type, length: body.readableBytes, answer.headers,
                isLast ? .close : isOld ? .keepAlive : .implied)
            // The answer to a HEAD request tells the length and sends nothing.
            if self.assembly?.head.method != .HEAD { bytes.writeImmutableBuffer(body) }
            self.send(bytes, isLast: isLast)
        case .upgrade(let takeOver): self.upgrade(headers: answer.headers, takeOver)
        case .stream(let type, let start): self.stream(type: type, headers: answer.headers, start)
        }
    }

    private func send(_ bytes: ByteBuffer, isLast: Bool) {
        guard let context else { return }
        guard !isLast else { return self.finish(with: bytes) }
        context.write(self.wrapOutboundOut(bytes), promise: nil)
        self.needsFlush = true
        if context.channel.isWritable { return self.next() }
        self.phase = .writing
        self.setDeadline(self.gate.settings.write)
        self.needsFlush = false
        context.flush()
    }

    /// Sends the last bytes of this connection, and then the end of our output.
    func finish(with bytes: ByteBuffer) {
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
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: written)
        self.releaseRead()
    }

    func writeContinue() {
        guard let context else { return }
        context.writeAndFlush(
            self.wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
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
    private func stream(type: String, headers: HTTPHeaders, _ start: (AnswerStream) -> Void) {
        guard let context else { return }
        var bytes = context.channel.allocator.buffer(capacity: 256)
        bytes.writeHead(.ok, type: type, length: nil, headers, .close)
        let stream = AnswerStream(self, on: context.eventLoop)
        self.phase = .streaming(stream)
        self.deadline?.set(.distantFuture)
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
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
        self.finish(with: ByteBuffer())
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
            var bytes = context.channel.allocator.buffer(capacity: 256)
            bytes.writeStaticString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
            bytes.writeHeaders(headers)
            bytes.writeStaticString("\r\n")
            context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
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

extension ByteBuffer {
    /// Writes a status line and headers.
    ///
    /// - Parameters:
    ///   - type: JSON when nil.
    ///   - length: none for a body that ends with the connection.
    fileprivate mutating func writeHead(
        _ status: StatusCode, type: String?, length: Int?, _ headers: HTTPHeaders,
        _ persistence: HTTP1Connection.Persistence
    ) {
        if status == .ok {
            self.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            self.writeStaticString("HTTP/1.1 ")
            self.writeString(String(status.rawValue))
            self.writeStaticString(" ")
            self.writeString(status.reason)
            self.writeStaticString("\r\n")
        }
        if let type {
            self.writeStaticString("Content-Type: ")
            self.writeString(type)
            self.writeStaticString("\r\n")
        } else {
            self.writeStaticString("Content-Type: application/json; charset=utf-8\r\n")
        }
        if let length {
            self.writeStaticString("Content-Length: ")
            self.writeString(String(length))
            self.writeStaticString("\r\n")
        }
        switch persistence {
        case .implied: break
        case .keepAlive: self.writeStaticString("Connection: keep-alive\r\n")
        case .close: self.writeStaticString("Connection: close\r\n")
        }
        self.writeHeaders(headers)
        self.writeStaticString("\r\n")
    }

    fileprivate mutating func writeHeaders(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            self.writeString(name)
            self.writeStaticString(": ")
            self.writeString(value)
            self.writeStaticString("\r\n")
        }
    }
}
