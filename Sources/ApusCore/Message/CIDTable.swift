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

    private let running = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])

    /// Runs the body alone among all pushes with this cid; the others wait and then find its answer in the store.
    func alone<Answer>(
        _ cid: CID, of owner: Owner, _ body: () async throws(Refusal) -> Answer
    ) async throws(Refusal) -> Answer {
        let key = Key(owner: owner, cid: cid)
        await self.enter(key)
        defer { self.leave(key) }
        return try await body()
    }

    private func enter(_ key: Key) async {
        await withCheckedContinuation { continuation in
            let isFree = self.running.withLock { running in
                guard running[key] != nil else {
                    running[key] = []
                    return true
                }
                running[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Hands over to the one who has waited longest.
    private func leave(_ key: Key) {
        let next = self.running.withLock { running -> CheckedContinuation<Void, Never>? in
            guard let waiting = running[key], !waiting.isEmpty else {
                running[key] = nil
                return nil
            }
            return running[key]?.removeFirst()
        }
        next?.resume()
    }
}
