package import ApusContract
package import NIOCore
package import NIOHTTP1

/// What a responder answers: inside the closed set of status codes by construction.
package struct HTTPAnswer: Sendable {
    /// The three shapes of an answer.
    enum Content: Sendable {
        /// A body of known length; `type` is its content type, and JSON where it is nil.
        case whole(StatusCode, type: String?, body: [UInt8])
        case upgrade(@Sendable (any Channel) throws -> any ChannelHandler)
        case stream(type: String, start: @Sendable (AnswerStream) -> Void)
    }

    let content: Content
    /// What is left of the caller's calls, where the answer says so.
    package var rateLimit: RateLimit?
    /// Headers beside ``rateLimit`` and those that the gate writes: `Content-Type`, `Content-Length` and `Connection`.
    package var headers: HTTPHeaders

    /// The status; 200 for a stream and for an upgrade, which is no refusal.
    package var status: StatusCode {
        switch self.content {
        case .whole(let status, _, _): status
        case .upgrade, .stream: .ok
        }
    }

    /// The body of an answer that is sent whole.
    package var body: [UInt8]? {
        switch self.content {
        case .whole(_, _, let body): body
        case .upgrade, .stream: nil
        }
    }

    /// 200 with a JSON body.
    ///
    /// - Parameter body: one JSON value; clients fail on an empty body, so an empty one is sent as 500.
    package static func json(_ text: String, headers: HTTPHeaders = [:]) -> HTTPAnswer {
        .json(Array(text.utf8), headers: headers)
    }

    /// A JSON body of the responder's own: with another status than 200, a batch none of whose items was accepted.
    package static func json(
        _ body: [UInt8], status: StatusCode = .ok, headers: HTTPHeaders = [:]
    ) -> HTTPAnswer {
        HTTPAnswer(content: .whole(status, type: nil, body: body), headers: headers)
    }

    /// 200 with a body of another type, as the text of metrics.
    package static func text(_ body: [UInt8], contentType: String, headers: HTTPHeaders = [:]) -> HTTPAnswer {
        HTTPAnswer(content: .whole(.ok, type: contentType, body: body), headers: headers)
    }

    /// `{"error":{…}}` with the status, code and sentence of the refusal in that family, and the headers its status
    /// asks for: `WWW-Authenticate` with 401, `Retry-After` with 429 and what is to be tried later.
    package static func refusal(_ refusal: Refusal, _ family: Family, headers: HTTPHeaders = [:]) -> HTTPAnswer {
        let row = refusal.row(for: family)
        var headers = headers
        if row.status == .unauthorized { headers.add(name: "WWW-Authenticate", value: "Basic realm=\"Apus\"") }
        switch row.retry {
        case .afterFix: break
        case .afterReset:
            if let seconds = refusal.retryAfterSeconds { headers.add(name: "Retry-After", value: String(seconds)) }
        case .later:
            // A fault of ours (500) carries no promise that a later try goes better.
            guard row.status != .internalServerError || refusal.retryAfterSeconds != nil else { break }
            headers.add(name: "Retry-After", value: String(refusal.retryAfterSeconds ?? self.retryAfterSecondsStandard))
        }
        return .json(refusal.rendered(for: family), status: row.status, headers: headers)
    }

    /// 405 with `Allow`.
    ///
    /// - Parameter allow: the methods that the path offers, as in `GET, POST`.
    package static func methodNotAllowed(_ family: Family, allow: String, headers: HTTPHeaders = [:]) -> HTTPAnswer {
        var headers = headers
        headers.add(name: "Allow", value: allow)
        return .refusal(
            Refusal(.methodNotAllowed, "The method is not supported here, use \(allow)"), family, headers: headers)
    }

    /// 101, and then the connection belongs to another handler.
    ///
    /// HTTP/1.1 only: over HTTP/2, or when the request did not offer an upgrade, the answer becomes 400.
    ///
    /// - Parameters:
    ///   - headers: what follows `Connection: Upgrade`, beginning with `Upgrade`.
    ///   - takeOver: runs on the connection's event loop after the 101 was written; its handler is added to an active
    ///     channel of `ByteBuffer`s and is given whatever the client sent early. Throwing closes the connection.
    package static func upgrade(
        headers: HTTPHeaders, takeOver: @escaping @Sendable (any Channel) throws -> any ChannelHandler
    ) -> HTTPAnswer {
        HTTPAnswer(content: .upgrade(takeOver), headers: headers)
    }

    /// 200 with a body that ends when one side closes, as Server-Sent Events.
    ///
    /// - Parameter start: runs on the connection's event loop after the head was written.
    package static func stream(
        contentType: String, headers: HTTPHeaders = [:], start: @escaping @Sendable (AnswerStream) -> Void
    ) -> HTTPAnswer {
        HTTPAnswer(content: .stream(type: contentType, start: start), headers: headers)
    }

    private static let retryAfterSecondsStandard = 5
}

extension HTTPAnswer {
    static let jsonType = "application/json; charset=utf-8"

    /// Whether the answer can go out as it is: no empty body, and no header that would break out of its line.
    var isSound: Bool {
        if case .whole(_, _, let body) = self.content, body.isEmpty { return false }
        for (name, value) in self.headers {
            guard !name.isEmpty, name.hasOnly(\.isTokenCharacter), value.hasOnly({ !$0.isControl }) else {
                return false
            }
        }
        return true
    }
}

extension Refusal {
    /// `{"error":{"code":I,"message":S}}`, with `illegal_rids` inside `error` when there are any.
    func rendered(for family: Family) -> [UInt8] {
        let row = self.row(for: family)
        let message = self.message(for: family)
        var json: [UInt8] = []
        json.reserveCapacity(64 + message.utf8.count)
        json.append(json: "{\"error\":{\"code\":")
        json.appendJSON(integer: row.code)
        json.append(json: ",\"message\":")
        // A sentence is never empty on the wire; an empty detail would be our slip, not the caller's.
        json.appendJSON(string: message.isEmpty ? row.message : message)
        if !self.illegalRegistrationIDs.isEmpty {
            json.append(json: ",\"illegal_rids\":")
            json.appendJSON(strings: self.illegalRegistrationIDs)
        }
        json.append(json: "}}")
        return json
    }
}
