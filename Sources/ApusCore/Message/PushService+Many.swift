extension PushService {
    /// Accepts the items of a batch, each a push of its own: one that is refused does not hold up the others.
    ///
    /// Items for one target are accepted in their order; an item whose cid is known is answered as it was then,
    /// whatever else it says.
    /// - Returns: what became of each item, in order. Those accepted are durable.
    package func push(_ batch: BatchRequest, of app: App) async -> [Result<PushAnswer, Refusal>] {
        await batch.items.inLanes(\.target) { (item) throws(Refusal) in
            let answer = try await self.push(item, of: app)
            // Cids of pushes and tasks are one set, but a task has no msg_id that could stand here.
            guard answer.created == nil else {
                throw .bad("The key of an item", "a cid that no schedule was created with")
            }
            return answer
        }
    }

    private func push(_ item: BatchRequest.Item, of app: App) async throws(Refusal) -> PushAnswer {
        switch item.push {
        case .success(let push): return try await self.push(push, of: app)
        case .failure(let refusal):
            if let cid = item.cid, let answer = try await self.answer(to: cid, of: app) { return answer }
            throw refusal
        }
    }

    /// Accepts pushes by template, each on its own as those of a batch.
    ///
    /// - Returns: what became of each item, in order.
    /// - Throws: ``Refusal/Kind/nameUnknown`` when the app has no such template; store refusals.
    package func push(
        _ request: TemplateRequest, of app: App
    ) async throws(Refusal) -> [Result<PushAnswer, Refusal>] {
        let template = try await self.template(request.id, of: app)
        // Where two items may mean one device, all keep their order.
        let names = request.items.flatMap(\.names)
        let mayMeet = Set(names).count < names.count
        return await request.items.inLanes({ mayMeet ? "" : $0.names.first ?? "" }) { (item) throws(Refusal) in
            try await self.push(try item.push(template), of: app)
        }
    }

    /// A template of the app.
    ///
    /// - Throws: ``Refusal/Kind/nameUnknown`` when there is none of this name; store refusals.
    func template(_ name: String, of app: App) async throws(Refusal) -> PushTemplate {
        let definition: Definition?
        do { definition = try await self.store.definition(.template, name, of: app.id) } catch { throw Refusal(error) }
        guard let definition else { throw Refusal(.nameUnknown, "The template does not exist") }
        // It was checked when it was saved: that it does not read any more is no fault of the caller.
        do { return try PushTemplate(decoding: definition.text) } catch { throw Refusal(.internalFault) }
    }

    /// Lanes of one call that are under way at a time: enough to share commits well, few enough that what they take in
    /// memory (some ten kilobytes each) is bounded by the number of callers.
    static let lanesMax = 64
}

extension Array where Element: Sendable {
    /// Does one thing with every element: in order within a lane, many lanes side by side, so that all share few
    /// commits.
    ///
    /// - Returns: what became of each, in order.
    func inLanes<Lane: Hashable, Answer: Sendable>(
        _ lane: (Element) -> Lane, _ body: @escaping @Sendable (Element) async throws(Refusal) -> Answer
    ) async -> [Result<Answer, Refusal>] {
        let lanes = Dictionary(grouping: self.enumerated(), by: { lane($0.element) })
        let outcomes = await withTaskGroup(of: [(Int, Result<Answer, Refusal>)].self) { group in
            var all: [(Int, Result<Answer, Refusal>)] = []
            var waiting = Array<[(offset: Int, element: Element)]>(lanes.values)[...]
            var underWay = 0
            while true {
                while underWay < PushService.lanesMax, let lane = waiting.popFirst() {
                    underWay += 1
                    group.addTask {
                        var outcomes: [(Int, Result<Answer, Refusal>)] = []
                        for (place, item) in lane {
                            // What is refused never waits for anything: a thousand of those must not go in one turn.
                            if place.isMultiple(of: 16) { await Task.letSocketsIn() }
                            do throws(Refusal) {
                                outcomes.append((place, .success(try await body(item))))
                            } catch {
                                outcomes.append((place, .failure(error)))
                            }
                        }
                        return outcomes
                    }
                }
                guard let done = await group.next() else { return all }
                all += done
                underWay -= 1
            }
        }
        return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
