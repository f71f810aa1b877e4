/// Members that are visited one by one while others come and go: each that stays is visited once per round.
///
/// The members that were visited stand before the others. Each has a rank, its place in the array, which changes when
/// another member leaves: the owner keeps it with the member.
struct VisitOrder<Member> {
    /// In no order that means anything.
    private(set) var members: ContiguousArray<Member> = []
    /// So many of them, from the first one on, were visited in this round.
    private(set) var visitedCount = 0

    /// Begins a round: nobody was visited.
    mutating func restart() { self.visitedCount = 0 }

    /// The next member that was not visited; it counts as visited then.
    mutating func next() -> Member? {
        guard self.visitedCount < self.members.count else { return nil }
        defer { self.visitedCount += 1 }
        return self.members[self.visitedCount]
    }

    /// Whether the member with this rank was visited.
    func isVisited(_ rank: Int) -> Bool { rank < self.visitedCount }

    /// Takes in a member, who is still to be visited.
    ///
    /// - Returns: its rank.
    mutating func append(_ member: Member) -> Int {
        self.members.append(member)
        return self.members.count - 1
    }

    /// Takes a member out. The hole is filled by one of its own kind, visited or not.
    ///
    /// - Parameter moved: told of each member that has got another rank.
    mutating func remove(at rank: Int, moved: (Member, Int) -> Void) {
        var hole = rank
        if self.isVisited(hole) {
            self.visitedCount -= 1
            self.move(from: self.visitedCount, to: hole, moved)
            hole = self.visitedCount
        }
        self.move(from: self.members.count - 1, to: hole, moved)
        self.members.removeLast()
    }

    private mutating func move(from rank: Int, to hole: Int, _ moved: (Member, Int) -> Void) {
        guard rank != hole else { return }
        self.members[hole] = self.members[rank]
        moved(self.members[hole], hole)
    }
}
