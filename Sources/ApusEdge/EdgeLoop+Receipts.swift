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

    /// Takes a receipt; it goes out with all others that come before the batch under way is durable.
    func gather(_ receipt: GatheredReceipt) {
        guard self.receipts.count < Self.gatheredMax else {
            if let connection = self.slots[receipt.connection] {
                self.write(.error(Refusal(.overloaded)), ref: receipt.ref, to: connection)
            }
            return
        }
        self.receipts.append(receipt)
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
        let held = NIOLoopBound((number: self.crowds, connections: crowd), eventLoop: self.eventLoop)
        self.eventLoop.scheduleTask(in: self.settings.crowdDelay) {
            for connection in held.value.connections { connection.release(crowd: held.value.number) }
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
