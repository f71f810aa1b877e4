import Testing

@testable import ApusContract

/// A push to one platform whose measured part has exactly so many bytes.
private struct Sized: Sendable, CustomTestStringConvertible {
    let name: String
    let max: Int
    /// The push with the filler, and what is measured around the filler.
    let body: @Sendable (String) -> String
    let around: Int

    var testDescription: String { self.name }

    func text(_ size: Int) -> String { self.body(String(repeating: "x", count: size - self.around)) }

    init(
        _ name: String, _ platform: Platform, max: Int, around: String,
        _ content: @escaping @Sendable (String) -> String
    ) {
        self.name = name
        self.max = max
        self.body = { #"{"platform":"\#(platform.name)","audience":"all",\#(content($0))}"# }
        self.around = around.utf8.count
    }

    static let all: [Sized] = [
        Sized("android by the common alert", .android, max: 4000, around: #"{"alert":""}"#) {
            #""notification":{"alert":"\#($0)"}"#
        },
        Sized(
            "android with nulls, spaces, escapes and duplicates", .android, max: 4000,
            around: #"{"alert":"好/","title":""}"#
        ) {
            #""notification":{"alert":"\u597d\/","android":{ "title" : 1, "sound":null, "title" : "\#($0)" }}"#
        },
        Sized("android and message", .android, max: 4000, around: #"{"alert":"a"}{"msg_content":""}"#) {
            #""notification":{"alert":"a"},"message":{"msg_content":"\#($0)"}"#
        },
        Sized(
            "message for android without a notification", .android, max: 4000,
            around: #"{"msg_content":"","extras":{}}"#
        ) {
            #""message":{"msg_content":"\#($0)","extras":[]}"#
        },
        Sized("ios", .ios, max: 2000, around: #"{"alert":"","badge":1}"#) {
            #""notification":{"ios":{"alert":"\#($0)","badge":1}}"#
        },
        Sized("ios by the common alert", .ios, max: 2000, around: #"{"alert":"","badge":1}"#) {
            #""notification":{"alert":"\#($0)","ios":{"badge":1}}"#
        },
        Sized("message for ios beside a notification", .ios, max: 4000, around: #"{"msg_content":""}"#) {
            #""notification":{"alert":"a"},"message":{"msg_content":"\#($0)"}"#
        },
        Sized("live activity", .ios, max: 3584, around: #"{"event":"end","content-state":{"a":""}}"#) {
            #""live_activity":{"ios":{"event":"end", "content-state":{"a":"\#($0)"}}}"#
        },
        Sized("hmos and message", .hmos, max: 4000, around: #"{"alert":"a"}{"msg_content":""}"#) {
            #""notification":{"alert":"a"},"message":{"msg_content":"\#($0)"}"#
        },
        Sized("quickapp and message", .quickapp, max: 4000, around: #"{"page":"/","alert":"a"}{"msg_content":""}"#) {
            #""message":{"msg_content":"\#($0)"},"notification":{"quickapp":{"page":"/","alert":"a"}}"#
        },
        Sized("web and message", .web, max: 4000, around: #"{"alert":"a"}{"msg_content":""}"#) {
            #""notification":{"alert":"a"},"message":{"msg_content":"\#($0)"}"#
        },
    ]
}

@Suite struct `The size of a push` {
    @Test(arguments: Sized.all)
    fileprivate func `is legal at its limit and refused one byte above`(_ part: Sized) {
        #expect(throws: Never.self) { try decode(part.text(part.max)) }
        let message = refusal(part.text(part.max + 1), 1005)?.detail
        #expect(message?.contains("\(part.max + 1) bytes, at most \(part.max) ") == true)
    }

    @Test func `counts bytes of UTF-8 and braces`() throws {
        let content = try decode(#"{"platform":"ios","audience":"all","notification":{"alert":"好"}}"#).content
        #expect(content.notifications[.ios]?.count == 15)
    }

    @Test func `matters on targeted platforms only`() {
        let alert = String(repeating: "x", count: 3000)
        let rest = #""audience":"all","notification":{"alert":"\#(alert)"}"#
        #expect(throws: Never.self) { try decode(#"{"platform":["android","web"],\#(rest)}"#) }
        refusal(#"{"platform":["android","ios"],\#(rest)}"#, 1005)
        let activity = #""live_activity":{"ios":{"event":"end","content-state":{"a":"\#(alert)\#(alert)"}}}"#
        #expect(throws: Never.self) { try decode(#"{"platform":"android","audience":"all",\#(activity)}"#) }
    }
}
