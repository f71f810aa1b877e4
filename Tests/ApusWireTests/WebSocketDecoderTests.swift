import ApusWire
import NIOCore
import Testing

@Suite struct `A WebSocket decoder` {
    private static func events(of frames: [RawFrame]) -> (events: [WebSocketEvent], fault: WebSocketFault?) {
        var decoder = WebSocketDecoder(from: .client)
        return decoder.events(of: frames.flatMap(\.bytes))
    }

    @Test(arguments: [0, 1, 125, 126, 127, 65535, 65536])
    func `takes a text message of any length up to the bound`(_ length: Int) {
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: length)
        let outcome = Self.events(of: [RawFrame(opcode: 1, payload: payload)])
        #expect(outcome.events == [.text(payload)])
        #expect(outcome.fault == nil)
    }

    @Test func `refuses a message beyond the bound as soon as its header has come`() {
        var decoder = WebSocketDecoder(from: .client)
        let bytes = RawFrame(opcode: 1, payload: [UInt8](repeating: 0x20, count: 65537)).bytes
        #expect(decoder.events(of: bytes.prefix(13)).fault == nil)
        #expect(decoder.events(of: bytes[13..<14]).fault == .tooLong)
    }

    @Test func `counts all fragments of a message towards the bound`() {
        let half = [UInt8](repeating: 0x20, count: 32768)
        let fits = [
            RawFrame(isFinal: false, opcode: 1, payload: half), RawFrame(opcode: 0, payload: half),
        ]
        #expect(Self.events(of: fits).events == [.fragment, .text(half + half)])
        let tooLong = [
            RawFrame(isFinal: false, opcode: 1, payload: half), RawFrame(isFinal: false, opcode: 0, payload: half),
            RawFrame(opcode: 0, payload: [0x20]),
        ]
        #expect(Self.events(of: tooLong).fault == .tooLong)
    }

    @Test func `puts a message together around control frames`() {
        let outcome = Self.events(of: [
            RawFrame(isFinal: false, opcode: 1, payload: Array("Gr".utf8) + [0xC3]),
            RawFrame(opcode: 9, payload: [1, 2]),
            RawFrame(isFinal: false, opcode: 0, payload: [0xBC]), RawFrame(opcode: 10),
            RawFrame(opcode: 0, payload: Array("ße".utf8)),
        ])
        #expect(outcome.events == [.fragment, .ping([1, 2]), .fragment, .pong, .text(Array("Grüße".utf8))])
    }

    @Test func `reports a message that another one interrupts and reads the other`() {
        let outcome = Self.events(of: [
            RawFrame(isFinal: false, opcode: 1, payload: Array("never en".utf8)), .text("whole"),
            RawFrame(isFinal: false, opcode: 2, payload: [1]),
            RawFrame(isFinal: false, opcode: 1, payload: Array("a".utf8)),
            RawFrame(opcode: 0, payload: Array("b".utf8)),
        ])
        #expect(
            outcome.events == [
                .fragment, .abandoned, .text(Array("whole".utf8)), .fragment, .abandoned, .fragment,
                .text(Array("ab".utf8)),
            ])
        #expect(outcome.fault == nil)
    }

    @Test func `reports binary messages without their bytes`() {
        #expect(Self.events(of: [RawFrame(opcode: 2, payload: [0xFF, 0xFE])]).events == [.binary])
    }

    @Test(arguments: [
        [0xC3], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xC0, 0x80], [0x80],
    ])
    func `refuses text that is not UTF-8`(_ payload: [UInt8]) {
        #expect(Self.events(of: [RawFrame(opcode: 1, payload: payload)]).fault == .notUTF8)
    }

    @Test(arguments: [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999] as [UInt16])
    func `reads the code of a close and nothing after it`(_ code: UInt16) {
        let payload = [UInt8(code >> 8), UInt8(code & 0xFF)] + Array("bye".utf8)
        let outcome = Self.events(of: [RawFrame(opcode: 8, payload: payload), .text("late")])
        #expect(outcome.events == [.close(code: code)])
    }

    @Test func `takes a close without a code`() {
        #expect(Self.events(of: [RawFrame(opcode: 8)]).events == [.close(code: nil)])
    }

    @Test(arguments: [
        [0x03], [0x03, 0xEC], [0x03, 0xED], [0x03, 0xEE], [0x03, 0xF7], [0x00, 0x00], [0x03, 0xE7], [0x13, 0x88],
        [0x0B, 0xB7], [0x03, 0xE8, 0xFF],
    ])
    func `refuses a close whose payload is not legal`(_ payload: [UInt8]) {
        #expect(Self.events(of: [RawFrame(opcode: 8, payload: payload)]).fault == .framing(.closePayload))
    }

    private static let broken: [(RawFrame, WebSocketFault.Rule)] = [
        (RawFrame(reserved: 4, opcode: 1), .reservedBits), (RawFrame(reserved: 2, opcode: 1), .reservedBits),
        (RawFrame(reserved: 1, opcode: 9), .reservedBits), (RawFrame(opcode: 3), .reservedOpcode),
        (RawFrame(opcode: 7), .reservedOpcode), (RawFrame(opcode: 0xB), .reservedOpcode),
        (RawFrame(opcode: 0xF), .reservedOpcode), (RawFrame(opcode: 1, mask: nil), .maskMissing),
        (RawFrame(opcode: 9, mask: nil), .maskMissing),
        (RawFrame(opcode: 1, payload: [1], lengthBytes: 2), .lengthNotMinimal),
        (RawFrame(opcode: 1, payload: [UInt8](repeating: 1, count: 125), lengthBytes: 2), .lengthNotMinimal),
        (RawFrame(opcode: 1, payload: [UInt8](repeating: 1, count: 65535), lengthBytes: 8), .lengthNotMinimal),
        (RawFrame(isFinal: false, opcode: 8), .controlFragmented),
        (RawFrame(isFinal: false, opcode: 9), .controlFragmented),
        (RawFrame(opcode: 9, payload: [UInt8](repeating: 1, count: 126)), .controlTooLong),
        (RawFrame(opcode: 0), .continuationWithoutStart),
        (RawFrame(isFinal: false, opcode: 0), .continuationWithoutStart),
    ]

    @Test(arguments: 0..<17)
    func `names the rule that a frame breaks`(_ index: Int) {
        let (frame, rule) = Self.broken[index]
        #expect(Self.broken.count == 17)
        #expect(Self.events(of: [.text("ok"), frame]).events == [.text(Array("ok".utf8))])
        #expect(Self.events(of: [.text("ok"), frame]).fault == .framing(rule))
    }

    @Test func `refuses a length with the highest bit set`() {
        var decoder = WebSocketDecoder(from: .client)
        let bytes: [UInt8] = [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
        #expect(decoder.events(of: bytes).fault == .framing(.lengthTooGreat))
    }

    @Test func `tells the same fault for ever`() {
        var decoder = WebSocketDecoder(from: .client)
        #expect(decoder.events(of: RawFrame(opcode: 3).bytes).fault == .framing(.reservedOpcode))
        #expect(decoder.events(of: RawFrame.text("fine").bytes).fault == .framing(.reservedOpcode))
    }

    @Test func `reads frames of servers only without a mask`() {
        var decoder = WebSocketDecoder(from: .server)
        #expect(decoder.events(of: RawFrame(opcode: 1, mask: nil, payload: [0x41]).bytes).events == [.text([0x41])])
        #expect(decoder.events(of: RawFrame(opcode: 1, payload: [0x41]).bytes).fault == .framing(.maskForbidden))
    }
}

