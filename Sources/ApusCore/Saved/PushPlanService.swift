/// The push plans of the apps.
package final class PushPlanService: Sendable {
    private let store: any Store
    private let clocks: Clocks

    package init(store: any Store, clocks: Clocks) {
        self.store = store
        self.clocks = clocks
    }

    /// Makes a plan; durable when it returns.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` when the name is taken, ``Refusal/Kind/kindLimitExceeded`` when the app has
    ///   as many as it may.
    package func create(_ plan: PushPlanRequest, of app: AppID) async throws(Refusal) {
        let plan = PushPlan(name: plan.name, description: plan.description ?? "", createdAt: self.clocks.now())
        let outcome: PushPlanCreation
        do { outcome = try await self.store.createPlan(plan, of: app) } catch { throw Refusal(error) }
        switch outcome {
        case .created: return
        case .nameTaken: throw .bad("name", "a new one: a push plan of this name exists")
        case .full: throw Refusal(.kindLimitExceeded, "Exceeds the limit of \(PushPlan.countMax) push plans")
        }
    }

    /// Replaces the description of a plan, where the caller sends one; durable when it returns.
    ///
    /// - Throws: ``Refusal/Kind/nameUnknown``.
    package func update(_ plan: PushPlanRequest, of app: AppID) async throws(Refusal) {
        do {
            let isThere =
                if let description = plan.description {
                    try await self.store.describePlan(plan.name, description, of: app)
                } else {
                    try await self.store.plan(plan.name, of: app) != nil
                }
            if isThere { return }
        } catch {
            throw Refusal(error)
        }
        throw Refusal(.nameUnknown, "The push plan does not exist")
    }

    /// One page of the plans that a query selects, in order of creation, and how many it selects in all.
    package func list(_ query: PushPlanQuery, of app: AppID) async throws(Refusal) -> (total: Int, page: [PushPlan]) {
        // The portal that others come from is not here.
        guard query.source != .portal else { return (0, []) }
        let plans: [PushPlan]
        do { plans = try await self.store.plans(of: app, holding: query.text) } catch { throw Refusal(error) }
        let (start, overflow) = (query.page - 1).multipliedReportingOverflow(by: query.pageSize)
        return (plans.count, overflow ? [] : Array(plans.dropFirst(start).prefix(query.pageSize)))
    }
}
