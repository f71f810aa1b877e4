internal import ApusCore
internal import GRDB

/// The rows of `devices`.
enum Devices {
    static let columns = """
        app, ordinal, registration_id, secret_salt, secret_digest, platform, tags, alias, mobile, tokens, details, \
        registered_at, seen_at, is_test, test_name, test_since, imported_at
        """

    static let columnCount = 17

    static func device(_ ordinal: Ordinal, of app: AppID, in db: Database) throws -> Device? {
        try db.first(
            "SELECT \(Self.columns) FROM devices WHERE app = ? AND ordinal = ?", app.number, Int64(ordinal),
            read: Self.device)
    }

    /// Where the ordinal is taken, the device gets the one after the greatest.
    static func register(
        _ device: Device, devicesPerAlias: Int? = nil, in db: Database
    ) throws -> WriteOutcome {
        if try Self.isFull(device.alias, of: device.app, most: devicesPerAlias, in: db) {
            return .refused(Refusal(.aliasLimitExceeded))
        }
        // The usual case costs one statement; why it failed is asked only when it did.
        if try Self.insert(device, in: db) { return .done }
        guard try Apps.exists(device.app, in: db) else { return .refused(Refusal(.unknownKey)) }
        guard try !Self.isTaken(device.registrationID, in: db) else { return .failed(.conflict) }
        guard let last = try Self.lastOrdinal(of: device.app, in: db), last < .max else { return .failed(.full) }
        let kept = device.standing(at: last + 1)
        guard try Self.insert(kept, in: db) else { return .failed(.conflict) }
        return .changed(from: device, to: kept)
    }

    /// - Returns: false when its app is unknown, or its registration id or its ordinal is taken.
    private static func insert(_ device: Device, in db: Database) throws -> Bool {
        let isNew =
            try db.run(
                """
                INSERT INTO devices (\(Self.columns), alias_bound, import_place)
                SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
                WHERE EXISTS (SELECT 1 FROM apps WHERE id = ?1) ON CONFLICT DO NOTHING
                """,
                device.app.number, Int64(device.ordinal), device.registrationID.text,
                device.secret.map { DatabaseValue.blob($0.salt) }, device.secret.map { DatabaseValue.blob($0.digest) },
                device.platform.rawValue, CellJSON.text(list: device.tags.map(\.text)), device.alias?.text,
                device.mobile, CellJSON.text(map: device.tokens), CellJSON.text(map: device.details),
                device.registeredAt.milliseconds, device.seenAt?.milliseconds, device.isTest, device.testName?.text,
                device.testName?.since.milliseconds, device.importedAt?.milliseconds,
                device.alias == nil ? nil : try Counters.next(.binding, in: db),
                device.importedAt == nil ? nil : try Counters.next(.importing, in: db)) == 1
        if isNew { try Tags.count(from: [], to: device.tags, of: device.app, on: device.platform, in: db) }
        return isNew
    }

    static func change(
        _ change: DeviceChange, of ordinal: Ordinal, in app: AppID, devicesPerAlias: Int? = nil, in db: Database
    ) throws -> WriteOutcome {
        guard let before = try Self.device(ordinal, of: app, in: db) else { return .refused(Refusal(.deviceUnknown)) }
        let after: Device
        do {
            after = try before.applying(change)
        } catch {
            return .refused(error)
        }
        if after.alias != before.alias, try Self.isFull(after.alias, of: app, most: devicesPerAlias, in: db) {
            return .refused(Refusal(.aliasLimitExceeded))
        }
        try Self.move(before, after, isImport: change.importedAt != nil, in: db)
        return .changed(from: before, to: after)
    }

    /// Whether an alias names as many devices already as it may.
    private static func isFull(_ alias: Alias?, of app: AppID, most: Int?, in db: Database) throws -> Bool {
        guard let alias, let most else { return false }
        let count = try db.first(
            "SELECT count(*) FROM (SELECT 1 FROM devices WHERE app = ? AND alias = ? LIMIT ?)", app.number, alias.text,
            most
        ) { row in try Cells(row, of: "devices").integer(0) }
        return count ?? 0 >= most
    }

