import Synchronization

/// The memory that the large bodies of one listener's requests may take together, from their first bytes to the answer.
///
/// Small bodies are not counted: the number of connections bounds them.
final class BodyBudget: Sendable {
    /// Bodies up to this size pass uncounted.
    static let freeBytes = 4096

    private let bytesMax: Int
    private let taken = Mutex(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// - Returns: false when so much is not left.
    fileprivate func take(_ bytes: Int) -> Bool {
        self.taken.withLock { taken in
            guard bytes <= self.bytesMax - taken else { return false }
            taken += bytes
            return true
        }
    }

    fileprivate func giveBack(_ bytes: Int) { self.taken.withLock { $0 -= bytes } }
}

/// What one body has taken of a budget; given back when it is let go.
///
/// Owner: the request's connection, on its loop.
final class BodyShare {
    private let budget: BodyBudget
    private var bytes = 0

    init(of budget: BodyBudget) { self.budget = budget }

    deinit { self.budget.giveBack(self.bytes) }

    /// - Returns: false when the budget does not have so much left.
    func grow(by bytes: Int) -> Bool {
        guard self.budget.take(bytes) else { return false }
        self.bytes += bytes
        return true
    }
}
