/// All that a store remembers of one message.
package struct MessageHistory: Sendable {
    /// The message, with its payload.
    package let message: Message
    /// When it was withdrawn or overridden; nil for a live one, and for one that ended before this was kept.
    package let endedAt: Timestamp?
    /// What overrode it.
    package let endedBy: MessageID?
    /// What devices told, each set with its time, in no order.
    package let receipts: [DatedReceipt]
    /// The scheduled task that made it; nil for a call of the API.
    package let fire: Fire?

    package init(
        message: Message, endedAt: Timestamp? = nil, endedBy: MessageID? = nil, receipts: [DatedReceipt] = [],
        fire: Fire? = nil
    ) {
        self.message = message
        self.endedAt = endedAt
        self.endedBy = endedBy
        self.receipts = receipts
        self.fire = fire
    }

    /// The fire of a scheduled task.
    package struct Fire: Sendable, Equatable {
        /// Which task.
        package let schedule: ScheduleID
        /// The instant that it was set for.
        package let dueAt: Timestamp

        package init(schedule: ScheduleID, dueAt: Timestamp) {
            self.schedule = schedule
            self.dueAt = dueAt
        }
    }
}

/// Receipts of one kind, and when they came.
package struct DatedReceipt: Sendable, Equatable {
    /// What happened.
    package let kind: Receipt.Kind
    /// To whom.
    package let ordinals: Ordinals
    /// It came to none of them before this moment. Equal to ``at`` where that is exact.
    package let after: Timestamp
    /// It had come to all of them by this moment.
    package let at: Timestamp

    /// A span that a jump of the clock has turned round becomes a moment.
    package init(kind: Receipt.Kind, ordinals: Ordinals, after: Timestamp, at: Timestamp) {
        self.kind = kind
        self.ordinals = ordinals
        self.after = min(after, at)
        self.at = at
    }
}
