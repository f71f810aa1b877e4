internal import ApusCore
internal import ApusWire
internal import NIOCore

/// What a device told about messages, until it is durable.
struct GatheredReceipt: Sendable {
    let connection: SessionID
    let ref: FrameRef?
    let device: DeviceKey
    let messages: [MessageID]
    let kind: Receipt.Kind

    var acknowledgement: ReportBook.Acknowledgement {
        .init(device: self.device, messages: self.messages, kind: self.kind)
    }
}

// From ack frames to durable receipts, in batches.
extension EdgeLoop {
    /// Receipts that may wait for the batch before them. Beyond it devices are told that the node is busy, and ack
    /// again.
    private static let gatheredMax = 100_000

    /// Ids in unanswered receipts of one connection, after which nothing more is read from it until they are answered.
    private static let ackingMax = ClientFrame.messageIDsMax

    /// Takes a receipt; it goes out with all others that come before the batch under way is durable.
    func gather(_ receipt: GatheredReceipt, from connection: Connection) {
        guard self.receipts.count < Self.gatheredMax else {
            return self.write(.error(Refusal(.overloaded)), ref: receipt.ref, to: connection)
        }
        self.receipts.append(receipt)
        connection.ackingCount += receipt.messages.count
        if connection.ackingCount > Self.ackingMax { self.pause(connection) }
        self.scheduleTurnEnd()
    }

    /// Hands over what was gathered, unless a batch is under way: it takes the rest along when it comes back.
    func recordGathered() {
        guard !self.isRecording else { return }
        guard !self.receipts.isEmpty else {
            if self.isDraining { self.endAll() }
            return self.noteIfEmptied()
        }
        let batch = self.receipts
        self.receipts = []
        self.isRecording = true
        let reports = self.services.reports
        self.later {
            await reports.record(batch.map(\.acknowledgement))
        } then: { loop, outcomes in
            loop.isRecording = false
            loop.answer(batch, outcomes)
            if loop.isDraining { loop.endAll() }
            // At the end of the turn the next batch goes out.
            loop.scheduleTurnEnd()
        }
    }
}

extension EdgeLoop {
    /// A receipt is answered: what was never pushed to the device is charged to it, and reading goes on.
    private func settle(
        _ acknowledgement: ReportBook.Acknowledgement, _ outcome: Result<[MessageID], Refusal>,
        of connection: Connection
    ) {
        let wasPaused = connection.ackingCount > Self.ackingMax
        connection.ackingCount -= acknowledgement.messages.count
        let strayCount = acknowledgement.strayCount(in: outcome)
        if strayCount > 0,
            !connection.session.charge(strayCount, at: self.services.clocks.monotonicNanoseconds())
        {
            return self.end(connection, .tooManyFrames)
        }
        if wasPaused, connection.ackingCount <= Self.ackingMax, !connection.isEnding { self.resume(connection) }
    }

    /// Tells devices that their receipts are durable.
    ///
    /// One device is answered at once. The answers to a crowd, which has just been sent a push and may well be sent
    /// another, wait for it or for a moment: half of the writes to sockets are saved where pushes follow one another.
    private func answer(_ batch: [GatheredReceipt], _ outcomes: [Result<[MessageID], Refusal>]) {
        let isCrowd = batch.count >= self.settings.crowdMin
        self.crowds &+= 1
        // All of a crowd tell of the same push as a rule: their answers are the same bytes.
        var (known, encoded) = (ServerFrame.ok, ByteBuffer())
        var crowd: [Connection] = []
        for (receipt, outcome) in zip(batch, outcomes) {
            guard let connection = self.slots[receipt.connection], !connection.isEnding else { continue }
            defer { self.settle(receipt.acknowledgement, outcome, of: connection) }
            let frame = ServerFrame(recorded: outcome)
            guard isCrowd, receipt.ref == nil, connection.canWrite else {
                self.write(frame, ref: receipt.ref, to: connection)
                continue
            }
            if frame != known { (known, encoded) = (frame, Transport.webSocket.encode(frame)) }
            connection.hold(encoded, crowd: self.crowds)
            crowd.append(connection)
        }
        guard !crowd.isEmpty else { return }
        let held = NIOLoopBound((loop: self, number: self.crowds, connections: crowd), eventLoop: self.eventLoop)
        self.eventLoop.scheduleTask(in: self.settings.crowdDelay) {
            held.value.loop.release(held.value.connections, crowd: held.value.number)
        }
    }

    private func release(_ connections: [Connection], crowd: UInt32) {
        for connection in connections {
            if let answer = connection.takeHeld(crowd: crowd) { self.outgoing.add(answer, to: connection) }
        }
        self.outgoing.send()
    }
}

extension ReportBook.Acknowledgement {
    /// How many of its ids were never pushed to its device.
    func strayCount(in outcome: Result<[MessageID], Refusal>) -> Int {
        switch outcome {
        case .success(let recorded): self.messages.count - recorded.count
        case .failure: 0
        }
    }
}

extension ServerFrame {
    /// The answer to a receipt: the ids that are recorded. A frame of which nothing concerns its device is refused.
    init(recorded outcome: Result<[MessageID], Refusal>) {
        switch outcome {
        case .success(let messages) where messages.isEmpty:
            self = .error(Refusal(.badValue, "none of these messages was pushed to this device"))
        case .success(let messages): self = .acknowledged(messages)
        case .failure(let refusal): self = .error(refusal)
        }
    }
}
