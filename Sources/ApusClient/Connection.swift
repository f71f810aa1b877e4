import Glibc
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
            let reason = Self.reason(error)
            throw ClientError(
                "cannot connect to \(url.authority): \(reason); check the address and that a server serves it")
        }
    }

    /// Why there is no connection, in the system's words and on one line.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        guard let last = error.connectionErrors.last else { return "no address is known for \(error.host)" }
        return (last.error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(last.error)"
    }

    private static func tls(trusting path: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let path { configuration.additionalTrustRoots = [.file(path)] }
        return try NIOSSLContext(configuration: configuration)
    }
}