    /// Nothing is written before all of them are known to be legal.
    static func changeAll(_ orders: [DeviceChangeOrder], in app: AppID, in db: Database) throws -> WriteOutcome {
        var moves: [DeviceMove] = []
        var refused: (refusal: Refusal, names: [String])?
        for order in orders {
            guard let before = try Self.device(order.ordinal, of: app, in: db) else {
                return .refused(Refusal(.deviceUnknown))
            }
            do {
                moves.append(DeviceMove(from: before, to: try before.applying(order.change)))
            } catch {
                refused = (refused?.refusal ?? error, (refused?.names ?? []) + [before.registrationID.text])
            }
        }
        if let (refusal, names) = refused {
            var refusal = Refusal(.someBadValues, refusal.detail)
            refusal.illegalRegistrationIDs = names
            return .refused(refusal)
        }
        for (order, move) in zip(orders, moves) {
            try Self.move(move.from, move.to, isImport: order.change.importedAt != nil, in: db)
        }
        return .changedAll(moves)
    }

    private static func move(_ before: Device, _ after: Device, isImport: Bool, in db: Database) throws {
        guard after != before else { return }
        try db.run(
            """
            UPDATE devices SET tags = ?, alias = ?, mobile = ?, tokens = ?, details = ?, secret_salt = ?,
                secret_digest = ?, is_test = ?, test_name = ?, test_since = ?, imported_at = ?
            WHERE app = ? AND ordinal = ?
            """,
            CellJSON.text(list: after.tags.map(\.text)), after.alias?.text, after.mobile,
            CellJSON.text(map: after.tokens), CellJSON.text(map: after.details),
            after.secret.map { DatabaseValue.blob($0.salt) }, after.secret.map { DatabaseValue.blob($0.digest) },
            after.isTest, after.testName?.text, after.testName?.since.milliseconds, after.importedAt?.milliseconds,
            after.app.number, Int64(after.ordinal))
        if after.alias != before.alias {
            try db.run(
                "UPDATE devices SET alias_bound = ? WHERE app = ? AND ordinal = ?",
                after.alias == nil ? nil : try Counters.next(.binding, in: db), after.app.number, Int64(after.ordinal))
        }
        if isImport {
            try db.run(
                "UPDATE devices SET import_place = ? WHERE app = ? AND ordinal = ?",
                try Counters.next(.importing, in: db), after.app.number, Int64(after.ordinal))
        }
        if after.tags != before.tags {
            try Tags.count(from: before.tags, to: after.tags, of: after.app, on: after.platform, in: db)
        }
    }

    /// The latest moment stays, whatever the order in which they come.
    static func seen(_ ordinals: Ordinals, of app: AppID, at now: Timestamp, in db: Database) throws {
        for run in Self.runs(of: ordinals) {
            try db.run(
                """
                UPDATE devices SET seen_at = ?1
                WHERE app = ?2 AND ordinal BETWEEN ?3 AND ?4 AND (seen_at IS NULL OR seen_at < ?1)
                """,
                now.milliseconds, app.number, Int64(run.lowerBound), Int64(run.upperBound))
        }
    }

    /// Ordinals that follow one another, as those of a crowd do, are one statement.
    private static func runs(of ordinals: Ordinals) -> [ClosedRange<Ordinal>] {
        var runs: [ClosedRange<Ordinal>] = []
        for ordinal in ordinals.members {
            if let last = runs.last, ordinal - last.upperBound == 1 {
                runs[runs.count - 1] = last.lowerBound...ordinal
            } else {
                runs.append(ordinal...ordinal)
            }
        }
        return runs
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

    static func device(_ row: Row) throws -> Device {
        let cells = Cells(row, of: "devices", keyWidth: 2)
        var device = Device(
            app: AppID(try cells.integer(0)), ordinal: try cells.number(1),
            registrationID: try cells.value(2, RegistrationID(cells.text(2))), secret: try cells.secret(3),
            platform: try cells.value(5, Platform(rawValue: cells.number(5))), registeredAt: try cells.timestamp(11))
        device.tags = try cells.tags(6)
        device.alias = try cells.optionalText(7).map { try cells.value(7, Alias($0)) }
        device.mobile = try cells.optionalText(8)
        device.tokens = try cells.value(9, CellJSON.map(cells.text(9)))
        device.details = try cells.value(10, CellJSON.map(cells.text(10)))
        device.seenAt = try cells.optionalInteger(12).map(Timestamp.init(milliseconds:))
        device.isTest = try cells.flag(13)
        device.testName = try cells.optionalText(14).map { Device.TestName(text: $0, since: try cells.timestamp(15)) }
        device.importedAt = try cells.optionalInteger(16).map(Timestamp.init(milliseconds:))
        return device
    }

    private static func isTaken(_ name: RegistrationID, in db: Database) throws -> Bool {
        try db.has("SELECT 1 FROM devices WHERE registration_id = ?", name.text)
    }
}
