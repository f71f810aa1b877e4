import NIOCore
private import NIOPosix

/// One HTTP/1.1 request sent byte for byte as a test wrote it, and what came back.
package enum RawHTTP {
    package struct Answer: Sendable {
        package let status: Int
        /// In order, names as sent.
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]

        /// The value of a header; nil when it is absent, or there more than once.
        package func header(_ name: String) -> String? {
            let values = self.headers.filter { $0.name.lowercased() == name.lowercased() }
            return values.count == 1 ? values[0].value : nil
        }
    }

    package struct NoAnswer: Error { package let received: [UInt8] }

    /// - Parameter hasBody: false for HEAD, whose answer names a length and sends nothing.
    package static func send(
        _ request: [UInt8], host: String = "127.0.0.1", port: Int, hasBody: Bool = true
    ) async throws -> Answer {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: request))
            var received: [UInt8] = []
            for try await bytes in inbound {
                received += Array(bytes.readableBytesView)
                if let answer = self.parse(received, hasBody: hasBody) { return answer }
            }
            throw NoAnswer(received: received)
        }
    }

    /// - Returns: nil while the answer is not whole; an interim `100 Continue` is passed over.
    private static func parse(_ bytes: [UInt8], hasBody: Bool) -> Answer? {
        let end = Array("\r\n\r\n".utf8)
        guard let split = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        let lines = String(decoding: bytes[..<split], as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first?.split(separator: " "), first.count >= 2, let status = Int(first[1]) else {
            return nil
        }
        if status == 100 { return self.parse(Array(bytes[(split + 4)...]), hasBody: hasBody) }
        let headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (name: String(line[..<colon]), value: line[colon...].dropFirst().drop { $0 == " " }.description)
        }
        let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        let body = Array(bytes[(split + 4)...])
        guard !hasBody || body.count >= length else { return nil }
        return Answer(status: status, headers: headers, body: body)
    }
}
