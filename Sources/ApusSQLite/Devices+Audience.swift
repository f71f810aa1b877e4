internal import ApusCore
internal import GRDB

/// The columns of `devices` that the audience index is built from.
extension Devices {
    /// - Returns: nil for an app without devices.
    static func lastOrdinal(of app: AppID, in db: Database) throws -> Ordinal? {
        try db.first(
            "SELECT app, ordinal FROM devices WHERE app = ? ORDER BY ordinal DESC LIMIT 1", app.number
        ) { try Cells($0, of: "devices", keyWidth: 2).number(1) }
    }

    static func audience(
        of app: AppID, in ordinals: ClosedRange<Ordinal>, in db: Database
    ) throws -> AudiencePage {
        var page = AudiencePage()
        try db.each(
            """
            SELECT app, ordinal, registration_id, platform, tags, alias, is_test,
                max(registered_at, coalesce(seen_at, 0), coalesce(imported_at, 0))
            FROM devices WHERE app = ? AND ordinal BETWEEN ? AND ?
            """,
            app.number, Int64(ordinals.lowerBound), Int64(ordinals.upperBound)
        ) { row in
            let cells = Cells(row, of: "devices", keyWidth: 2)
            let entry = AudiencePage.Entry(
                ordinal: try cells.number(1), registrationID: try cells.value(2, RegistrationID(cells.text(2))),
                platform: try cells.value(3, Platform(rawValue: cells.number(3))),
                alias: try cells.optionalText(5).map { try cells.value(5, Alias($0)) }, isTest: try cells.flag(6),
                activeAt: try cells.timestamp(7))
            page.append(entry)
            try cells.eachTag(4) { page.bind($0) }
        }
        return page
    }
}
