import NIOCore
import NIOPosix
import NIOSSL

/// A connection to a server, as bytes in both directions.
enum Connection {
    typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Connects, with TLS where the URL says so.
    ///
    /// - Parameter certificatePath: a certificate in PEM that is trusted beside the system's.
    /// - Throws: ``ClientError``.
    static func open(_ url: ServerURL, trusting certificatePath: String?) async throws -> Bytes {
        do {
            let tls = try url.isSecure ? Self.tls(trusting: certificatePath) : nil
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(10))
                .connect(host: url.host, port: url.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls {
                            // An address is no name that a certificate could be checked for by SNI.
                            let name = (try? SocketAddress(ipAddress: url.host, port: 0)) == nil ? url.host : nil
                            try channel.pipeline.syncOperations.addHandler(
                                try NIOSSLClientHandler(context: tls, serverHostname: name))
                        }
                        return try Bytes(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw ClientError("cannot connect to \(url.authority): \(error)")
        }
    }

    private static func tls(trusting path: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let path { configuration.additionalTrustRoots = [.file(path)] }
        return try NIOSSLContext(configuration: configuration)
    }
}
