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
        migrator.registerMigration("v2-schedules") { db in try db.execute(sql: Self.schedules) }
        migrator.registerMigration("v3-devices") { db in try db.execute(sql: Self.deviceFamily) }
        Self.registerVariants(in: &migrator)
        migrator.registerMigration("v4-accounts") { db in
            for table in [Developers.table, Groups.table, Certificates.table, Uploads.table] {
                try db.execute(sql: table)
            }
        }
        migrator.registerMigration("v5-trace") { db in try db.execute(sql: Self.ends) }
        migrator.registerMigration("v6-inbox") { db in try db.execute(sql: Self.listing) }
        migrator.registerMigration("v7-expiries") { db in try db.execute(sql: Self.expiries) }
        migrator.registerMigration("v8-inbox-expiry") { db in try db.execute(sql: Self.inboxExpiry) }
        return migrator
    }

    /// When a message was withdrawn or overridden, and by which: null for those that ended before this was kept.
    private static let ends = """
        ALTER TABLE messages ADD COLUMN ended_at INTEGER;
        ALTER TABLE messages ADD COLUMN ended_by INTEGER;
        """

    /// Up to which messages `inbox` is written, see ``Inbox``: to the last one so far.
    private static let listing = """
        INSERT INTO counters SELECT 'inbox_listed', value FROM counters WHERE name = 'last_message';
        INSERT INTO counters SELECT 'inbox_listing', value FROM counters WHERE name = 'last_message';
        """

    /// Lists in place of the indexes that every push had to enter, see ``Expiries``, and how far the messages have been
    /// looked through for those of an app that has departed.
    private static let expiries = """
        DROP INDEX messages_by_acceptance;
        DROP INDEX messages_by_expiry;
        CREATE INDEX messages_broadcast ON messages (app, accepted_at) WHERE is_broadcast = 1;
        CREATE TABLE expiries (
            stage INTEGER NOT NULL, -- 0 until they expire, 1 until they are removed
            due_at INTEGER NOT NULL,
            first INTEGER NOT NULL, -- the first of the messages
            messages TEXT NOT NULL, -- JSON list of numbers
            PRIMARY KEY (stage, due_at, first)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO expiries
        SELECT waits = 0, max(expires_at), min(id), json_group_array(id) FROM messages
        GROUP BY waits = 0, expires_at / 1000;
        ALTER TABLE departed_apps ADD COLUMN looked_through INTEGER NOT NULL DEFAULT 0;
        """

    /// When a listed message expires, beside its device: a login passes over what is over without asking the message.
    /// Rows of before say that they never do, and leave it to the message.
    private static let inboxExpiry = """
        ALTER TABLE inbox ADD COLUMN expires_at INTEGER NOT NULL DEFAULT \(Int64.max);
        """

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

    /// `waits` is where a message waits for devices: 0 nowhere (any more), 1 by device (see ``Inbox``), 2 in
    /// its own `target`.
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

    /// A receipt is appended; `sequence` counts what has piled up over the folded rows, see ``Receipts``.
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

    /// `number` is the order of creation. `live_until` is `Schedule.liveUntil`: what an app's live tasks are found by.
    ///
    /// A row of `cids` that stands for a task has its id and name, and no message.
    private static let schedules = """
        CREATE TABLE schedules (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            app INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            name TEXT NOT NULL,
            is_enabled INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            next_at INTEGER,
            last_at INTEGER NOT NULL,
            settled_at INTEGER,
            live_until INTEGER NOT NULL,
            trigger_text TEXT NOT NULL, -- JSON object, as it was sent
            push_text TEXT NOT NULL     -- JSON object, as it was sent
        ) STRICT;
        CREATE INDEX schedules_live ON schedules (app, live_until);
        CREATE INDEX schedules_due ON schedules (next_at, id) WHERE next_at IS NOT NULL;
        CREATE INDEX schedules_over ON schedules (last_at) WHERE next_at IS NULL;
        CREATE TABLE schedule_fires (
            app INTEGER NOT NULL,
            schedule TEXT NOT NULL,
            due_at INTEGER NOT NULL,
            recorded_at INTEGER NOT NULL,
            message INTEGER,       -- null where the fire failed
            code INTEGER NOT NULL,
            reason TEXT NOT NULL,
            may_retry INTEGER NOT NULL,
            PRIMARY KEY (app, schedule, due_at)
        ) STRICT, WITHOUT ROWID;
        ALTER TABLE cids ADD COLUMN schedule TEXT;
        ALTER TABLE cids ADD COLUMN schedule_name TEXT;
        """

    /// What the device family asks for: who carries an alias since when, which tags there are since when, test devices,
    /// and what was imported. Moments of binding are not clock readings but places in one order (`last_binding`).
    private static let deviceFamily = """
        ALTER TABLE devices ADD COLUMN alias_bound INTEGER; -- beside every alias
        ALTER TABLE devices ADD COLUMN test_name TEXT;
        ALTER TABLE devices ADD COLUMN test_since INTEGER;  -- beside every test_name
        ALTER TABLE devices ADD COLUMN imported_at INTEGER;
        ALTER TABLE devices ADD COLUMN import_place INTEGER; -- beside every imported_at
        UPDATE devices SET alias_bound = 0 WHERE alias IS NOT NULL;
        CREATE INDEX devices_by_alias ON devices (app, alias, alias_bound) WHERE alias IS NOT NULL;
        CREATE INDEX devices_for_tests ON devices (app, test_since, ordinal) WHERE is_test = 1;
        CREATE INDEX devices_by_import ON devices (import_place) WHERE import_place IS NOT NULL;
        -- How many devices of a platform carry a tag, and since when there is one; none without a device.
        CREATE TABLE tags (
            app INTEGER NOT NULL,
            platform INTEGER NOT NULL,
            tag TEXT NOT NULL,
            devices INTEGER NOT NULL,
            born INTEGER NOT NULL,
            PRIMARY KEY (app, platform, tag)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX tags_by_birth ON tags (app, platform, born);
        INSERT INTO tags
        SELECT app, platform, value, count(*), 0 FROM devices, json_each(devices.tags) GROUP BY app, platform, value;
        INSERT INTO counters VALUES ('last_binding', 0), ('last_import', 0);
        """
}
