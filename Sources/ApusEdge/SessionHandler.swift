internal import ApusCore
internal import ApusHTTP
internal import ApusWire
internal import NIOCore

/// The only handler of an upgraded connection: bytes in, WebSocket events to its ``EdgeLoop``, encoded frames out.
///
/// Owner: its pipeline. While an answer is being worked on it reads nothing, so that a device's frames are dealt with
/// in their order and a fast sender waits in its own socket.
final class SessionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let loop: EdgeLoop
    private let source: IPAddress?
    private let isPlain: Bool
    private var decoder = WebSocketDecoder(from: .client)
    /// Set while the handler is in a pipeline.
    private var context: ChannelHandlerContext?
    private var connection: Connection?
    private var isBusy = false
    private var wantsRead = false

    /// - Parameters:
    ///   - source: where the device's request came from.
    ///   - isPlain: whether the bytes of this handler are those of the socket: no TLS is between them.
    init(loop: EdgeLoop, source: IPAddress?, isPlain: Bool) {
        self.loop = loop
        self.source = source
        self.isPlain = isPlain
    }

    /// The other end of the connection, which may be a proxy.
    var peer: String? { self.context?.channel.remoteAddress?.ipAddress }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let bound = self.loop.settings.inFlightMaxBytes
        // A channel that cannot be told keeps its own, smaller bound.
        try? context.channel.syncOptions?.setOption(
            .writeBufferWaterMark, value: .init(low: bound / 4, high: bound))
        let socket = self.isPlain ? DirectSocket(of: context) : DirectSocket()
        self.connection = self.loop.connected(self, from: self.source, socket)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.leave() }

    func channelInactive(context: ChannelHandlerContext) {
        self.leave()
        context.fireChannelInactive()
    }

    private func leave() {
        self.context = nil
        guard let connection = self.connection else { return }
        self.connection = nil
        self.loop.disconnected(connection)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.feed(self.unwrapInboundIn(data))
        self.takeEvents()
    }

    /// Hands on what has come, until there is no more or an answer must be waited for.
    private func takeEvents() {
        while !self.isBusy, let connection = self.connection {
            do {
                guard let event = try self.decoder.next() else { return }
                self.loop.received(event, on: connection)
            } catch {
                self.loop.failed(error, on: connection)
                return
            }
        }
    }

    func read(context: ChannelHandlerContext) {
        if self.isBusy { self.wantsRead = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if let connection = self.connection {
            self.loop.writabilityChanged(connection, canWrite: context.channel.isWritable)
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            if let connection = self.connection { self.loop.end(connection, .draining) }
        case ChannelEvent.inputClosed:
            // A device that will say nothing more cannot ack.
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Resets and broken TLS: the device is gone, and comes back by itself.
        context.close(promise: nil)
    }
}

extension SessionHandler {
    /// Deals with no further frame until ``resume()``.
    func pause() { self.isBusy = true }

    func resume() {
        guard self.isBusy else { return }
        self.isBusy = false
        self.takeEvents()
        guard !self.isBusy, self.wantsRead, let context = self.context else { return }
        self.wantsRead = false
        context.read()
    }

    /// Whether the channel holds nothing that was written.
    var isClear: Bool {
        guard let options = self.context?.channel.syncOptions else { return false }
        return (try? options.getOption(.bufferedWritableBytes)) == 0
    }

    /// Writes and flushes, on one way through the pipeline.
    func send(_ buffer: ByteBuffer) { self.context?.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil) }

    /// Ends our half of the connection behind what was written.
    func closeOutput() { self.context?.close(mode: .output, promise: nil) }

    func cut() { self.context?.close(promise: nil) }
}
