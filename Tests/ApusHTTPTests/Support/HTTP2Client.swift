import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// One HTTP/2 connection over TLS.
struct HTTP2Client: Sendable {
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer

    static func connect(to address: SocketAddress) async throws -> HTTP2Client {
        let context = try TestTLS.clientContext(protocols: ["h2"])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    try operations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    _ = try operations.configureHTTP2Pipeline(
                        mode: .client, connectionConfiguration: .init(), streamConfiguration: .init()
                    ) { $0.close() }
                }
            }
            .connect(to: address).get()
        let multiplexer = try await channel.pipeline.handler(type: NIOHTTP2Handler.self)
            .flatMap { $0.multiplexer }.get()
        return HTTP2Client(channel: channel, multiplexer: multiplexer)
    }

    /// Sends one request on a stream of its own.
    ///
    /// - Parameter onBody: called with all of the body so far, whenever more has come.
    func send(
        _ method: HTTPMethod, _ path: String, body: String = "", onBody: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> WireAnswer {
        let answered = self.channel.eventLoop.makePromise(of: WireAnswer.self)
        let created = self.channel.eventLoop.makePromise(of: (any Channel).self)
        self.multiplexer.createStreamChannel(promise: created) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandlers(
                    HTTP2FramePayloadToHTTP1ClientCodec(httpProtocol: .https), Collector(answered, onBody))
            }
        }
        let stream = try await created.futureResult.get()
        let head = HTTPRequestHead(version: .http2, method: method, uri: path, headers: ["host": "localhost"])
        stream.write(HTTPClientRequestPart.head(head), promise: nil)
        if !body.isEmpty {
            stream.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
        }
        stream.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return try await answered.futureResult.get()
    }

    func close() async { try? await self.channel.close() }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    struct Unanswered: Error {}

    private let promise: EventLoopPromise<WireAnswer>
    private let onBody: @Sendable (String) -> Void
    private var answer = WireAnswer()
    private var isComplete = false

    init(_ promise: EventLoopPromise<WireAnswer>, _ onBody: @escaping @Sendable (String) -> Void) {
        self.promise = promise
        self.onBody = onBody
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.answer.status = Int(head.status.code)
            for (name, value) in head.headers { self.answer.headers[name] = value }
        case .body(let bytes):
            self.answer.body += String(buffer: bytes)
            self.onBody(self.answer.body)
        case .end:
            self.isComplete = true
            self.promise.succeed(self.answer)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !self.isComplete { self.promise.fail(Unanswered()) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
