internal import ApusCore
internal import GRDB

/// The rows of `devices`.
enum Devices {
    private static let columns = """
        app, ordinal, registration_id, secret_salt, secret_digest, platform, tags, alias, mobile, tokens, details, \
        registered_at, seen_at, is_test
        """

    static func device(_ ordinal: Ordinal, of app: AppID, in db: Database) throws -> Device? {
        try db.first(
            "SELECT \(Self.columns) FROM devices WHERE app = ? AND ordinal = ?", app.number, Int64(ordinal),
            read: Self.device)
    }

    static func devices(of app: AppID, from first: Ordinal, limit: Int, in db: Database) throws -> [Device] {
        try db.all(
            "SELECT \(Self.columns) FROM devices WHERE app = ? AND ordinal >= ? ORDER BY ordinal LIMIT ?",
            app.number, Int64(first), max(0, limit), read: Self.device)
    }

    static func register(_ device: Device, in db: Database) throws -> WriteOutcome {
        guard try Apps.exists(device.app, in: db) else { return .refused(Refusal(.unknownKey)) }
        let inserted = try db.run(
            """
            INSERT INTO devices (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """,
            device.app.number, Int64(device.ordinal), device.registrationID.text,
            device.secret.map { DatabaseValue.blob($0.salt) }, device.secret.map { DatabaseValue.blob($0.digest) },
            device.platform.rawValue, CellJSON.text(list: device.tags.map(\.text)), device.alias?.text, device.mobile,
            CellJSON.text(map: device.tokens), CellJSON.text(map: device.details), device.registeredAt.milliseconds,
            device.seenAt?.milliseconds, device.isTest)
        return inserted == 1 ? .done : .failed(.conflict)
    }

    static func change(
        _ change: DeviceChange, of ordinal: Ordinal, in app: AppID, in db: Database
    ) throws -> WriteOutcome {
        guard let before = try Self.device(ordinal, of: app, in: db) else { return .refused(Refusal(.deviceUnknown)) }
        let after: Device
        do {
            after = try before.applying(change)
        } catch {
            return .refused(error)
        }
        if after != before {
            try db.run(
                """
                UPDATE devices SET tags = ?, alias = ?, mobile = ?, tokens = ?, details = ?
                WHERE app = ? AND ordinal = ?
                """,
                CellJSON.text(list: after.tags.map(\.text)), after.alias?.text, after.mobile,
                CellJSON.text(map: after.tokens), CellJSON.text(map: after.details), app.number, Int64(ordinal))
        }
        return .changed(from: before, to: after)
    }

    /// The latest moment stays, whatever the order in which they come.
    static func seen(_ ordinals: Ordinals, of app: AppID, at now: Timestamp, in db: Database) throws {
        for ordinal in ordinals.members {
            try db.run(
                """
                UPDATE devices SET seen_at = ?1
                WHERE app = ?2 AND ordinal = ?3 AND (seen_at IS NULL OR seen_at < ?1)
                """,
                now.milliseconds, app.number, Int64(ordinal))
        }
    }

    /// The index has everything: no row is touched.
    static func registered(
        of app: AppID, from first: Timestamp, until last: Timestamp, in db: Database
    ) throws -> PlatformCounts {
        let rows = try db.all(
            """
            SELECT platform, count(*) FROM devices INDEXED BY devices_by_registration
            WHERE app = ? AND registered_at >= ? AND registered_at < ? GROUP BY platform
            """,
            app.number, first.milliseconds, last.milliseconds
        ) { row in
            let cells = Cells(row, of: "devices")
            return (platform: try cells.value(0, Platform(rawValue: cells.number(0))), count: try cells.integer(1))
        }
        return rows.reduce(into: PlatformCounts()) { $0[$1.platform] = Int($1.count) }
    }

    private static func device(_ row: Row) throws -> Device {
        let cells = Cells(row, of: "devices", keyWidth: 2)
        var device = Device(
            app: AppID(try cells.integer(0)), ordinal: try cells.number(1),
            registrationID: try cells.value(2, RegistrationID(cells.text(2))), secret: try cells.secret(3),
            platform: try cells.value(5, Platform(rawValue: cells.number(5))), registeredAt: try cells.timestamp(11))
        device.tags = try cells.value(6, CellJSON.list(cells.text(6))).map { try cells.value(6, Tag($0)) }
        device.alias = try cells.optionalText(7).map { try cells.value(7, Alias($0)) }
        device.mobile = try cells.optionalText(8)
        device.tokens = try cells.value(9, CellJSON.map(cells.text(9)))
        device.details = try cells.value(10, CellJSON.map(cells.text(10)))
        device.seenAt = try cells.optionalInteger(12).map(Timestamp.init(milliseconds:))
        device.isTest = try cells.flag(13)
        return device
    }
}
