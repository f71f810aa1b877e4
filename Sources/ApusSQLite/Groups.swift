internal import ApusCore
internal import GRDB

/// The rows of `groups`, of their apps and of their pushes.
enum Groups {
    static let table = """
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
        """

    static func all(in db: Database) throws -> [AppGroup] {
        var members: [GroupID: [AppID]] = [:]
        for (group, app) in try db.all(
            "SELECT group_id, app FROM group_apps ORDER BY group_id, app",
            read: { row in
                let cells = Cells(row, of: "group_apps", keyWidth: 2)
                return (GroupID(try cells.integer(0)), AppID(try cells.integer(1)))
            })
        {
            members[group, default: []].append(app)
        }
        return try db.all(
            "SELECT id, key, name, secret_salt, secret_digest, created_at, developer FROM groups ORDER BY id"
        ) { row in
            let cells = Cells(row, of: "groups")
            let id = GroupID(try cells.integer(0))
            return AppGroup(
                id: id, key: try cells.value(1, AccountKey(cells.text(1))), name: try cells.text(2),
                secret: try cells.value(3, cells.secret(3)), createdAt: try cells.timestamp(5),
                developer: try cells.optionalInteger(6).map { DeveloperID($0) }, members: members[id] ?? [])
        }
    }

    static func create(_ group: AppGroup, in db: Database) throws -> AppGroup {
        let inserted = try db.run(
            """
            INSERT INTO groups (key, name, secret_salt, secret_digest, created_at, developer)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            group.key.text, group.name, DatabaseValue.blob(group.secret.salt),
            DatabaseValue.blob(group.secret.digest), group.createdAt.milliseconds, group.developer?.number)
        guard inserted == 1 else { throw StoreError.conflict }
        var created = group
        created.id = GroupID(db.lastInsertedRowID)
        try Self.replaceMembers(of: created, in: db)
        return created
    }

    static func update(_ group: AppGroup, in db: Database) throws {
        try db.run(
            "UPDATE groups SET name = ?, secret_salt = ?, secret_digest = ?, developer = ? WHERE id = ?",
            group.name, DatabaseValue.blob(group.secret.salt), DatabaseValue.blob(group.secret.digest),
            group.developer?.number, group.id.number)
        try Self.replaceMembers(of: group, in: db)
    }

    static func delete(_ id: GroupID, in db: Database) throws -> Bool {
        guard try db.run("DELETE FROM groups WHERE id = ?", id.number) == 1 else { return false }
        try db.run("DELETE FROM group_apps WHERE group_id = ?", id.number)
        try db.run("DELETE FROM group_pushes WHERE group_id = ?", id.number)
        return true
    }

    /// Puts an app into the group of the developer that has this one's name; makes the group when there is none.
    static func join(_ app: AppID, _ group: AppGroup, in db: Database) throws {
        let found = try db.first(
            "SELECT id FROM groups WHERE developer = ? AND name = ?", group.developer?.number, group.name
        ) { row in try Cells(row, of: "groups").integer(0) }
        let id = try found ?? Self.create(group, in: db).id.number
        try db.run("INSERT OR IGNORE INTO group_apps (group_id, app) VALUES (?, ?)", id, app.number)
    }

    private static func replaceMembers(of group: AppGroup, in db: Database) throws {
        try db.run("DELETE FROM group_apps WHERE group_id = ?", group.id.number)
        for app in group.members {
            // An app that was deleted meanwhile is no member.
            try db.run(
                "INSERT OR IGNORE INTO group_apps (group_id, app) SELECT ?, id FROM apps WHERE id = ?",
                group.id.number, app.number)
        }
    }
}

extension Groups {
    private static let pushColumns = "id, group_id, cid, accepted_at, messages, answer"

    static func keep(_ push: GroupPush, in db: Database) throws {
        if let cid = push.cid {
            try db.run("DELETE FROM group_pushes WHERE group_id = ? AND cid = ?", push.group.number, cid.text)
        }
        try db.run(
            "INSERT INTO group_pushes (\(Self.pushColumns)) VALUES (?, ?, ?, ?, ?, ?)", push.id.number,
            push.group.number, push.cid?.text, push.acceptedAt.milliseconds,
            CellJSON.text(list: push.messages.map(\.text)), DatabaseValue.blob(push.answer))
    }

    static func push(_ id: GroupMessageID, of group: GroupID, in db: Database) throws -> GroupPush? {
        try db.first(
            "SELECT \(Self.pushColumns) FROM group_pushes WHERE id = ? AND group_id = ?", id.number, group.number
        ) { row in try Self.push(Cells(row, of: "group_pushes")) }
    }

    static func push(cid: CID, of group: GroupID, since: Timestamp, in db: Database) throws -> GroupPush? {
        try db.first(
            "SELECT \(Self.pushColumns) FROM group_pushes WHERE group_id = ? AND cid = ? AND accepted_at > ?",
            group.number, cid.text, since.milliseconds
        ) { row in try Self.push(Cells(row, of: "group_pushes")) }
    }

    /// - Returns: how many rows went.
    static func expirePushes(before cutoff: Timestamp, limit: Int, in db: Database) throws -> Int {
        try db.run(
            "DELETE FROM group_pushes WHERE id IN (SELECT id FROM group_pushes WHERE accepted_at < ? LIMIT ?)",
            cutoff.milliseconds, limit)
    }

    private static func push(_ cells: Cells) throws -> GroupPush {
        let messages = try cells.value(4, CellJSON.list(cells.text(4)))
        return GroupPush(
            id: GroupMessageID(try cells.integer(0)), group: GroupID(try cells.integer(1)),
            cid: try cells.optionalText(2).map { text in try cells.value(2, CID(text)) },
            acceptedAt: try cells.timestamp(3),
            messages: try messages.map { try cells.value(4, MessageID(decimal: $0)) }, answer: try cells.bytes(5))
    }
}
