internal import ApusCore
internal import NIOCore

/// A push to many devices that waits for the end of the turn in which it was rung for.
struct WidePush {
    /// Most pushes of one walk: ``JoinedFrames`` tells them apart by the bits of a number.
    static let walkMax = 64

    var push: EncodedPush
    let recipients: Ordinals
    /// To whom it was written.
    var sent: [Ordinal] = []

    init(_ delivery: Delivery, to recipients: Ordinals) {
        self.push = EncodedPush(delivery)
        self.recipients = recipients
    }

    var app: AppID { self.push.delivery.deliverable.app }
}

/// What the connections of one walk get, each in one buffer: a connection that gets the same frames as the one before
/// it, as nearly all do, gets the same buffer.
struct JoinedFrames {
    private struct Key: Equatable {
        let chosen: UInt64
        let platform: Platform
        let transport: Transport
        let answer: ByteBuffer?
    }

    private var key: Key?
    private var buffer = ByteBuffer()

    /// The chosen pushes as they go to a connection.
    ///
    /// - Parameters:
    ///   - chosen: a bit for each of the pushes; at least one.
    ///   - answer: what the connection is still to get before them.
    mutating func buffer(
        of pushes: inout [WidePush], _ chosen: UInt64, for platform: Platform, over transport: Transport,
        behind answer: ByteBuffer?
    ) -> ByteBuffer {
        let key = Key(chosen: chosen, platform: platform, transport: transport, answer: answer)
        if self.key == key { return self.buffer }
        var parts = key.answer.map { [$0] } ?? []
        for index in pushes.indices where chosen >> UInt64(index) & 1 == 1 {
            if let frame = pushes[index].push.buffer(for: key.platform, over: key.transport) { parts.append(frame) }
        }
        self.buffer = parts.removeFirst()
        for part in parts { self.buffer.writeImmutableBuffer(part) }
        self.key = key
        return self.buffer
    }
}
