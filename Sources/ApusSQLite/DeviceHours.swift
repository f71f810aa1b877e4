internal import ApusCore
internal import GRDB

/// Sets of devices by the hour: one table for whose app was opened, one for who was connected.
struct DeviceHours: Sendable {
    /// The rows of `active_hours`.
    static let active = DeviceHours(table: "active_hours")
    /// The rows of `online_hours`.
    static let online = DeviceHours(table: "online_hours")

    /// How long they are kept: 60 days back, and on to the start of the month that the sixtieth is in.
    private static let retentionHours: Int64 = 92 * 24

    private static let hourMilliseconds: Int64 = 3_600_000

    private let table: StaticString

    static func hour(of moment: Timestamp) -> Int64 { moment.milliseconds / Self.hourMilliseconds }

    func record(_ ordinals: Ordinals, of app: AppID, at now: Timestamp, in db: Database) throws {
        let hour = Self.hour(of: now)
        let before = try db.first(
            "SELECT app, hour, ordinals FROM \(self.table) WHERE app = ? AND hour = ?", app.number, hour,
            read: self.ordinals)
        let after = before?.union(ordinals) ?? ordinals
        // Most of an hour's reports repeat earlier ones.
        guard after != before, !after.isEmpty else { return }
        try db.run("INSERT OR REPLACE INTO \(self.table) VALUES (?, ?, ?)", app.number, hour, DatabaseValue.blob(after))
    }

    func ordinals(of app: AppID, from first: Timestamp, until last: Timestamp, in db: Database) throws -> Ordinals {
        try db.all(
            "SELECT app, hour, ordinals FROM \(self.table) WHERE app = ? AND hour >= ? AND hour * ? < ?",
            app.number, Self.hour(of: first), Self.hourMilliseconds, last.milliseconds, read: self.ordinals
        ).reduce(into: Ordinals()) { $0.formUnion($1) }
    }

    /// - Returns: how many rows went.
    func expire(at now: Timestamp, limit: Int, in db: Database) throws -> Int {
        let expired = "SELECT app, hour FROM \(self.table) WHERE hour < ? LIMIT ?"
        return try db.run(
            "DELETE FROM \(self.table) WHERE (app, hour) IN (\(expired))", Self.hour(of: now) - Self.retentionHours,
            limit)
    }

    private func ordinals(_ row: Row) throws -> Ordinals { try Cells(row, of: self.table, keyWidth: 2).ordinals(2) }
}
