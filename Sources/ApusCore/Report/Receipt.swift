/// What devices told about one message, as a set: merged by OR, so that repeats and order do not matter.
package struct Receipt: Sendable, Equatable {
    /// What it is about.
    package let message: MessageID
    /// What happened.
    package let kind: Kind
    /// To whom: devices of the message's app.
    package let ordinals: Ordinals

    package init(message: MessageID, kind: Kind, ordinals: Ordinals) {
        self.message = message
        self.kind = kind
        self.ordinals = ordinals
    }

    /// What a device, or its connection, can tell. The numbers are those of the store.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// Handed to the device's connection. Written behind: a crash may lose it, a ``received`` implies it.
        case sent
        /// Acked.
        case received
        case displayed
        case clickedNotification
        case clickedMessage
        /// Dropped because too many waited for the device (`offline_per_device`).
        case dropped
    }
}
