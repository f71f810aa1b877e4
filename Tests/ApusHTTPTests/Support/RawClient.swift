import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A TCP or TLS client that sends bytes and keeps what comes back.
final class RawClient: Sendable {
    private let channel: any Channel
    private let inbox: Inbox

    private init(_ channel: any Channel, _ inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    static func connect(to address: SocketAddress, tls: NIOSSLContext? = nil) async throws -> RawClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(InboxHandler(inbox))
                }
            }
            .connect(to: address).get()
        return RawClient(channel, inbox)
    }

    func send(_ text: String) async throws { try await self.channel.writeAndFlush(ByteBuffer(string: text)) }

    /// Sends the end of our side; the other side may go on.
    func closeOutput() async throws { try await self.channel.close(mode: .output) }

    func close() async { try? await self.channel.close() }

    /// Ends the connection with a reset.
    func reset() async throws {
        let options = self.channel as? any SocketOptionProvider
        try await options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        await self.close()
    }

    /// Everything that came until the server closed its side.
    func untilClosed() async -> String { await self.inbox.wait { _, isClosed in isClosed } }

    /// Everything that came until that text was among it; less when the server closed before.
    func until(_ text: String) async -> String {
        await self.inbox.wait { received, isClosed in isClosed || received.contains(text) }
    }
}

/// What a client has received, under a lock because the test looks from outside the loop.
private final class Inbox: Sendable {
    typealias Condition = @Sendable (_ received: String, _ isClosed: Bool) -> Bool

    private struct State {
        var received = ""
        var isClosed = false
        var waiters: [(Condition, CheckedContinuation<String, Never>)] = []
    }

    private let state = Mutex(State())

    func receive(_ text: String, isClosed: Bool) {
        let met = self.state.withLock { state in
            state.received += text
            state.isClosed = state.isClosed || isClosed
            let (received, isClosed) = (state.received, state.isClosed)
            let met = state.waiters.filter { $0.0(received, isClosed) }
            state.waiters.removeAll { $0.0(received, isClosed) }
            return met.map { ($0.1, received) }
        }
        for (waiter, received) in met { waiter.resume(returning: received) }
    }

    func wait(_ condition: @escaping Condition) async -> String {
        await withCheckedContinuation { continuation in
            let received: String? = self.state.withLock { state in
                if condition(state.received, state.isClosed) { return state.received }
                state.waiters.append((condition, continuation))
                return nil
            }
            if let received { continuation.resume(returning: received) }
        }
    }
}

private final class InboxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: Inbox

    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.inbox.receive(String(buffer: self.unwrapInboundIn(data)), isClosed: false)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { self.inbox.receive("", isClosed: true) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) { self.inbox.receive("", isClosed: true) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
