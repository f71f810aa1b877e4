private import Synchronization

/// The parts of A/B tests as sets of devices.
///
/// Who is in a part depends on the device's ordinal alone and never changes, so it is worked out once, and only carried
/// on when devices have come since. Owner of its sets; what leaves is a value.
final class SplitBook: Sendable {
    /// Parts that are kept; beyond it all are forgotten and worked out anew.
    private static let partsMax = 128

    private struct Part {
        var members = Ordinals()
        /// Every ordinal below it has been decided.
        var end: Ordinal = 0
    }

    private let parts = Mutex<[ABTest.Membership: Part]>([:])

    /// The ordinals of a part, those below `end` at least.
    func members(of membership: ABTest.Membership, below end: Ordinal) -> Ordinals {
        var part = self.parts.withLock { $0[membership] } ?? Part()
        guard part.end < end else { return part.members }
        // Outside the lock: with millions of devices the first time takes a while.
        part.members.insert(contentsOf: (part.end..<end).filter(membership.includes))
        part.end = end
        self.parts.withLock { parts in
            if parts.count >= Self.partsMax { parts = [:] }
            parts[membership] = part
        }
        return part.members
    }
}
