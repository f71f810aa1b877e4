import ApusContract
import Synchronization

/// Where a node stands in its life, and what that means for requests.
final class NodePhase: Sendable {
    enum Phase: Sendable, Equatable { case starting, upgrading, serving, draining }

    private let phase = Mutex(Phase.starting)

    func move(to phase: Phase) { self.phase.withLock { $0 = phase } }

    /// Why requests are not served now; nil while they are.
    var refusal: Refusal? {
        switch self.phase.withLock({ $0 }) {
        case .starting: Refusal(.starting)
        case .upgrading: Refusal(.backendDown)
        case .serving: nil
        case .draining: Refusal(.draining)
        }
    }
}
