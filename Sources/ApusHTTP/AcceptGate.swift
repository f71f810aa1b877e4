import Logging
import NIOCore

/// Stops accepting for a moment when a listener has more connections than it may.
///
/// ``ConnectionRegistry`` closes those that are too many, but on their own event loops, a little later; without the
/// gate a flood would meanwhile take the last descriptor of the process. Then the store could not open a file, and the
/// system's libraries end the process. Who comes while the gate is shut waits in the system's queue.
///
/// Stands in the pipeline of the listening socket and belongs to its event loop.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = any Channel

    private static let silence = TimeAmount.seconds(60)

    /// Connections that are accepted per turn of the loop. After a restart every device knocks at once: many, where
    /// there is room for them.
    let burst: Int
    /// Connections, with those that are being closed, beyond which no more are accepted.
    private let openMax: Int
    private let logger: Logger
    private var openCount = 0
    private var heldRead: ChannelHandlerContext?
    private var tellsAt = NIODeadline.uptimeNanoseconds(0)

    /// - Parameter connectionsMax: 0 for no bound.
    init(connectionsMax: Int, logger: Logger) {
        self.burst = connectionsMax == 0 ? 64 : max(1, min(64, connectionsMax / 16))
        self.openMax = connectionsMax == 0 ? .max : connectionsMax + max(1, self.burst / 4)
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.openCount += 1
        let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        self.unwrapInboundIn(data).closeFuture.whenComplete { _ in eventLoop.execute { gate.value.closed() } }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard self.openCount >= self.openMax else { return context.read() }
        self.heldRead = context
        // One line a minute, however many knock.
        guard context.eventLoop.now >= self.tellsAt else { return }
        self.tellsAt = context.eventLoop.now + Self.silence
        self.logger.warning(
            "more connections than this process may have: the next ones wait",
            metadata: ["listener": "\(context.channel.localAddress?.description ?? "-")"])
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.heldRead = nil }

    private func closed() {
        self.openCount -= 1
        guard self.openCount < self.openMax, let context = self.heldRead else { return }
        self.heldRead = nil
        context.read()
    }
}
