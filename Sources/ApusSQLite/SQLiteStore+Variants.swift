package import ApusCore
internal import GRDB

// What operators keep under names, push plans, and what user statistics are counted from.
extension SQLiteStore {
    package func createDefinition(_ definition: Definition) async throws(StoreError) -> Bool {
        try await self.write { db in try Definitions.create(definition, in: db) }
    }

    package func definition(
        _ kind: Definition.Kind, _ name: String, of app: AppID
    ) async throws(StoreError) -> Definition? {
        try await self.read { db in try Definitions.definition(kind, name, of: app, in: db) }
    }

    package func definitions(_ kind: Definition.Kind, of app: AppID) async throws(StoreError) -> [Definition] {
        try await self.read { db in try Definitions.definitions(kind, of: app, in: db) }
    }

    package func deleteDefinition(
        _ kind: Definition.Kind, _ name: String, of app: AppID
    ) async throws(StoreError) -> Bool {
        try await self.write { db in try Definitions.delete(kind, name, of: app, in: db) }
    }

    package func createPlan(_ plan: PushPlan, of app: AppID) async throws(StoreError) -> PushPlanCreation {
        try await self.write { db in try Plans.create(plan, of: app, in: db) }
    }

    package func describePlan(
        _ name: String, _ description: String, of app: AppID
    ) async throws(StoreError) -> Bool {
        try await self.write { db in try Plans.describe(name, description, of: app, in: db) }
    }

    package func plan(_ name: String, of app: AppID) async throws(StoreError) -> PushPlan? {
        try await self.read { db in try Plans.plan(name, of: app, in: db) }
    }

    package func plans(of app: AppID, holding text: String?) async throws(StoreError) -> [PushPlan] {
        try await self.read { db in try Plans.plans(of: app, holding: text, in: db) }
    }

    package func online(of app: AppID, from: Timestamp, until: Timestamp) async throws(StoreError) -> Ordinals {
        try await self.read { db in try DeviceHours.online.ordinals(of: app, from: from, until: until, in: db) }
    }

    package func registered(
        of app: AppID, from: Timestamp, until: Timestamp
    ) async throws(StoreError) -> PlatformCounts {
        try await self.read { db in try Devices.registered(of: app, from: from, until: until, in: db) }
    }
}
