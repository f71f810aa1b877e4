CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
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
CREATE TABLE departed_apps (app INTEGER PRIMARY KEY, looked_through INTEGER NOT NULL DEFAULT 0) STRICT;
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
    is_test INTEGER NOT NULL, alias_bound INTEGER, test_name TEXT, test_since INTEGER, imported_at INTEGER, import_place INTEGER,
    PRIMARY KEY (app, ordinal)
) STRICT;
CREATE TABLE active_hours (
    app INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    ordinals BLOB NOT NULL,
    PRIMARY KEY (app, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX active_hours_by_hour ON active_hours (hour);
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
, ended_at INTEGER, ended_by INTEGER) STRICT;
CREATE INDEX messages_wide ON messages (app, id) WHERE waits = 2;
CREATE TABLE inbox (
    app INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    message INTEGER NOT NULL, expires_at INTEGER NOT NULL DEFAULT 9223372036854775807,
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
CREATE TABLE cids (
    app INTEGER NOT NULL,
    cid TEXT NOT NULL,
    message INTEGER NOT NULL,
    sendno INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, schedule TEXT, schedule_name TEXT,
    PRIMARY KEY (app, cid)
) STRICT, WITHOUT ROWID;
CREATE INDEX cids_by_expiry ON cids (expires_at);
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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
CREATE INDEX devices_by_alias ON devices (app, alias, alias_bound) WHERE alias IS NOT NULL;
CREATE INDEX devices_for_tests ON devices (app, test_since, ordinal) WHERE is_test = 1;
CREATE INDEX devices_by_import ON devices (import_place) WHERE import_place IS NOT NULL;
CREATE TABLE tags (
    app INTEGER NOT NULL,
    platform INTEGER NOT NULL,
    tag TEXT NOT NULL,
    devices INTEGER NOT NULL,
    born INTEGER NOT NULL,
    PRIMARY KEY (app, platform, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_birth ON tags (app, platform, born);
CREATE TABLE definitions (
    app INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- 0 segment, 1 A/B test, 2 template
    name TEXT NOT NULL,
    text BLOB NOT NULL,    -- JSON object
    created_at INTEGER NOT NULL,
    PRIMARY KEY (app, kind, name)
) STRICT;
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
CREATE TABLE online_hours (
    app INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    ordinals BLOB NOT NULL,
    PRIMARY KEY (app, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX online_hours_by_hour ON online_hours (hour);
CREATE INDEX devices_by_registration ON devices (app, registered_at, platform);
CREATE TABLE developers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    secret_salt BLOB NOT NULL,
    secret_digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    may_upload_files INTEGER NOT NULL
) STRICT;
CREATE TABLE developer_apps (
    app INTEGER PRIMARY KEY,
    developer INTEGER NOT NULL,
    android_package TEXT
) STRICT;
CREATE UNIQUE INDEX developer_apps_by_package ON developer_apps (developer, android_package);
CREATE TABLE groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    secret_salt BLOB NOT NULL,
    secret_digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    developer INTEGER -- null for a group that belongs to nobody in particular
) STRICT;
CREATE UNIQUE INDEX groups_by_name ON groups (developer, name);
CREATE TABLE group_apps (
    group_id INTEGER NOT NULL,
    app INTEGER NOT NULL,
    PRIMARY KEY (group_id, app)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_apps_by_app ON group_apps (app);
CREATE TABLE group_pushes (
    id INTEGER PRIMARY KEY,
    group_id INTEGER NOT NULL,
    cid TEXT,
    accepted_at INTEGER NOT NULL,
    messages TEXT NOT NULL, -- JSON list of decimal numbers
    answer BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX group_pushes_by_cid ON group_pushes (group_id, cid);
CREATE INDEX group_pushes_by_acceptance ON group_pushes (accepted_at);
CREATE TABLE certificates (
    app INTEGER NOT NULL,
    environment TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    sealed BLOB NOT NULL, -- encrypted with the key file of the data folder
    PRIMARY KEY (app, environment)
) STRICT;
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    app INTEGER,       -- either this or `developer`
    developer INTEGER,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX files_by_app ON files (app, created_at);
CREATE INDEX files_by_developer ON files (developer, created_at);
CREATE INDEX files_by_expiry ON files (expires_at);
CREATE TABLE image_sets (
    id TEXT PRIMARY KEY,
    app INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    urls TEXT NOT NULL, -- JSON object: key of the wire, URL
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX image_sets_by_app ON image_sets (app, id);
CREATE INDEX image_sets_by_expiry ON image_sets (expires_at);
CREATE TABLE pictures (
    id TEXT PRIMARY KEY,
    image_set TEXT NOT NULL
) STRICT;
CREATE INDEX pictures_by_image_set ON pictures (image_set);
CREATE TABLE upload_chunks (
    upload TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (upload, sequence)
) STRICT;
CREATE INDEX upload_chunks_by_age ON upload_chunks (created_at);
CREATE INDEX messages_broadcast ON messages (app, accepted_at) WHERE is_broadcast = 1;
CREATE TABLE expiries (
    stage INTEGER NOT NULL, -- 0 until they expire, 1 until they are removed
    due_at INTEGER NOT NULL,
    first INTEGER NOT NULL, -- the first of the messages
    messages TEXT NOT NULL, -- JSON list of numbers
    PRIMARY KEY (stage, due_at, first)
) STRICT, WITHOUT ROWID;
INSERT INTO grdb_migrations VALUES ('v1');
INSERT INTO grdb_migrations VALUES ('v2-schedules');
INSERT INTO grdb_migrations VALUES ('v2-variants');
INSERT INTO grdb_migrations VALUES ('v3-devices');
INSERT INTO grdb_migrations VALUES ('v4-accounts');
INSERT INTO grdb_migrations VALUES ('v5-trace');
INSERT INTO grdb_migrations VALUES ('v6-inbox');
INSERT INTO grdb_migrations VALUES ('v7-expiries');
INSERT INTO grdb_migrations VALUES ('v8-inbox-expiry');
INSERT INTO apps VALUES (1, 'aaaaaaaaaaaaaaaaaaaaaaaa', 'first app', X'000102030405060708090A0B0C0D0E0F', X'44DDE22704FE36CADBEDDE1BF243D5B36C228A8138E9B1F3B60BF6A9E7DFC3F7', 1700000000000, 0, 1, '["10.0.0.0/8"]', '{"push_per_minute":7}');
INSERT INTO apps VALUES (2, 'bbbbbbbbbbbbbbbbbbbbbbbb', 'second app', X'000102030405060708090A0B0C0D0E0F', X'26C16FAD1608049BD50FB8BAC220723885FE521C78D266E56418C55C28A19083', 1700000000000, 1, 0, '[]', '{}');
INSERT INTO departed_apps VALUES (9, 0);
INSERT INTO devices VALUES (1, 0, '1a-1-0', X'000102030405060708090A0B0C0D0E0F', X'2B47ACB4451E07D41D9E0C6F3A8FD397B63A9C565A166DB087ADAC98B268495C', 0, '["news","sport"]', 'alice', '13800000000', '{"fcm":"token"}', '{"model":"m"}', 1700000000000, 1700000000005, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO devices VALUES (1, 1, '1a-1-1', NULL, NULL, 1, '["news"]', NULL, NULL, '{}', '{}', 1700000000001, NULL, 1, NULL, NULL, NULL, NULL, NULL);
INSERT INTO devices VALUES (1, 2, '1a-1-2', NULL, NULL, 0, '[]', 'alice', NULL, '{}', '{}', 1700000000002, NULL, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO devices VALUES (1, 3, '1a-1-3', NULL, NULL, 0, '["sport"]', 'bob', NULL, '{}', '{}', 1700000000003, NULL, 1, 1, 'bench', 1700000000004, 1700000000005, 1);
INSERT INTO active_hours VALUES (1, 472222, X'3A30000001000000000001001000000000000200');
INSERT INTO messages VALUES (100, 1, 1, 0, 1700000000000, 1700086400000, 86400, 0, 0, NULL, '{"android":2,"ios":1}', '{"android":1}', X'3A300000010000000000020010000000000001000200', X'7B226E223A3130307D', NULL, NULL);
INSERT INTO messages VALUES (101, 1, 2, 0, 1700000000001, 1700086400001, 86400, 30, 1, NULL, '{"android":65}', '{}', X'3A30000001000000000040001000000000000100020003000400050006000700080009000A000B000C000D000E000F0010001100120013001400150016001700180019001A001B001C001D001E001F0020002100220023002400250026002700280029002A002B002C002D002E002F0030003100320033003400350036003700380039003A003B003C003D003E003F004000', X'7B226E223A3130317D', NULL, NULL);
INSERT INTO messages VALUES (102, 1, 0, 1, 1700000000002, 1700086400002, 86400, 0, 0, NULL, '{"android":1}', '{}', X'3A3000000100000000000000100000000000', X'7B226E223A3130327D', NULL, NULL);
INSERT INTO messages VALUES (103, 1, 0, 2, 1700000000003, 1700086400003, 86400, 0, 0, NULL, '{"android":1}', '{}', X'3A3000000100000000000000100000000000', X'7B226E223A3130337D', 1700000000004, 104);
INSERT INTO messages VALUES (104, 1, 1, 0, 1700000000004, 1700086400004, 86400, 0, 0, 103, '{"android":1}', '{}', X'3A3000000100000000000000100000000000', X'7B226E223A3130347D', NULL, NULL);
INSERT INTO inbox VALUES (1, 1, 100, 9223372036854775807);
INSERT INTO inbox VALUES (1, 2, 100, 9223372036854775807);
INSERT INTO receipts VALUES (100, 0, 0, 1700000000010, X'3A30000001000000000001001000000000000100');
INSERT INTO receipts VALUES (100, 1, 0, 1700000000011, X'3A3000000100000000000000100000000000');
INSERT INTO receipts VALUES (100, 1, 1, 1700000000012, X'3A3000000100000000000000100000000000');
INSERT INTO receipts VALUES (100, 3, 1, 1700000000013, X'3A3000000100000000000000100000000000');
INSERT INTO cids VALUES (1, 'once', 100, 5, 1700086400000, NULL, NULL);
INSERT INTO cids VALUES (1, 'task', 0, 0, 1700086400000, '0123abcd-0123-11ee-8000-0123456789ab', 'daily');
INSERT INTO counters VALUES ('inbox_listed', 102);
INSERT INTO counters VALUES ('inbox_listing', 103);
INSERT INTO counters VALUES ('last_binding', 1);
INSERT INTO counters VALUES ('last_import', 1);
INSERT INTO counters VALUES ('last_message', 104);
INSERT INTO schedules VALUES (1, '0123abcd-0123-11ee-8000-0123456789ab', 1, 3, 'daily', 1, 1700000000000, 1700003600000, 1700007200000, 1699996400000, 1700007200000, '{"single":{"time":"2023-11-15 07:13:20"}}', '{"n":1}');
INSERT INTO schedule_fires VALUES (1, '0123abcd-0123-11ee-8000-0123456789ab', 1699992800000, 1699992800010, NULL, 1011, 'nobody', 1);
INSERT INTO schedule_fires VALUES (1, '0123abcd-0123-11ee-8000-0123456789ab', 1699996400000, 1699996400010, 100, 0, '', 0);
INSERT INTO tags VALUES (1, 0, 'news', 1, 0);
INSERT INTO tags VALUES (1, 0, 'sport', 2, 0);
INSERT INTO tags VALUES (1, 1, 'news', 1, 0);
INSERT INTO definitions VALUES (1, 2, 'greeting', X'7B2274223A317D', 1700000000000);
INSERT INTO plans VALUES (1, 1, 'spring', 'sale', 4, 1700000000000, 1700000000009);
INSERT INTO online_hours VALUES (1, 472222, X'3A30000001000000000001001000000001000200');
INSERT INTO developers VALUES (1, 'dddddddddddddddddddddddd', 'dev', X'000102030405060708090A0B0C0D0E0F', X'EEFC2964855234AD0E17E2042CCF03601F1A02600EB6B4970C64F0A28A75B4D8', 1700000000000, 1);
INSERT INTO developer_apps VALUES (1, 1, 'com.example');
INSERT INTO groups VALUES (1, 'eeeeeeeeeeeeeeeeeeeeeeee', 'both', X'000102030405060708090A0B0C0D0E0F', X'C09466760FAC7AAE0F437304784582EFD7A451E4520A973AC9733CC7DF25361D', 1700000000000, 1);
INSERT INTO group_apps VALUES (1, 1);
INSERT INTO group_apps VALUES (1, 2);
INSERT INTO group_pushes VALUES (500, 1, 'group-once', 1700000000000, '["100"]', X'7B2267223A317D');
INSERT INTO certificates VALUES (1, 'production', X'0102', 1700000000001, X'030405');
INSERT INTO files VALUES ('file-1', 1, NULL, 'alias', 'list.txt', 2, 1700000000000, 1700086400000);
INSERT INTO image_sets VALUES ('set-1', 1, 1, '{"oppo":"http://127.0.0.1/p"}', 1700000000000, 1700086400000);
INSERT INTO pictures VALUES ('picture-1', 'set-1');
INSERT INTO upload_chunks VALUES ('file-1', 0, 1700000000000, X'616C696365');
INSERT INTO upload_chunks VALUES ('file-1', 1, 1700000000000, X'0A626F62');
INSERT INTO upload_chunks VALUES ('picture-1', 0, 1700000000000, X'89504E47');
INSERT INTO expiries VALUES (0, 1700086400004, 100, '[100,101,104]');
INSERT INTO expiries VALUES (1, 1700086400003, 102, '[102,103]');
