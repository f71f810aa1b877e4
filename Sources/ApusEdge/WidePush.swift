internal import ApusCore
internal import NIOCore

/// A push to many devices, or what takes one back from them, on its way to the connections of one loop.
///
/// Owner: the ``Walk`` that it is part of.
final class WidePush {
    let push: EncodedPush
    /// To whom it goes; who is served ahead of the walk stays in.
    var recipients: Ordinals
    /// To whom it was written.
    var sent: [Ordinal] = []

    init(_ push: EncodedPush, to recipients: Ordinals) {
        self.push = push
        self.recipients = recipients
    }

    /// Goes to nobody else.
    func cancel() { self.recipients = Ordinals() }
}

/// One walk over the connections of an app: what it brings each of them, in one write.
///
/// Owner: the ``AppConnections`` that it goes over.
final class Walk {
    /// Most pushes of one walk: ``JoinedFrames`` tells them apart by the bits of a number.
    static let pushesMax = 64

    /// In order.
    var pushes: [WidePush] = []
    let joined = JoinedFrames()
    var beganAt = NIODeadline.uptimeNanoseconds(0)

    /// How many of the pushes a device has got ahead of the walk, or was not to get then.
    private var servedAhead: [Ordinal: Int] = [:]

    var isFull: Bool { self.pushes.count >= Self.pushesMax }

    /// Which pushes a device is still to get, if it is among those they go to.
    func unserved(_ ordinal: Ordinal) -> Range<Int> {
        guard !self.servedAhead.isEmpty, let served = self.servedAhead[ordinal] else { return self.pushes.indices }
        return served..<self.pushes.count
    }

    /// The device has got what there is so far.
    func serveAhead(_ ordinal: Ordinal) { self.servedAhead[ordinal] = self.pushes.count }

    func cancel(_ id: MessageID, for recipients: Ordinals) {
        for push in self.pushes where push.push.delivery?.deliverable.id == id { push.recipients.subtract(recipients) }
    }

    /// Brings nobody a push whose time to live has ended on the way.
    func dropExpired(at now: Timestamp) {
        for push in self.pushes where push.push.delivery?.isDeliverable(at: now) == false { push.cancel() }
    }
}

/// What the connections of one walk get, each in one buffer: a connection that gets the same frames as the one before
/// it, as nearly all do, gets the same buffer.
final class JoinedFrames {
    private struct Key: Equatable {
        let chosen: UInt64
        let platform: Platform
        let transport: Transport
        let unsent: ByteBuffer?
    }

    private var key: Key?
    private var buffer = ByteBuffer()

    /// The chosen pushes as they go to a connection.
    ///
    /// - Parameters:
    ///   - chosen: a bit for each of the pushes; at least one.
    ///   - unsent: what the connection is still to get before them.
    func buffer(
        of pushes: [WidePush], _ chosen: UInt64, for platform: Platform, over transport: Transport,
        behind unsent: ByteBuffer?
    ) -> ByteBuffer {
        let key = Key(chosen: chosen, platform: platform, transport: transport, unsent: unsent)
        if self.key == key { return self.buffer }
        var parts = key.unsent.map { [$0] } ?? []
        for index in pushes.indices where chosen >> UInt64(index) & 1 == 1 {
            if let frame = pushes[index].push.buffer(for: key.platform, over: key.transport) { parts.append(frame) }
        }
        self.buffer = parts.removeFirst()
        for part in parts { self.buffer.writeImmutableBuffer(part) }
        self.key = key
        return self.buffer
    }
}