@Suite struct `A WebSocket encoder` {
    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 65535, 65536, 70000])
    func `writes what the plain oracle writes`(_ length: Int) {
        var random = SplitMix64(seed: UInt64(length))
        let payload = random.bytes(length)
        let server = WebSocketEncoder.frame(.binary, payload)
        #expect(Array(server.readableBytesView) == RawFrame(opcode: 2, mask: nil, payload: payload).bytes)
        let client = WebSocketEncoder.frame(.text, payload, mask: 0x0102_F3F4)
        let oracle = RawFrame(opcode: 1, mask: [0x01, 0x02, 0xF3, 0xF4], payload: payload)
        #expect(Array(client.readableBytesView) == oracle.bytes)
    }

    @Test func `cuts the sentence of a close between characters`() {
        let payload = WebSocketEncoder.closePayload(1001, String(repeating: "再见", count: 40))
        #expect(payload.count == 2 + 41 * 3)
        #expect(String(validating: payload.dropFirst(2), as: UTF8.self)?.count == 41)
        #expect(WebSocketEncoder.closePayload(nil, "not told") == [])
    }
}

@Suite struct `Any cut of a stream` {
    /// A random stream of frames and the events it stands for.
    private static func stream(_ random: inout SplitMix64) -> (bytes: [UInt8], events: [WebSocketEvent]) {
        var (frames, events): ([RawFrame], [WebSocketEvent]) = ([], [])
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            switch Int.random(in: 0...9, using: &random) {
            case 0:
                let payload = random.bytes(Int.random(in: 0...125, using: &random))
                frames.append(RawFrame(opcode: 9, payload: payload))
                events.append(.ping(payload))
            case 1:
                frames.append(RawFrame(opcode: 10, payload: [1, 2, 3]))
                events.append(.pong)
            case 2:
                frames.append(RawFrame(isFinal: false, opcode: 1, payload: [0x41]))
                frames.append(RawFrame(opcode: 2, payload: random.bytes(9)))
                events += [.fragment, .abandoned, .binary]
            default: Self.appendMessage(&random, &frames, &events)
            }
        }
        for index in frames.indices { frames[index].mask = random.bytes(4) }
        return (frames.flatMap(\.bytes), events)
    }

    private static func appendMessage(
        _ random: inout SplitMix64, _ frames: inout [RawFrame], _ events: inout [WebSocketEvent]
    ) {
        let scalars: [Unicode.Scalar] = ["a", "{", "\u{0}", "é", "漢", "🐦"]
        let size = Bool.random(using: &random) ? 400 : 12
        let text = String(
            String.UnicodeScalarView(
                (0..<Int.random(in: 0...size, using: &random)).map { _ in
                    scalars.randomElement(using: &random) ?? "a"
                }))
        var rest = Array(text.utf8)[...]
        var opcode: UInt8 = 1
        while Int.random(in: 0...2, using: &random) == 0 {
            let part = rest.prefix(Int.random(in: 0...max(1, rest.count), using: &random))
            rest = rest.dropFirst(part.count)
            frames.append(RawFrame(isFinal: false, opcode: opcode, payload: Array(part)))
            events.append(.fragment)
            opcode = 0
        }
        frames.append(RawFrame(opcode: opcode, payload: Array(rest)))
        events.append(.text(Array(text.utf8)))
    }

    @Test func `gives the same events`() {
        var random = SplitMix64(seed: 6455)
        for round in 0..<2000 {
            let (bytes, expected) = Self.stream(&random)
            var decoder = WebSocketDecoder(from: .client)
            var events: [WebSocketEvent] = []
            var faults: [WebSocketFault] = []
            var rest = bytes[...]
            let most = [1, 2, 7, 60, 1000].randomElement(using: &random) ?? 1
            while !rest.isEmpty {
                let part = rest.prefix(Int.random(in: 1...most, using: &random))
                rest = rest.dropFirst(part.count)
                let outcome = decoder.events(of: part)
                faults += outcome.fault.map { [$0] } ?? []
                events += outcome.events
            }
            guard events == expected, faults.isEmpty else {
                Issue.record("round \(round): \(events) and \(faults), expected \(expected)")
                return
            }
        }
    }

    @Test func `leaves nothing behind of frames that are done`() {
        let frame = RawFrame(opcode: 9, payload: [UInt8](repeating: 1, count: 100)).bytes
        var decoder = WebSocketDecoder(from: .client)
        #expect(decoder.events(of: frame.prefix(50)).events.isEmpty)
        // Each read ends within a frame, for a megabyte.
        for _ in 0..<10_000 { #expect(decoder.events(of: frame.dropFirst(50) + frame.prefix(50)).events.count == 1) }
        #expect(decoder.bufferedCapacity < 4096)
    }

    @Test func `survives noise and stays with its verdict`() {
        var random = SplitMix64(seed: 1011)
        var (faults, messages) = (0, 0)
        for round in 0..<20000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 2) {
                bytes = random.bytes(Int.random(in: 1...60, using: &random))
            } else {
                bytes = Self.stream(&random).bytes
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            }
            var decoder = WebSocketDecoder(from: .client)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let first = decoder.events(of: bytes[..<cut])
            let second = decoder.events(of: bytes[cut...])
            var whole = WebSocketDecoder(from: .client)
            let atOnce = whole.events(of: bytes)
            guard atOnce.events == first.events + second.events, atOnce.fault == second.fault,
                first.fault == nil || (second.fault == first.fault && second.events.isEmpty)
            else {
                Issue.record("round \(round): \(first), then \(second), and at once \(atOnce)")
                return
            }
            faults += atOnce.fault == nil ? 0 : 1
            messages += atOnce.events.count
        }
        // The noise must reach both ends of the decoder, or this proves nothing.
        #expect(faults > 5000)
        #expect(messages > 5000)
    }
}
