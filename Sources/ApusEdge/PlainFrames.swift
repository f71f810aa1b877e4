internal import ApusCore
internal import ApusWire

/// The frames of one `POST /v1/edge/frames`: done one after the other, each answered in its place.
struct PlainFrames {
    /// Most frames of one request.
    static let max = 1000

    private let services: EdgeServices
    private let device: EnteredDevice
    private var answers: [[UInt8]]
    /// How many ids of receipts were never pushed to the device.
    private var strayCount = 0
    /// Receipts that stand in a row are made durable together.
    private var receipts: [(place: Int, ref: FrameRef?, acknowledgement: ReportBook.Acknowledgement)] = []

    private init(_ services: EdgeServices, _ device: EnteredDevice, count: Int) {
        self.services = services
        self.device = device
        self.answers = Array(repeating: [], count: count)
    }

    /// - Returns: the answer frames as a JSON array, in the order of the frames; and how many ids of receipts were
    ///   never pushed to the device.
    static func answer(
        _ frames: [JSONValue], of device: EnteredDevice, _ services: EdgeServices
    ) async -> (text: [UInt8], strayCount: Int) {
        var plain = PlainFrames(services, device, count: frames.count)
        for (place, frame) in frames.enumerated() {
            do {
                try await plain.take(ClientFrame(frame), at: place)
            } catch {
                plain.answers[place] = ServerFrame.error(error.refusal).text(ref: error.ref)
            }
        }
        await plain.record()
        var text: [UInt8] = [UInt8(ascii: "[")]
        for (place, answer) in plain.answers.enumerated() {
            if place > 0 { text.append(UInt8(ascii: ",")) }
            text += answer
        }
        text.append(UInt8(ascii: "]"))
        return (text, plain.strayCount)
    }

    private mutating func take(_ frame: ClientFrame, at place: Int) async {
        switch frame.request {
        case .acknowledge(let messages): self.gather(messages, .received, frame.ref, place)
        case .display(let message): self.gather([message], .displayed, frame.ref, place)
        case .click(let message, .notification): self.gather([message], .clickedNotification, frame.ref, place)
        case .click(let message, .message): self.gather([message], .clickedMessage, frame.ref, place)
        case .register, .login:
            let refusal = Refusal(.badValue, "The request's credentials say who sends it: neither register nor login")
            self.answers[place] = ServerFrame.error(refusal).text(ref: frame.ref)
        case .tags, .alias, .mobile, .tokens:
            await self.record()
            self.answers[place] = await self.change(DeviceChange(frame.request)).text(ref: frame.ref)
        case .active:
            self.services.devices.noteActive(self.device.key)
            self.answers[place] = ServerFrame.ok.text(ref: frame.ref)
        case .ping: self.answers[place] = ServerFrame.pong.text(ref: frame.ref)
        }
    }

    private mutating func gather(_ messages: [MessageID], _ kind: Receipt.Kind, _ ref: FrameRef?, _ place: Int) {
        let acknowledgement = ReportBook.Acknowledgement(device: self.device.key, messages: messages, kind: kind)
        self.receipts.append((place, ref, acknowledgement))
    }

    private mutating func record() async {
        guard !self.receipts.isEmpty else { return }
        let outcomes = await self.services.reports.record(self.receipts.map(\.acknowledgement))
        for (receipt, outcome) in zip(self.receipts, outcomes) {
            self.strayCount += receipt.acknowledgement.strayCount(in: outcome)
            self.answers[receipt.place] = ServerFrame(recorded: outcome).text(ref: receipt.ref)
        }
        self.receipts = []
    }

    private func change(_ change: DeviceChange) async -> ServerFrame {
        do throws(Refusal) {
            try await self.services.devices.change(change, of: self.device.key)
            return .ok
        } catch {
            return .error(error)
        }
    }
}
