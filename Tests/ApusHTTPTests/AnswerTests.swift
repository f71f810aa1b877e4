import ApusContract
import NIOCore
import NIOHTTP1
import Testing

@testable import ApusHTTP

@Suite struct `An answer` {
    @Test(arguments: Refusal.Kind.allCases)
    func `refuses with the row of its family`(_ kind: Refusal.Kind) throws {
        for family in Family.allCases {
            let row = kind.row(for: family)
            let answer = HTTPAnswer.refusal(Refusal(kind), family)
            #expect(answer.status == row.status)
            let body = String(decoding: try #require(answer.body), as: UTF8.self)
            #expect(body.hasPrefix("{\"error\":{\"code\":\(row.code),\"message\":\""))
            #expect(answer.headers.contains(name: "WWW-Authenticate") == (row.status == .unauthorized))
            switch row.status {
            case .badGateway, .serviceUnavailable, .gatewayTimeout:
                #expect(answer.headers["Retry-After"] == ["5"])
            case .ok, .badRequest, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .gone, .tooManyRequests,
                .internalServerError:
                #expect(!answer.headers.contains(name: "Retry-After"))
            }
        }
    }

    @Test(arguments: [Refusal.Kind.rateLimited, .broadcastsUsedUp, .overloaded])
    func `says when to try again, where the refusal knows`(_ kind: Refusal.Kind) {
        var refusal = Refusal(kind)
        refusal.retryAfterSeconds = 42
        #expect(HTTPAnswer.refusal(refusal, .push).headers["Retry-After"] == ["42"])
    }

    @Test func `escapes what JSON must and leaves the rest`() throws {
        let detail = "a \"b\" \\ \n\r\t\u{0}\u{1}\u{1F} / 中文 ￥ 😀 \u{7F}"
        let answer = HTTPAnswer.refusal(Refusal(.badValue, detail), .push)
        #expect(
            String(decoding: try #require(answer.body), as: UTF8.self)
                == "{\"error\":{\"code\":1003,\"message\":"
                + "\"a \\\"b\\\" \\\\ \\n\\r\\t\\u0000\\u0001\\u001f / 中文 ￥ 😀 \u{7F}\"}}"
        )
    }

    @Test func `never has an empty message`() throws {
        let answer = HTTPAnswer.refusal(Refusal(.badValue, ""), .push)
        #expect(!String(decoding: try #require(answer.body), as: UTF8.self).contains("\"message\":\"\""))
    }

    @Test func `names the registration ids at fault inside error`() throws {
        var refusal = Refusal(.badValue, "x")
        refusal.illegalRegistrationIDs = ["a\"", "b"]
        let answer = HTTPAnswer.refusal(refusal, .device)
        #expect(
            String(decoding: try #require(answer.body), as: UTF8.self)
                == "{\"error\":{\"code\":7002,\"message\":\"x\",\"illegal_rids\":[\"a\\\"\",\"b\"]}}")
    }

    @Test func `keeps the headers it was given`() {
        let answer = HTTPAnswer.methodNotAllowed(.report, allow: "GET, PUT", headers: ["X-A": "b"])
        #expect(answer.status == .methodNotAllowed)
        #expect(answer.headers["Allow"] == ["GET, PUT"])
        #expect(answer.headers["X-A"] == ["b"])
    }
}
