/// The acknowledgements of a batch on their way to becoming one receipt per message and kind.
///
/// A batch is thousands of devices that tell of a few messages, one device after the other of the same one: each costs
/// a comparison and an appended number, and the sets are built once at the end.
struct MergedReceipts {
    private struct Group {
        let message: MessageID
        let kind: Receipt.Kind
        /// Nil where the message is unknown.
        let deliverable: Deliverable?
        var ordinals: [Ordinal] = []
    }

    private let known: [MessageID: Deliverable]
    private var groups: [Group] = []
    /// The group that was met last.
    private var last = 0

    init(_ known: [MessageID: Deliverable]) { self.known = known }

    /// What the acknowledgements come to; nothing for messages that nobody may tell of.
    var receipts: [Receipt] {
        self.groups.filter { !$0.ordinals.isEmpty }.map {
            Receipt(message: $0.message, kind: $0.kind, ordinals: Ordinals($0.ordinals))
        }
    }

    /// Takes in what a device tells.
    ///
    /// - Returns: the messages that it may tell of.
    mutating func take(_ acknowledgement: ReportBook.Acknowledgement) -> [MessageID] {
        let device = acknowledgement.device
        var foreign = 0
        for id in acknowledgement.messages where !self.take(id, acknowledgement.kind, of: device) { foreign += 1 }
        guard foreign > 0 else { return acknowledgement.messages }
        return acknowledgement.messages.filter { self.known[$0]?.isAddressed(to: device) == true }
    }

    private mutating func take(_ message: MessageID, _ kind: Receipt.Kind, of device: DeviceKey) -> Bool {
        self.find(message, kind)
        guard self.groups[self.last].deliverable?.isAddressed(to: device) == true else { return false }
        self.groups[self.last].ordinals.append(device.ordinal)
        return true
    }

    private mutating func find(_ message: MessageID, _ kind: Receipt.Kind) {
        if self.last < self.groups.count, self.groups[self.last].message == message,
            self.groups[self.last].kind == kind
        {
            return
        }
        if let index = self.places[Place(message: message, kind: kind)] {
            self.last = index
        } else {
            self.last = self.groups.count
            self.places[Place(message: message, kind: kind)] = self.last
            self.groups.append(Group(message: message, kind: kind, deliverable: self.known[message]))
        }
    }

    private struct Place: Hashable {
        let message: MessageID
        let kind: Receipt.Kind
    }

    private var places: [Place: Int] = [:]
}

extension Deliverable {
    /// Whether the device is one of its targets.
    fileprivate func isAddressed(to device: DeviceKey) -> Bool {
        self.app == device.app && self.message.target.contains(device.ordinal)
    }
}
