internal import ApusCore
internal import GRDB

/// The rows of `developers` and of `developer_apps`.
enum Developers {
    static let table = """
        CREATE TABLE developers (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            secret_salt BLOB NOT NULL,
            secret_digest BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            may_upload_files INTEGER NOT NULL
        ) STRICT;
        -- Which apps belong to a developer; those that the operator made have no row, or no package.
        CREATE TABLE developer_apps (
            app INTEGER PRIMARY KEY,
            developer INTEGER NOT NULL,
            android_package TEXT
        ) STRICT;
        CREATE UNIQUE INDEX developer_apps_by_package ON developer_apps (developer, android_package);
        """

    static func all(in db: Database) throws -> [Developer] {
        try db.all(
            """
            SELECT id, key, name, secret_salt, secret_digest, created_at, may_upload_files FROM developers ORDER BY id
            """
        ) { row in
            let cells = Cells(row, of: "developers")
            var developer = Developer(
                id: DeveloperID(try cells.integer(0)), key: try cells.value(1, AccountKey(cells.text(1))),
                name: try cells.text(2), secret: try cells.value(3, cells.secret(3)), createdAt: try cells.timestamp(5))
            developer.mayUploadFiles = try cells.flag(6)
            return developer
        }
    }

    static func create(_ developer: Developer, in db: Database) throws -> Developer {
        let inserted = try db.run(
            """
            INSERT INTO developers (key, name, secret_salt, secret_digest, created_at, may_upload_files)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            developer.key.text, developer.name, DatabaseValue.blob(developer.secret.salt),
            DatabaseValue.blob(developer.secret.digest), developer.createdAt.milliseconds, developer.mayUploadFiles)
        guard inserted == 1 else { throw StoreError.conflict }
        var created = developer
        created.id = DeveloperID(db.lastInsertedRowID)
        return created
    }

    static func update(_ developer: Developer, in db: Database) throws {
        try db.run(
            "UPDATE developers SET name = ?, secret_salt = ?, secret_digest = ?, may_upload_files = ? WHERE id = ?",
            developer.name, DatabaseValue.blob(developer.secret.salt), DatabaseValue.blob(developer.secret.digest),
            developer.mayUploadFiles, developer.id.number)
    }

    static func delete(_ id: DeveloperID, in db: Database) throws -> Bool {
        guard try db.run("DELETE FROM developers WHERE id = ?", id.number) == 1 else { return false }
        try db.run("DELETE FROM developer_apps WHERE developer = ?", id.number)
        try db.run("UPDATE groups SET developer = NULL WHERE developer = ?", id.number)
        try Uploads.removeAll(of: .developer(id), in: db)
        return true
    }

    /// Makes an app for a developer, or finds it, and puts it into its group.
    static func createApp(_ order: AppOrder, in db: Database) throws -> AppOrder.Outcome {
        let found = try db.first(
            """
            SELECT apps.id, apps.key FROM developer_apps JOIN apps ON apps.id = developer_apps.app
            WHERE developer_apps.developer = ? AND developer_apps.android_package = ?
            """,
            order.developer.number, order.androidPackage
        ) { row in
            let cells = Cells(row, of: "apps")
            return (id: AppID(try cells.integer(0)), key: try cells.value(1, AppKey(cells.text(1))))
        }
        let app: (id: AppID, key: AppKey)
        if let found {
            app = found
        } else {
            let created = try Apps.create(order.app, in: db)
            try db.run(
                "INSERT INTO developer_apps (app, developer, android_package) VALUES (?, ?, ?)", created.id.number,
                order.developer.number, order.androidPackage)
            app = (created.id, created.key)
        }
        if let group = order.group { try Groups.join(app.id, group, in: db) }
        return AppOrder.Outcome(key: app.key, isNew: found == nil)
    }

    static func owner(of app: AppID, in db: Database) throws -> DeveloperID? {
        try db.first("SELECT app, developer FROM developer_apps WHERE app = ?", app.number) { row in
            DeveloperID(try Cells(row, of: "developer_apps").integer(1))
        }
    }

    static func assign(_ app: AppID, to developer: DeveloperID, in db: Database) throws {
        // The package stays, unless it is that of another app of the new owner.
        try db.run(
            """
            INSERT INTO developer_apps (app, developer, android_package) VALUES (?1, ?2, NULL)
            ON CONFLICT (app) DO UPDATE SET developer = ?2, android_package = iif(
                EXISTS (
                    SELECT 1 FROM developer_apps AS others
                    WHERE others.developer = ?2 AND others.android_package = developer_apps.android_package
                        AND others.app <> ?1),
                NULL, android_package)
            """,
            app.number, developer.number)
    }

    /// Drops what refers to an app that is no more.
    static func forget(_ app: AppID, in db: Database) throws {
        for table in ["developer_apps", "group_apps", "certificates"] {
            try db.run("DELETE FROM \(table) WHERE app = ?", app.number)
        }
    }
}
