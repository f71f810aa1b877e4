import ApusTesting
import Logging
import NIOCore
import NIOPosix
import NIOSSL

@testable import ApusHTTP

/// A listener on a free loopback port, and ways to talk to it.
struct TestListener {
    let listener: HTTPListener
    let responder: TestResponder
    private let folder: TemporaryFolder?

    init(
        tls: Bool = false, settings: HTTPSettings = .init(),
        _ answering: @escaping TestResponder.Answering = { _ in .json("{}") }
    ) async throws {
        self.responder = TestResponder(answering)
        self.folder = tls ? try TemporaryFolder() : nil
        self.listener = try await HTTPListener.bind(
            host: "127.0.0.1", port: 0, on: MultiThreadedEventLoopGroup.singleton,
            tls: try self.folder.map(TestTLS.files),
            settings: settings, logger: Logger(label: "test"), responder: self.responder)
    }

    func client() async throws -> RawClient { try await .connect(to: self.listener.address) }

    func tlsClient(protocols: [String] = []) async throws -> RawClient {
        try await .connect(to: self.listener.address, tls: TestTLS.clientContext(protocols: protocols))
    }

    func shutDown() async { await self.listener.shutDown(within: .seconds(5)) }
}
