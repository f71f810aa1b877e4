import ApusContract
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import ApusHTTP

/// One connection without a socket, on a loop whose clock the test moves.
struct TestConnection {
    let loop = NIOAsyncTestingEventLoop()
    let channel: NIOAsyncTestingChannel
    let responder: TestResponder

    /// Short and odd deadlines, so that none can be mistaken for another.
    static var settings: HTTPSettings {
        var settings = HTTPSettings()
        settings.receive = .seconds(7)
        settings.request = .seconds(11)
        settings.idle = .seconds(29)
        settings.write = .seconds(5)
        return settings
    }

    init(_ answering: @escaping TestResponder.Answering = { _ in .json("{}") }) async throws {
        try await self.init(bodyLimit: TestResponder.bodyLimit, settings: Self.settings, answering)
    }

    init(bodyLimit: Int, settings: HTTPSettings, _ answering: @escaping TestResponder.Answering) async throws {
        self.responder = TestResponder(bodyLimit: bodyLimit, answering)
        self.channel = NIOAsyncTestingChannel(loop: self.loop)
        let gate = Gate(
            responder: self.responder, settings: settings, isSecure: false,
            registry: ConnectionRegistry(connectionsMax: 0), group: self.loop, logger: Logger(label: "test"))
        try await self.channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).get()
        let channel = self.channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(HTTP1Connection(gate))
        }.get()
    }

    func send(_ text: String) async throws {
        try await self.channel.writeInbound(ByteBuffer(string: text))
    }

    /// What was written since the last time, without waiting for more.
    func written() async throws -> String {
        var text = ""
        while let bytes = try await self.channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    /// The next bytes to be written.
    func nextWritten() async throws -> String {
        String(buffer: try await self.channel.waitForOutboundWrite(as: ByteBuffer.self))
    }

    /// The next so many answers, in however many pieces they come.
    func nextAnswers(_ count: Int) async throws -> [WireAnswer] {
        var text = ""
        while true {
            text += try await self.nextWritten()
            if let answers = WireAnswer.all(in: text), answers.count >= count { return answers }
        }
    }

    /// The answers since the last time.
    func answers() async throws -> [WireAnswer] {
        let text = try await self.written()
        return try #require(WireAnswer.all(in: text), "\(text)")
    }

    func advance(_ amount: TimeAmount) async { await self.loop.advanceTime(by: amount) }

    var isOpen: Bool { self.channel.isActive }

    func fire(_ event: any Sendable) async throws {
        let channel = self.channel
        try await channel.eventLoop.submit { channel.pipeline.fireUserInboundEventTriggered(event) }.get()
    }

    func setWritable(_ isWritable: Bool) async throws {
        let channel = self.channel
        channel.isWritable = isWritable
        try await channel.eventLoop.submit { channel.pipeline.fireChannelWritabilityChanged() }.get()
    }
}
