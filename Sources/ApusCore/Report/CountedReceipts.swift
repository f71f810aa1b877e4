internal import Synchronization

/// What the receipts of one message come to.
struct ReceiptCounts: Sendable {
    let sent: PlatformCounts
    let received: PlatformCounts
    let displayed: PlatformCounts
    let clickedNotification: PlatformCounts
    let clickedMessage: PlatformCounts
}

/// The counts of messages that were reported on, until another receipt of theirs may have been kept.
///
/// Counting goes through sets that grow with the audience. A report on a push whose devices have told what they have to
/// tell needs none of that, however often it is asked for.
final class CountedReceipts: Sendable {
    /// Two megabytes. When there are as many, all are forgotten and counted again as they are asked for.
    static let messagesMax = 8192

    private enum Entry {
        /// Being counted, by the count of this number.
        case underWay(UInt64)
        case counted(ReceiptCounts)
    }

    private struct State {
        var entries: [MessageID: Entry] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Looks messages up, and begins to count those that are not known.
    ///
    /// - Returns: what is known, and the number under which the others are being counted.
    func begin(_ ids: [MessageID]) -> (known: [MessageID: ReceiptCounts], number: UInt64) {
        self.state.withLock { state in
            var known: [MessageID: ReceiptCounts] = [:]
            state.lastNumber += 1
            if state.entries.count + ids.count > Self.messagesMax { state.entries = [:] }
            for id in ids {
                if case .counted(let counts) = state.entries[id] {
                    known[id] = counts
                } else {
                    state.entries[id] = .underWay(state.lastNumber)
                }
            }
            return (known, state.lastNumber)
        }
    }

    /// Keeps what was counted, but for messages of which receipts came in after the count had begun.
    func finish(_ counts: [MessageID: ReceiptCounts], number: UInt64) {
        self.state.withLock { state in
            for (id, counts) in counts {
                guard case .underWay(number) = state.entries[id] else { continue }
                state.entries[id] = .counted(counts)
            }
        }
    }

    /// Forgets the messages of receipts that were written, or perhaps were.
    func forget(_ receipts: [Receipt]) {
        self.state.withLock { state in
            for receipt in receipts { state.entries[receipt.message] = nil }
        }
    }
}
