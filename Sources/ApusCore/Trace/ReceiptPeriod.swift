/// A stretch of a message's life within which a store may merge receipts of one kind.
///
/// Periods are a second long at first and grow with the message's age, never beyond an eighth of it: what happened is
/// known to the second soon after the push, and to a few minutes an hour later, for some 160 periods in a month.
package struct ReceiptPeriod: Hashable, Sendable {
    /// From 0 on, in order of time.
    package let number: Int

    /// Takes any number from 0 on.
    package init(number: Int) { self.number = number }

    /// The period of a moment. What a clock that went back puts before the acceptance belongs to the first.
    package init(of moment: Timestamp, since acceptedAt: Timestamp) {
        let age = Int(max(0, moment.milliseconds - acceptedAt.milliseconds) / 1000)
        // An age below 16 is its own number; from 8 on, each doubling of the age has eight periods.
        guard age >= Self.perDoubling else {
            self.number = age
            return
        }
        let shift = Int.bitWidth - age.leadingZeroBitCount - 4
        self.number = Self.perDoubling * shift + (age >> shift)
    }

    /// When it begins.
    package func start(since acceptedAt: Timestamp) -> Timestamp {
        let shift = max(0, self.number / Self.perDoubling - 1)
        return acceptedAt.adding(seconds: (self.number - Self.perDoubling * shift) << shift)
    }

    private static let perDoubling = 8
}
