internal import ApusCore
internal import GRDB

/// Devices by what is known of them.
extension Devices {
    static func devices(_ ordinals: [Ordinal], of app: AppID, in db: Database) throws -> [Device] {
        try ordinals.compactMap { try Self.device($0, of: app, in: db) }
    }

    static func devices(named names: [RegistrationID], in db: Database) throws -> [Device] {
        try names.compactMap { name in
            try db.first(
                "SELECT \(Self.columns) FROM devices WHERE registration_id = ?", name.text, read: Self.device)
        }
    }

    /// Platforms are told apart here: a place in the index for each of them would cost every binding more than skipping
    /// some rows costs this.
    static func devices(
        named alias: Alias, of app: AppID, on platforms: PlatformSet, limit: Int, in db: Database
    ) throws -> [Device] {
        try db.all(
            """
            SELECT \(Self.columns) FROM devices WHERE app = ? AND alias = ? AND (? >> platform) & 1
            ORDER BY alias_bound DESC, ordinal DESC LIMIT ?
            """,
            app.number, alias.text, platforms.rawValue, limit, read: Self.device)
    }

    static func testDevices(of app: AppID, _ query: TestDeviceQuery, in db: Database) throws -> TestDevicePage {
        switch query.filter {
        case nil: try Self.testDevices(of: app, named: "", query, in: db)
        case .nameHolds(let text): try Self.testDevices(of: app, named: text, query, in: db)
        case .registrationID(let text):
            try Self.testDevice(of: app, RegistrationID(text), query, in: db)
        }
    }

    /// `instr` of an empty text is 1: it holds for all of them.
    private static func testDevices(
        of app: AppID, named text: String, _ query: TestDeviceQuery, in db: Database
    ) throws -> TestDevicePage {
        let some = """
            FROM devices INDEXED BY devices_for_tests
            WHERE app = ?1 AND is_test = 1 AND instr(coalesce(test_name, ''), ?2) > 0
            """
        let total: Int? = try db.first("SELECT count(*) \(some)", app.number, text) {
            try Cells($0, of: "devices").number(0)
        }
        let devices = try db.all(
            "SELECT \(Self.columns) \(some) ORDER BY test_since, ordinal LIMIT ?3 OFFSET ?4",
            app.number, text, query.pageSize, (query.page - 1) * query.pageSize, read: Self.device)
        return TestDevicePage(total: total ?? 0, devices: devices)
    }

    private static func testDevice(
        of app: AppID, _ name: RegistrationID?, _ query: TestDeviceQuery, in db: Database
    ) throws -> TestDevicePage {
        let found = try Self.devices(named: name.map { [$0] } ?? [], in: db).filter { $0.app == app && $0.isTest }
        return TestDevicePage(total: found.count, devices: query.page == 1 ? found : [])
    }

    /// What was imported after a place, as it is now.
    static func adopt(after place: ImportPlace, limit: Int, in db: Database) throws -> WriteOutcome {
        let last = try Counters.last(.importing, in: db)
        guard last > place.number else { return .adopted([], through: place) }
        let rows = try db.all(
            """
            SELECT \(Self.columns), import_place FROM devices
            WHERE import_place > ? ORDER BY import_place LIMIT ?
            """,
            place.number, limit
        ) { row in
            (device: try Self.device(row), place: try Cells(row, of: "devices", keyWidth: 2).integer(Self.columnCount))
        }
        // The last ones may have been imported anew, or deleted, since: then the counter knows more than the rows.
        let through = rows.count == limit ? rows.last?.place ?? last : last
        return .adopted(rows.map(\.device), through: ImportPlace(through))
    }
}

/// The rows of `tags`: kept in step with the tags of devices, write by write.
enum Tags {
    /// Counts one device's move from some tags to others.
    static func count(
        from before: [Tag], to after: [Tag], of app: AppID, on platform: Platform, in db: Database
    ) throws {
        let (old, new) = (Set(before), Set(after))
        // In order of binding, so that the last one is the newest.
        for tag in after where !old.contains(tag) {
            let isKnown = try db.run(
                "UPDATE tags SET devices = devices + 1 WHERE app = ? AND platform = ? AND tag = ?",
                app.number, platform.rawValue, tag.text)
            guard isKnown == 0 else { continue }
            try db.run(
                "INSERT INTO tags (app, platform, tag, devices, born) VALUES (?, ?, ?, 1, ?)",
                app.number, platform.rawValue, tag.text, try Counters.next(.binding, in: db))
        }
        for tag in before where !new.contains(tag) {
            let left = "WHERE app = ? AND platform = ? AND tag = ?"
            try db.run("UPDATE tags SET devices = devices - 1 \(left)", app.number, platform.rawValue, tag.text)
            try db.run("DELETE FROM tags \(left) AND devices = 0", app.number, platform.rawValue, tag.text)
        }
    }

    /// Removes some rows of an app that has departed.
    ///
    /// - Returns: how many went.
    static func remove(of app: Int64, limit: Int, in db: Database) throws -> Int {
        try Platform.allCases.reduce(0) { removed, platform in
            let some = "SELECT tag FROM tags WHERE app = ?1 AND platform = ?2 LIMIT ?3"
            return removed
                + (try db.run(
                    "DELETE FROM tags WHERE app = ?1 AND platform = ?2 AND tag IN (\(some))", app, platform.rawValue,
                    limit))
        }
    }

    /// Merged over the platforms, the newest first.
    static func newest(of app: AppID, limit: Int, in db: Database) throws -> [Tag] {
        var born: [Tag: Int64] = [:]
        for platform in Platform.allCases {
            let rows = try db.all(
                """
                SELECT app, platform, tag, born FROM tags WHERE app = ? AND platform = ?
                ORDER BY born DESC, tag DESC LIMIT ?
                """,
                app.number, platform.rawValue, limit
            ) { row in
                let cells = Cells(row, of: "tags", keyWidth: 3)
                return (tag: try cells.value(2, Tag(cells.text(2))), born: try cells.integer(3))
            }
            for row in rows { born[row.tag] = max(born[row.tag] ?? 0, row.born) }
        }
        return born.sorted { ($0.value, $0.key.text) > ($1.value, $1.key.text) }.map(\.key)
    }
}

/// The rows of `counters` that put things in an order.
enum Counters {
    enum Name: String {
        case binding = "last_binding"
        case importing = "last_import"
    }

    static func next(_ name: Name, in db: Database) throws -> Int64 {
        let next = try db.first(
            "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING name, value", name.rawValue,
            read: Self.value)
        guard let next else { throw StoreError.corrupt("counters \(name.rawValue): the row is missing") }
        return next
    }

    static func last(_ name: Name, in db: Database) throws -> Int64 {
        let last = try db.first(
            "SELECT name, value FROM counters WHERE name = ?", name.rawValue, read: Self.value)
        guard let last else { throw StoreError.corrupt("counters \(name.rawValue): the row is missing") }
        return last
    }

    private static func value(_ row: Row) throws -> Int64 { try Cells(row, of: "counters").integer(1) }
}
