private import Synchronization

/// Idempotency: one push per cid, whoever sends it again, at the same time or after a restart.
///
/// Answers are kept in the store, in the transaction of their message. This table only holds those who are at it now.
/// `Owner` is who the ids are scoped to.
final class CIDTable<Owner: Hashable & Sendable>: Sendable {
    private struct Key: Hashable {
        let owner: Owner
        let cid: CID
    }

    private struct Waiter {
        let number: UInt64
        /// Resumed with whether its turn has come.
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        /// Who waits for whoever is at it; a key is there while somebody is.
        var running: [Key: [Waiter]] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())
    /// How long somebody waits for another one with the same cid.
    private let waitSeconds: Int

    init(waitSeconds: Int) { self.waitSeconds = waitSeconds }

    /// Runs the body alone among all pushes with this cid; the others wait and then find its answer in the store.
    ///
    /// - Throws: what the body throws; ``Refusal/Kind/backendSlow`` when the turn does not come within the time, or the
    ///   caller has left.
    func alone<Answer>(
        _ cid: CID, of owner: Owner, _ body: () async throws(Refusal) -> Answer
    ) async throws(Refusal) -> Answer {
        let key = Key(owner: owner, cid: cid)
        guard await self.enter(key) else {
            throw Refusal(.backendSlow, "A push with this cid is still being processed, retry later")
        }
        defer { self.leave(key) }
        return try await body()
    }

    /// - Returns: whether the turn has come.
    private func enter(_ key: Key) async -> Bool {
        let number = self.state.withLock { state -> UInt64? in
            guard state.running[key] != nil else {
                state.running[key] = []
                return nil
            }
            state.lastNumber += 1
            return state.lastNumber
        }
        guard let number else { return true }
        var limit: Task<Void, any Error>?
        defer { limit?.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.wait(key, number, continuation)
                // Not before: whoever is to give up must be there to be found.
                limit = Task {
                    try await Task.sleep(for: .seconds(self.waitSeconds))
                    self.giveUp(key, number)
                }
            }
        } onCancel: {
            self.giveUp(key, number)
        }
    }

    private func wait(_ key: Key, _ number: UInt64, _ continuation: CheckedContinuation<Bool, Never>) {
        let verdict = self.state.withLock { state -> Bool? in
            if Task.isCancelled { return false }
            guard state.running[key] != nil else {
                // Whoever was at it has finished meanwhile.
                state.running[key] = []
                return true
            }
            state.running[key]?.append(Waiter(number: number, continuation: continuation))
            return nil
        }
        if let verdict { continuation.resume(returning: verdict) }
    }

    private func giveUp(_ key: Key, _ number: UInt64) {
        let waiter = self.state.withLock { state -> Waiter? in
            guard let index = state.running[key]?.firstIndex(where: { $0.number == number }) else { return nil }
            return state.running[key]?.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }

    /// Hands over to the one who has waited longest.
    private func leave(_ key: Key) {
        let next = self.state.withLock { state -> Waiter? in
            guard let waiting = state.running[key], !waiting.isEmpty else {
                state.running[key] = nil
                return nil
            }
            return state.running[key]?.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
