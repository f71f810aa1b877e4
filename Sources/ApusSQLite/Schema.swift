internal import GRDB

/// The tables, and how a file of an earlier version becomes one of this version.
///
/// A migration that was released is never edited: a change is a new one at the end. Each runs in one transaction.
enum Schema {
    /// `Apus` in ASCII: what tells a store from any other SQLite database.
    static let applicationID: Int32 = 0x4170_7573

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { db in
            for table in [Self.apps, Self.devices, Self.messages, Self.deliveries, Self.cids, Self.counters] {
                try db.execute(sql: table)
            }
        }
        migrator.registerMigration("v2-accounts") { db in
            for table in [Developers.table, Groups.table, Certificates.table, Uploads.table] {
                try db.execute(sql: table)
            }
        }
        return migrator
    }

    // Moments are milliseconds since 1970 (UTC). Sets of ordinals are in the portable Roaring format. There are no
    // foreign keys: an app's rows outlive it for the moments that it takes to delete them in small steps.

    /// AUTOINCREMENT: a number is never used again, so leftovers of a deleted app can never turn up in a new one.
    private static let apps = """
        CREATE TABLE apps (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            secret_salt BLOB NOT NULL,
            secret_digest BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            is_blocked INTEGER NOT NULL,
            is_vip INTEGER NOT NULL,
            allowed_sources TEXT NOT NULL, -- JSON list of CIDR blocks
            limits TEXT NOT NULL           -- JSON object of numbers, only those that were given
        ) STRICT;
        -- Deleted, with rows that have still to go.
        CREATE TABLE departed_apps (app INTEGER PRIMARY KEY) STRICT;
        """

    /// Rows are wide (tags, tokens), so the table keeps its rowid and stays shallow.
    private static let devices = """
        CREATE TABLE devices (
            app INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            registration_id TEXT NOT NULL UNIQUE,
            secret_salt BLOB,
            secret_digest BLOB,
            platform INTEGER NOT NULL,
            tags TEXT NOT NULL,    -- JSON list, in order of binding
            alias TEXT,
            mobile TEXT,
            tokens TEXT NOT NULL,  -- JSON object: vendor, token
            details TEXT NOT NULL, -- JSON object
            registered_at INTEGER NOT NULL,
            seen_at INTEGER,
            is_test INTEGER NOT NULL,
            PRIMARY KEY (app, ordinal)
        ) STRICT;
        -- Whose app was opened, by hours since 1970 (UTC).
        CREATE TABLE active_hours (
            app INTEGER NOT NULL,
            hour INTEGER NOT NULL,
            ordinals BLOB NOT NULL,
            PRIMARY KEY (app, hour)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX active_hours_by_hour ON active_hours (hour);
        """

    /// `waits` is where a message waits for devices: 0 nowhere (any more), 1 in `inbox`, 2 in its own `target`.
    ///
    /// The payload stands last, so that reading the rest does not walk through it.
    private static let messages = """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY,
            app INTEGER NOT NULL,
            waits INTEGER NOT NULL,
            state INTEGER NOT NULL,
            accepted_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            time_to_live_seconds INTEGER NOT NULL,
            spread_minutes INTEGER NOT NULL,
            is_broadcast INTEGER NOT NULL,
            overrides INTEGER,
            targeted TEXT NOT NULL, -- JSON object: platform, count
            online TEXT NOT NULL,   -- JSON object: platform, count
            target BLOB NOT NULL,
            payload BLOB NOT NULL
        ) STRICT;
        CREATE INDEX messages_by_acceptance ON messages (app, accepted_at);
        CREATE INDEX messages_by_expiry ON messages (waits, expires_at);
        CREATE INDEX messages_wide ON messages (app, id) WHERE waits = 2;
        """

    /// A receipt is appended; `sequence` counts what has piled up over the folded row, which has 0.
    private static let deliveries = """
        CREATE TABLE inbox (
            app INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            message INTEGER NOT NULL,
            PRIMARY KEY (app, ordinal, message)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE receipts (
            message INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            recorded_at INTEGER NOT NULL,
            ordinals BLOB NOT NULL,
            PRIMARY KEY (message, kind, sequence)
        ) STRICT, WITHOUT ROWID;
        """

    private static let cids = """
        CREATE TABLE cids (
            app INTEGER NOT NULL,
            cid TEXT NOT NULL,
            message INTEGER NOT NULL,
            sendno INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            PRIMARY KEY (app, cid)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX cids_by_expiry ON cids (expires_at);
        """

    /// What has to outlive the rows that it was counted from.
    private static let counters = """
        CREATE TABLE counters (
            name TEXT PRIMARY KEY,
            value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO counters VALUES ('last_message', 0);
        """
}
