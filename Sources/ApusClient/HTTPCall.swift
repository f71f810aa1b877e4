import ApusContract
import NIOCore

/// One call of the REST API: connects, asks, reads the whole answer, disconnects.
package enum HTTPCall {
    /// What came back, whole.
    package struct Answer: Sendable {
        /// The HTTP status code, whatever the server made of it.
        package let status: Int
        /// As it came, without its head.
        package let body: [UInt8]
    }

    /// - Throws: ``ClientError`` when no answer came.
    package static func post(
        _ path: String, _ body: [UInt8], user: String, password: String, at url: ServerURL,
        trusting certificatePath: String?
    ) async throws -> Answer {
        let head = """
            POST \(path) HTTP/1.1\r
            Host: \(url.authority)\r
            Authorization: Basic \(Base64.encode("\(user):\(password)".utf8))\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Connection: close\r
            \r

            """
        let connection = try await Connection.open(url, trusting: certificatePath)
        do {
            return try await connection.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(bytes: Array(head.utf8) + body))
                var received = ByteBuffer()
                for try await bytes in inbound {
                    received.writeImmutableBuffer(bytes)
                    if let answer = self.answer(in: received) { return answer }
                }
                throw ClientError("\(url.authority) closed the connection without a whole answer")
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError("no answer from \(url.authority): \(error)")
        }
    }

    /// - Returns: nil while the answer is not whole. Our servers always send a length.
    private static func answer(in received: ByteBuffer) -> Answer? {
        let bytes = Array(received.readableBytesView)
        let end = Array("\r\n\r\n".utf8)
        guard let split = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        let lines = String(decoding: bytes[..<split], as: UTF8.self).split(separator: "\r\n")
        let body = bytes[(split + 4)...]
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst("content-length:".count).filter { $0 != " " }) }
        guard let length, body.count >= length else { return nil }
        return Answer(status: status, body: Array(body.prefix(length)))
    }
}
