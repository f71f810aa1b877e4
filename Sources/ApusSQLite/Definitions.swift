internal import ApusCore
internal import GRDB

/// The rows of `definitions`: what operators keep under names.
enum Definitions {
    /// - Returns: false when there is no such app.
    /// - Throws: ``StoreError/conflict`` when the name is taken.
    static func create(_ definition: Definition, in db: Database) throws -> Bool {
        guard try Apps.exists(definition.app, in: db) else { return false }
        let inserted = try db.run(
            """
            INSERT INTO definitions (app, kind, name, text, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            definition.app.number, definition.kind.rawValue, definition.name, DatabaseValue.blob(definition.text),
            definition.createdAt.milliseconds)
        guard inserted == 1 else { throw StoreError.conflict }
        return true
    }

    static func definition(
        _ kind: Definition.Kind, _ name: String, of app: AppID, in db: Database
    ) throws -> Definition? {
        try db.first(
            "SELECT app, kind, name, text, created_at FROM definitions WHERE app = ? AND kind = ? AND name = ?",
            app.number, kind.rawValue, name, read: Self.definition)
    }

    static func definitions(_ kind: Definition.Kind, of app: AppID, in db: Database) throws -> [Definition] {
        try db.all(
            "SELECT app, kind, name, text, created_at FROM definitions WHERE app = ? AND kind = ? ORDER BY name",
            app.number, kind.rawValue, read: Self.definition)
    }

    static func delete(_ kind: Definition.Kind, _ name: String, of app: AppID, in db: Database) throws -> Bool {
        try db.run(
            "DELETE FROM definitions WHERE app = ? AND kind = ? AND name = ?", app.number, kind.rawValue, name) == 1
    }

    private static func definition(_ row: Row) throws -> Definition {
        let cells = Cells(row, of: "definitions", keyWidth: 3)
        return Definition(
            kept: try cells.bytes(3), app: AppID(try cells.integer(0)),
            kind: try cells.value(1, Definition.Kind(rawValue: cells.number(1))), name: try cells.text(2),
            createdAt: try cells.timestamp(4))
    }
}

/// The rows of `plans`: names that pushes are counted under.
enum Plans {
    private static let columns = "app, name, description, push_count, created_at, last_used_at"

    static func create(_ plan: PushPlan, of app: AppID, in db: Database) throws -> PushPlanCreation {
        guard try Self.plan(plan.name, of: app, in: db) == nil else { return .nameTaken }
        guard try Self.plans(of: app, in: db).count < PushPlan.countMax else { return .full }
        try db.run(
            "INSERT INTO plans (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?)", app.number, plan.name, plan.description,
            plan.pushCount, plan.createdAt.milliseconds, plan.lastUsedAt?.milliseconds)
        return .created
    }

    static func describe(_ name: String, _ description: String, of app: AppID, in db: Database) throws -> Bool {
        try db.run("UPDATE plans SET description = ? WHERE app = ? AND name = ?", description, app.number, name) == 1
    }

    /// Counts one push. A plan that went with its app is nothing to count under.
    static func count(_ name: String, of app: AppID, at now: Timestamp, in db: Database) throws {
        try db.run(
            """
            UPDATE plans SET push_count = push_count + 1, last_used_at = max(coalesce(last_used_at, ?1), ?1)
            WHERE app = ?2 AND name = ?3
            """,
            now.milliseconds, app.number, name)
    }

    static func plan(_ name: String, of app: AppID, in db: Database) throws -> PushPlan? {
        try db.first(
            "SELECT \(Self.columns) FROM plans WHERE app = ? AND name = ?", app.number, name, read: Self.plan)
    }

    /// - Parameter text: what a name or a description holds; nil for every plan.
    static func plans(of app: AppID, holding text: String? = nil, in db: Database) throws -> [PushPlan] {
        try db.all(
            """
            SELECT \(Self.columns) FROM plans
            WHERE app = ?1 AND (?2 IS NULL OR instr(name, ?2) > 0 OR instr(description, ?2) > 0)
            ORDER BY number LIMIT ?3
            """,
            app.number, text, PushPlan.countMax, read: Self.plan)
    }

    private static func plan(_ row: Row) throws -> PushPlan {
        let cells = Cells(row, of: "plans", keyWidth: 2)
        var plan = PushPlan(
            name: try cells.text(1), description: try cells.text(2), createdAt: try cells.timestamp(4))
        plan.pushCount = try cells.number(3)
        plan.lastUsedAt = try cells.optionalInteger(5).map(Timestamp.init(milliseconds:))
        return plan
    }
}
