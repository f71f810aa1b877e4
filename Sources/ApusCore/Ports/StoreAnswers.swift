/// What the store answered about many at once.
///
/// Where something of one of them is corrupt, the store is asked about each by itself, so that it spoils nobody else's
/// answer. Any other failure is everybody's: asking again for each would only keep them waiting.
struct StoreAnswers<Key: Hashable & Sendable, Answer: Sendable>: Sendable {
    private var answers: [Key: Answer] = [:]
    private var failures: [Key: StoreError] = [:]

    /// - Parameter ask: what there is about these; those about whom there is nothing are absent.
    init(
        about keys: [Key], _ ask: ([Key]) async throws(StoreError) -> [Key: Answer]
    ) async {
        guard !keys.isEmpty else { return }
        do throws(StoreError) {
            self.answers = try await ask(keys)
        } catch {
            if case .corrupt = error, keys.count > 1 {
                await self.askOneByOne(about: keys, ask)
            } else {
                self.fail(keys, error)
            }
        }
    }

    /// - Returns: nil when there is nothing.
    func answer(about key: Key) throws(StoreError) -> Answer? {
        if let failure = self.failures[key] { throw failure }
        return self.answers[key]
    }

    private mutating func askOneByOne(
        about keys: [Key], _ ask: ([Key]) async throws(StoreError) -> [Key: Answer]
    ) async {
        for (index, key) in keys.enumerated() {
            do throws(StoreError) {
                self.answers.merge(try await ask([key])) { _, newer in newer }
            } catch {
                guard case .corrupt = error else { return self.fail(keys[index...], error) }
                self.failures[key] = error
            }
        }
    }

    private mutating func fail(_ keys: some Sequence<Key>, _ error: StoreError) {
        for key in keys { self.failures[key] = error }
    }
}
