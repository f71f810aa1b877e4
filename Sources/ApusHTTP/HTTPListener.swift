import Glibc
package import Logging
package import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// The certificate chain and the private key of a listener, as PEM files.
package struct TLSFiles: Sendable {
    let certificatePath: String
    let keyPath: String

    package init(certificatePath: String, keyPath: String) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
    }
}

/// Why a listener could not start.
package struct ListenError: Error {
    /// What is wrong, naming the address or the file.
    package let sentence: String
}

/// One port that speaks HTTP/1.1, and HTTP/2 where TLS lets the client choose it.
package final class HTTPListener: Sendable {
    /// Where it listens; the port is the real one when 0 was asked for.
    package let address: SocketAddress

    private let channel: any Channel
    private let registry: ConnectionRegistry

    private init(_ channel: any Channel, at address: SocketAddress, _ registry: ConnectionRegistry) {
        self.channel = channel
        self.address = address
        self.registry = registry
    }

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - port: 0 for any free one.
    ///   - tls: speaks TLS with this certificate; plain text where it is nil.
    ///   - http2: whether clients may choose HTTP/2 (by ALPN, so over TLS only).
    package static func bind(
        host: String, port: Int, on group: any EventLoopGroup, tls: TLSFiles? = nil, http2: Bool = true,
        settings: HTTPSettings = .init(), logger: Logger, responder: some HTTPResponder
    ) async throws(ListenError) -> HTTPListener {
        let context = try tls.map { files throws(ListenError) in try Self.context(files, http2: http2) }
        try tls?.refuseExpired()
        let registry = ConnectionRegistry(connectionsMax: settings.connectionsMax)
        let gate = Gate(
            responder: responder, settings: settings, isSecure: context != nil, registry: registry, group: group,
            logger: logger)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let gate = AcceptGate(connectionsMax: settings.connectionsMax, logger: logger)
                    try channel.syncOptions?.setOption(.maxMessagesPerRead, value: UInt(gate.burst))
                    // When the system itself has nothing left, accepting waits a second instead of spinning.
                    let backoff = AcceptBackoffHandler(shouldForwardIOErrorCaught: false)
                    try channel.pipeline.syncOperations.addHandlers(gate, backoff)
                }
            }
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            // A client may close its side behind the request and still wait for the answer.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            // A connection holds its read buffer while it idles: start small, grow with what comes.
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 1024, maximum: 65_536)
            )
            .childChannelInitializer { channel in
                guard registry.admit(channel) else { return channel.close() }
                guard let context else { return channel.addHTTP1(gate) }
                return channel.addTLS(context, gate)
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            guard let address = channel.localAddress else {
                throw ListenError(sentence: "\(host):\(port) has no address")
            }
            return HTTPListener(channel, at: address, registry)
        } catch let error as ListenError {
            throw error
        } catch {
            throw ListenError(sentence: "cannot listen on \(host):\(port): \(error)")
        }
    }

    /// Stops taking connections, closes the idle ones and waits for the answers that are under way.
    ///
    /// - Parameter bound: how long to wait, also for what took connections over; whatever is open then is closed.
    package func shutDown(within bound: TimeAmount) async {
        try? await self.channel.close().get()
        self.registry.drain()
        let registry = self.registry
        let timer = self.channel.eventLoop.scheduleTask(in: bound) { registry.closeAll() }
        await registry.untilEmpty()
        timer.cancel()
    }

    static func context(_ files: TLSFiles, http2: Bool) throws(ListenError) -> NIOSSLContext {
        var path = files.certificatePath
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(path).map { NIOSSLCertificateSource.certificate($0) }
            guard !chain.isEmpty else { throw ListenError(sentence: "no certificate in \(path)") }
            path = files.keyPath
            let key = try NIOSSLPrivateKey(file: path, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = http2 ? ["h2", "http/1.1"] : ["http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch let error as ListenError {
            throw error
        } catch {
            throw ListenError(sentence: "cannot use \(path): \(error)")
        }
    }
}

extension Channel {
    fileprivate func addHTTP1(_ gate: Gate) -> EventLoopFuture<Void> {
        self.eventLoop.makeCompletedFuture {
            try self.pipeline.syncOperations.addHandler(HTTP1Connection(gate))
        }
    }

    /// Adds TLS, and the version of HTTP that it settles on.
    fileprivate func addTLS(_ context: NIOSSLContext, _ gate: Gate) -> EventLoopFuture<Void> {
        // The greeting has its own deadline: until it is over no handler of ours is there to keep one.
        let greeting = self.eventLoop.scheduleTask(in: gate.settings.receive) { self.close(promise: nil) }
        self.closeFuture.whenComplete { _ in greeting.cancel() }
        return self.eventLoop.makeCompletedFuture {
            try self.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        }.flatMap {
            self.configureHTTP2SecureUpgrade(
                h2ChannelConfigurator: { channel in
                    greeting.cancel()
                    return channel.addHTTP2(gate)
                },
                http1ChannelConfigurator: { channel in
                    greeting.cancel()
                    return channel.addHTTP1(gate)
                })
        }
    }

    private func addHTTP2(_ gate: Gate) -> EventLoopFuture<Void> {
        let peer = self.remoteAddress
        return self.eventLoop.makeCompletedFuture {
            // An HTTP/2 connection has no half-closed state: its streams have.
            try self.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            let keeper = NIOHTTP2ServerConnectionManagementHandler(
                eventLoop: self.eventLoop,
                configuration: .init(
                    maxIdleTime: gate.settings.idle, maxAge: nil, maxGraceTime: nil, keepalive: nil))
            _ = try self.pipeline.syncOperations.configureHTTP2Pipeline(
                mode: .server, connectionConfiguration: .init(), streamConfiguration: .init(),
                streamDelegate: keeper.http2StreamDelegate
            ) { stream in
                stream.eventLoop.makeCompletedFuture {
                    try stream.pipeline.syncOperations.addHandlers(
                        HTTP2FramePayloadToHTTP1ServerCodec(), HTTP2Stream(gate, peer: peer))
                }
            }
            try self.pipeline.syncOperations.addHandler(keeper)
        }
    }
}

extension TLSFiles {
    /// A certificate that no client accepts any more, or yet, is told at the start rather than by every client.
    fileprivate func refuseExpired() throws(ListenError) {
        // What cannot be read is told by who uses it.
        guard let leaf = try? NIOSSLCertificate.fromPEMFile(self.certificatePath).first else { return }
        let now = time(nil)
        if leaf.notValidAfter < now {
            throw ListenError(sentence: "cannot use \(self.certificatePath): the certificate has expired")
        }
        if leaf.notValidBefore > now {
            throw ListenError(sentence: "cannot use \(self.certificatePath): the certificate is not valid yet")
        }
    }
}
