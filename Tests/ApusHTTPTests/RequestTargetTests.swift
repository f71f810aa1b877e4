import NIOHTTP1
import Testing

@testable import ApusHTTP

@Suite struct `A request target` {
    @Test(arguments: [
        ("/v3/push", ["v3", "push"]),
        ("/v3//push/validate", ["v3", "push", "validate"]),
        ("/v3/push/", ["v3", "push"]),
        ("//v3///push//", ["v3", "push"]),
        ("/", []),
        ("/v3/tags/a+b", ["v3", "tags", "a+b"]),
        ("/v3/tags/a%2Bb%20c", ["v3", "tags", "a+b c"]),
        ("/v3/tags/a%2fb", ["v3", "tags", "a/b"]),
        ("/v3/tags/%2541", ["v3", "tags", "%41"]),
        ("/v3/aliases/%E4%B8%AD%e6%96%87", ["v3", "aliases", "中文"]),
        ("/v3/aliases/中文@!#$&*+=.|￥", ["v3", "aliases", "中文@!#$&*+=.|￥"]),
        ("/a/../b", ["a", "..", "b"]),
        ("http://api.example:8080/v3/push?x=1", ["v3", "push"]),
        ("HTTPS://api.example", []),
        ("/v3/push?a=/b/c", ["v3", "push"]),
    ])
    func `splits its path into decoded segments`(_ text: String, _ segments: [String]) {
        let target = RequestTarget(text)
        #expect(target.malformation == nil)
        #expect(target.segments == segments)
    }

    @Test(arguments: [
        "", "v3/push", "*", "ftp://a/b", "http:///a", "http://", "/%", "/%4", "/%zz", "/%+1", "/%00", "/%ff", "/%c0%af",
        "/%ed%a0%80", "/a b", "/a\u{0}", "/a\u{7F}", "/?a=%ff", "/?%zz=1", "/?a=%00",
    ])
    func `is malformed when its path or its query does not decode`(_ text: String) {
        #expect(RequestTarget(text).malformation != nil)
    }

    @Test func `keeps the segments that it can read, for the family of its refusal`() {
        #expect(RequestTarget("/v3/devices/%zz").segments == ["v3", "devices", "%zz"])
    }

    @Test func `is malformed when raw bytes are not UTF-8`() {
        let bytes: [UInt8] = Array("/a".utf8) + [0xE9]
        bytes.withUnsafeBytes { #expect(RequestTarget(bytes: $0).malformation != nil) }
    }

    @Test(arguments: [
        ("/?count=3", "3"), ("/?a=1&count=3&b", "3"), ("/?count=3&count=4", "4"), ("/?count=a=b", "a=b"),
        ("/?c%6Funt=%33", "3"), ("/?count=2014-06-11 09", "2014-06-11 09"),
        ("/?count=2014-06-11%2009", "2014-06-11 09"),
        ("/?count=2014-06-11+09", "2014-06-11 09"), ("/?count=%2B", "+"), ("/?count=中", "中"), ("/?&&count=1&", "1"),
    ])
    func `reads the value of a query parameter`(_ text: String, _ value: String) {
        let target = RequestTarget(text)
        #expect(target.malformation == nil)
        #expect(target.query["count"] == value)
    }

    @Test(arguments: ["/", "/?", "/?count", "/?count=", "/?Count=1", "/?xcount=1", "/?count&a=1", "/?=1"])
    func `takes a parameter without a value for a missing one`(_ text: String) {
        #expect(RequestTarget(text).malformation == nil)
        #expect(RequestTarget(text).query["count"] == nil)
    }
}

@Suite struct `The Accept header` {
    @Test(arguments: [
        [], ["application/json"], ["*/*"], ["application/*"], ["text/html, application/json"], ["Application/JSON"],
        ["text/html", "application/json;q=0.1"], ["application/json; charset=utf-8"], [""], ["nonsense"],
        ["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], ["application/json, */*;q=0"],
        ["application/json;q=0.001"],
    ])
    func `lets JSON through`(_ lines: [String]) {
        #expect(request(accepting: lines).acceptsJSON)
    }

    @Test(arguments: [
        ["text/html"], ["application/xml, text/*"], ["application/json;q=0"], ["application/json;q=0.000, */*"],
        ["*/*;q=0"], ["application/*;q=0, */*"], ["application/json ; Q=0"],
    ])
    func `excludes JSON`(_ lines: [String]) {
        #expect(!request(accepting: lines).acceptsJSON)
    }

    private func request(accepting lines: [String]) -> HTTPRequest {
        HTTPRequest(method: .GET, target: RequestTarget("/"), headers: .init(lines.map { ("Accept", $0) }))
    }
}
