internal import ApusCore
internal import GRDB

/// The rows of `active_hours`: whose app was opened in which hour.
enum ActiveHours {
    /// How long they are kept: 60 days back, and on to the start of the month that the sixtieth is in.
    private static let retentionHours: Int64 = 92 * 24

    private static let hourMilliseconds: Int64 = 3_600_000

    static func hour(of moment: Timestamp) -> Int64 { moment.milliseconds / Self.hourMilliseconds }

    static func record(_ ordinals: Ordinals, of app: AppID, at now: Timestamp, in db: Database) throws {
        let hour = Self.hour(of: now)
        let before = try db.first(
            "SELECT app, hour, ordinals FROM active_hours WHERE app = ? AND hour = ?", app.number, hour,
            read: Self.ordinals)
        let after = before?.union(ordinals) ?? ordinals
        // Most of an hour's reports repeat earlier ones.
        guard after != before, !after.isEmpty else { return }
        try db.run("INSERT OR REPLACE INTO active_hours VALUES (?, ?, ?)", app.number, hour, DatabaseValue.blob(after))
    }

    static func ordinals(
        of app: AppID, from first: Timestamp, until last: Timestamp, in db: Database
    ) throws -> Ordinals {
        try db.all(
            "SELECT app, hour, ordinals FROM active_hours WHERE app = ? AND hour >= ? AND hour * ? < ?",
            app.number, Self.hour(of: first), Self.hourMilliseconds, last.milliseconds, read: Self.ordinals
        ).reduce(into: Ordinals()) { $0.formUnion($1) }
    }

    /// - Returns: how many rows went.
    static func expire(at now: Timestamp, limit: Int, in db: Database) throws -> Int {
        try db.run(
            "DELETE FROM active_hours WHERE (app, hour) IN (SELECT app, hour FROM active_hours WHERE hour < ? LIMIT ?)",
            Self.hour(of: now) - Self.retentionHours, limit)
    }

    private static func ordinals(_ row: Row) throws -> Ordinals {
        try Cells(row, of: "active_hours", keyWidth: 2).ordinals(2)
    }
}
