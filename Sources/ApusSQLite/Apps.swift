internal import ApusCore
internal import GRDB

/// The rows of `apps`.
enum Apps {
    private static let columns = """
        id, key, name, secret_salt, secret_digest, created_at, is_blocked, is_vip, allowed_sources, limits
        """

    static func exists(_ id: AppID, in db: Database) throws -> Bool {
        try db.has("SELECT 1 FROM apps WHERE id = ?", id.number)
    }

    static func all(in db: Database) throws -> [App] {
        try db.all("SELECT \(Self.columns) FROM apps ORDER BY id") { row in try Self.app(Cells(row, of: "apps")) }
    }

    /// - Returns: the app with its number.
    /// - Throws: ``StoreError/conflict`` when the key is taken.
    static func create(_ app: App, in db: Database) throws -> App {
        let inserted = try db.run(
            """
            INSERT INTO apps (key, name, secret_salt, secret_digest, created_at, is_blocked, is_vip,
                allowed_sources, limits)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            app.key.text, app.name, DatabaseValue.blob(app.secret.salt), DatabaseValue.blob(app.secret.digest),
            app.createdAt.milliseconds, app.isBlocked, app.isVIP, Self.text(sources: app.allowedSources),
            Self.text(limits: app.limits))
        guard inserted == 1 else { throw StoreError.conflict }
        var created = app
        created.id = AppID(db.lastInsertedRowID)
        return created
    }

    static func update(_ app: App, in db: Database) throws -> Bool {
        try db.run(
            """
            UPDATE apps SET name = ?, secret_salt = ?, secret_digest = ?, is_blocked = ?, is_vip = ?,
                allowed_sources = ?, limits = ?
            WHERE id = ?
            """,
            app.name, DatabaseValue.blob(app.secret.salt), DatabaseValue.blob(app.secret.digest), app.isBlocked,
            app.isVIP, Self.text(sources: app.allowedSources), Self.text(limits: app.limits), app.id.number) == 1
    }

    /// Makes the app unknown at once; its rows go step by step, see ``removeRemains(of:limit:in:)``.
    static func depart(_ id: AppID, in db: Database) throws -> Bool {
        guard try db.run("DELETE FROM apps WHERE id = ?", id.number) == 1 else { return false }
        try db.run("INSERT INTO departed_apps (app) VALUES (?)", id.number)
        try Developers.forget(id, in: db)
        try Uploads.removeAll(of: .app(id), in: db)
        return true
    }

    /// An app that has departed and may have left rows, with the place up to which it has left no messages.
    static func departed(in db: Database) throws -> (app: AppID, lookedThrough: MessageID)? {
        try db.first("SELECT app, looked_through FROM departed_apps LIMIT 1") { row in
            let cells = Cells(row, of: "departed_apps")
            return (AppID(try cells.integer(0)), MessageID(try cells.integer(1)))
        }
    }

    /// Removes the next messages of a departed app, in the order of their numbers.
    ///
    /// - Returns: how many rows went.
    static func remove(
        _ messages: some BidirectionalCollection<MessageID>, of app: AppID, in db: Database
    ) throws -> Int {
        guard let last = messages.last else { return 0 }
        try db.run("UPDATE departed_apps SET looked_through = ? WHERE app = ?", last.number, app.number)
        return try messages.reduce(0) { removed, message in removed + (try Messages.remove(message, in: db)) }
    }

    /// Removes some rows of a departed app that has no messages left; in the end the app itself.
    ///
    /// - Returns: how many went, and whether there may be more.
    static func removeRemains(of app: AppID, limit: Int, in db: Database) throws -> (rows: Int, more: Bool) {
        var removed = 0
        for (table, key) in [
            ("inbox", "ordinal, message"), ("cids", "cid"), ("active_hours", "hour"), ("devices", "ordinal"),
            ("schedules", "live_until, number"), ("schedule_fires", "schedule, due_at"),
            // By hand an operator makes few of each kind: they go together.
            ("online_hours", "hour"), ("definitions", "kind"), ("plans", "name"),
        ] where removed < limit {
            let some = "SELECT \(key) FROM \(table) WHERE app = ?1 LIMIT ?2"
            removed += try db.run("DELETE FROM \(table) WHERE app = ?1 AND (\(key)) IN (\(some))", app.number, limit)
        }
        if removed < limit { removed += try Uploads.removeImages(of: app.number, limit: limit - removed, in: db) }
        if removed < limit { removed += try Tags.remove(of: app.number, limit: limit, in: db) }
        if removed == 0 { try db.run("DELETE FROM departed_apps WHERE app = ?", app.number) }
        return (removed, removed > 0)
    }

    private static func app(_ cells: Cells) throws -> App {
        var app = App(
            id: AppID(try cells.integer(0)), key: try cells.value(1, AppKey(cells.text(1))), name: try cells.text(2),
            secret: try cells.value(3, cells.secret(3)), createdAt: try cells.timestamp(5))
        app.isBlocked = try cells.flag(6)
        app.isVIP = try cells.flag(7)
        let sources = try cells.value(8, CellJSON.list(cells.text(8)))
        app.allowedSources = try sources.map { try cells.value(8, AddressBlock($0)) }
        for (name, value) in try cells.value(9, CellJSON.counts(cells.text(9))) {
            // A limit that another version knows is no fault of the file.
            if let name = LimitName(rawValue: name) { app.limits[name] = value }
        }
        return app
    }

    private static func text(sources: [AddressBlock]) -> String { CellJSON.text(list: sources.map(\.text)) }

    private static func text(limits: Limits) -> String {
        CellJSON.text(
            counts: LimitName.allCases.compactMap { name in limits.given[name].map { (name.rawValue, $0) } })
    }
}
