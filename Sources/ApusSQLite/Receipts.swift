internal import ApusCore
internal import GRDB

/// The rows of `receipts`: appended as they come, and folded into one per message and kind when many have piled up.
enum Receipts {
    /// How many may pile up on the folded row. More cost a report more reading; fewer cost a wide message, whose folded
    /// row may be a megabyte, more rewriting.
    static let pileMax = 32

    /// Receipts of an unknown message are dropped: nothing would ever remove them.
    static func merge(_ receipts: [Receipt], at now: Timestamp, in db: Database) throws {
        for receipt in receipts where !receipt.ordinals.isEmpty {
            guard let owner = try Messages.owner(of: receipt.message, in: db) else { continue }
            let sequence = try db.first(
                """
                INSERT INTO receipts (message, kind, sequence, recorded_at, ordinals)
                SELECT ?1, ?2, coalesce(max(sequence), 0) + 1, ?3, ?4 FROM receipts WHERE message = ?1 AND kind = ?2
                RETURNING sequence
                """,
                receipt.message.number, receipt.kind.rawValue, now.milliseconds, DatabaseValue.blob(receipt.ordinals)
            ) { try Cells($0, of: "receipts").integer(0) }
            if let sequence, sequence >= Self.pileMax { try Self.fold(receipt.message, receipt.kind, in: db) }
            if owner.isInInboxes, receipt.kind.endsWaiting {
                try Messages.leaveInboxes(receipt.message, receipt.ordinals, of: owner.app, in: db)
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

    private static func fold(_ message: MessageID, _ kind: Receipt.Kind, in db: Database) throws {
        let rows = try db.all(
            "SELECT message, kind, recorded_at, ordinals FROM receipts WHERE message = ? AND kind = ?",
            message.number, kind.rawValue
        ) { row in
            let cells = Cells(row, of: "receipts", keyWidth: 2)
            return (recordedAt: try cells.integer(2), ordinals: try cells.ordinals(3))
        }
        let union = rows.reduce(into: Ordinals()) { $0.formUnion($1.ordinals) }
        try db.run("DELETE FROM receipts WHERE message = ? AND kind = ?", message.number, kind.rawValue)
        try db.run(
            "INSERT INTO receipts (message, kind, sequence, recorded_at, ordinals) VALUES (?, ?, 0, ?, ?)",
            message.number, kind.rawValue, rows.map(\.recordedAt).max(), DatabaseValue.blob(union))
    }
}

extension Receipt.Kind {
    /// Whether the device waits for the message no more.
    fileprivate var endsWaiting: Bool {
        switch self {
        case .received, .dropped: true
        case .sent, .displayed, .clickedNotification, .clickedMessage: false
        }
    }
}
