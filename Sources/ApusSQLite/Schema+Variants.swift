internal import GRDB

extension Schema {
    /// What pushes name, and what user statistics are counted from.
    static func registerVariants(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("v2-variants") { db in
            for table in [Self.definitions, Self.plans, Self.onlineHours] { try db.execute(sql: table) }
        }
    }

    private static let definitions = """
        CREATE TABLE definitions (
            app INTEGER NOT NULL,
            kind INTEGER NOT NULL, -- 0 segment, 1 A/B test, 2 template
            name TEXT NOT NULL,
            text BLOB NOT NULL,    -- JSON object
            created_at INTEGER NOT NULL,
            PRIMARY KEY (app, kind, name)
        ) STRICT;
        """

    private static let plans = """
        CREATE TABLE plans (
            number INTEGER PRIMARY KEY, -- in order of creation
            app INTEGER NOT NULL,
            name TEXT NOT NULL,
            description TEXT NOT NULL,
            push_count INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            last_used_at INTEGER,
            UNIQUE (app, name)
        ) STRICT;
        """

    private static let onlineHours = """
        -- Who was connected, by hours since 1970 (UTC).
        CREATE TABLE online_hours (
            app INTEGER NOT NULL,
            hour INTEGER NOT NULL,
            ordinals BLOB NOT NULL,
            PRIMARY KEY (app, hour)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX online_hours_by_hour ON online_hours (hour);
        CREATE INDEX devices_by_registration ON devices (app, registered_at, platform);
        """
}
