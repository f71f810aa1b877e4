internal import ApusCore
internal import GRDB

/// The rows of `receipts`: appended as they come, each with its moment, and folded into one per message, kind and
/// ``ReceiptPeriod`` when many have piled up.
///
/// `sequence` is positive for a row that was appended. A folded one has the number of its period, counted down from -1,
/// and 0 where an earlier version folded it without regard to time.
enum Receipts {
    /// How many may pile up on the folded rows. More cost a report more reading; fewer cost a wide message, whose
    /// folded rows may be a hundred kilobytes, more rewriting.
    static let pileMax = 32

    /// Receipts of an unknown message are dropped: nothing would ever remove them.
    static func merge(_ receipts: [Receipt], at now: Timestamp, in batch: inout Batch) throws {
        let db = batch.db
        for receipt in receipts where !receipt.ordinals.isEmpty {
            guard let owner = try Messages.owner(of: receipt.message, in: db) else { continue }
            let sequence = try db.first(
                """
                INSERT INTO receipts (message, kind, sequence, recorded_at, ordinals)
                SELECT ?1, ?2, max(coalesce(max(sequence), 0), 0) + 1, ?3, ?4
                FROM receipts WHERE message = ?1 AND kind = ?2
                RETURNING sequence
                """,
                receipt.message.number, receipt.kind.rawValue, now.milliseconds, DatabaseValue.blob(receipt.ordinals)
            ) { try Cells($0, of: "receipts").integer(0) }
            if let sequence, sequence >= Self.pileMax {
                try Self.fold(receipt.message, receipt.kind, since: owner.acceptedAt, in: db)
            }
            if owner.isInInboxes, receipt.kind.endsWaiting {
                try Inbox.end(receipt.message, for: receipt.ordinals, of: owner.app, in: &batch)
            }
        }
    }

    static func receipts(of message: MessageID, in db: Database) throws -> [Receipt.Kind: Ordinals] {
        let rows = try db.all("SELECT message, kind, ordinals FROM receipts WHERE message = ?", message.number) { row in
            let cells = Cells(row, of: "receipts", keyWidth: 2)
            return (
                kind: try cells.value(1, Receipt.Kind(rawValue: cells.number(1))), ordinals: try cells.ordinals(2)
            )
        }
        return rows.reduce(into: [:]) { $0[$1.kind, default: Ordinals()].formUnion($1.ordinals) }
    }

    /// When the last one of a message was recorded; nil without any.
    static func lastRecord(of message: MessageID, in db: Database) throws -> Timestamp? {
        try db.first(
            "SELECT message, max(recorded_at) FROM receipts WHERE message = ? GROUP BY message", message.number
        ) { try Cells($0, of: "receipts").timestamp(1) }
    }

    /// With their moments, in no order.
    static func dated(of message: MessageID, since acceptedAt: Timestamp, in db: Database) throws -> [DatedReceipt] {
        try db.all(
            "SELECT message, kind, sequence, recorded_at, ordinals FROM receipts WHERE message = ?", message.number
        ) { row in
            let cells = Cells(row, of: "receipts", keyWidth: 3)
            let at = try cells.timestamp(3)
            let sequence: Int = try cells.number(2)
            let after =
                sequence > 0
                ? at : sequence == 0 ? acceptedAt : ReceiptPeriod(number: -1 - sequence).start(since: acceptedAt)
            return DatedReceipt(
                kind: try cells.value(1, Receipt.Kind(rawValue: cells.number(1))), ordinals: try cells.ordinals(4),
                after: after, at: at)
        }
    }

    /// Only the periods that the pile falls into are rewritten, mostly one or two.
    private static func fold(
        _ message: MessageID, _ kind: Receipt.Kind, since acceptedAt: Timestamp, in db: Database
    ) throws {
        let pile = try db.all(
            """
            SELECT message, kind, recorded_at, ordinals FROM receipts
            WHERE message = ? AND kind = ? AND sequence > 0
            """,
            message.number, kind.rawValue, read: Self.part)
        try db.run(
            "DELETE FROM receipts WHERE message = ? AND kind = ? AND sequence > 0", message.number, kind.rawValue)
        for (period, parts) in Dictionary(grouping: pile, by: { ReceiptPeriod(of: $0.at, since: acceptedAt) }) {
            let sequence = -1 - period.number
            let folded = try db.first(
                """
                SELECT message, kind, recorded_at, ordinals FROM receipts
                WHERE message = ? AND kind = ? AND sequence = ?
                """,
                message.number, kind.rawValue, sequence, read: Self.part)
            var union = folded?.ordinals ?? Ordinals()
            for part in parts { union.formUnion(part.ordinals) }
            try db.run(
                """
                INSERT OR REPLACE INTO receipts (message, kind, sequence, recorded_at, ordinals) VALUES (?, ?, ?, ?, ?)
                """,
                message.number, kind.rawValue, sequence,
                (parts.map(\.at) + [folded?.at].compactMap(\.self)).max()?
                    .milliseconds, DatabaseValue.blob(union.optimized()))
        }
    }

    private static func part(_ row: Row) throws -> (at: Timestamp, ordinals: Ordinals) {
        let cells = Cells(row, of: "receipts", keyWidth: 2)
        return (at: try cells.timestamp(2), ordinals: try cells.ordinals(3))
    }
}

extension Receipt.Kind {
    /// Whether the device waits for the message no more.
    var endsWaiting: Bool {
        switch self {
        case .received, .dropped: true
        case .sent, .displayed, .clickedNotification, .clickedMessage: false
        }
    }
}
