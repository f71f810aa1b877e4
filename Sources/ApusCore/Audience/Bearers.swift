/// The devices that carry one alias: mostly one or a few, at times very many.
///
/// A plain list while they are few, since there may be as many aliases as devices and a compressed set of one costs
/// tens of times its member.
struct Bearers {
    /// How many a list holds before it becomes a set.
    private static let fewMax = 32

    private var few: [Ordinal] = []
    /// Holds all of them once they are many; ``few`` is empty then.
    private var many: Ordinals?

    var count: Int { self.many?.count ?? self.few.count }

    var isEmpty: Bool { self.many?.isEmpty ?? self.few.isEmpty }

    /// A fresh set.
    var ordinals: Ordinals {
        var result = Ordinals()
        self.add(to: &result)
        return result
    }

    func contains(_ ordinal: Ordinal) -> Bool { self.many?.contains(ordinal) ?? self.few.contains(ordinal) }

    func add(to result: inout Ordinals) {
        if let many = self.many { return result.formUnion(many) }
        for ordinal in self.few { result.insert(ordinal) }
    }

    mutating func insert(_ ordinal: Ordinal) {
        guard self.many == nil else {
            self.many?.insert(ordinal)
            return
        }
        guard !self.few.contains(ordinal) else { return }
        self.few.append(ordinal)
        guard self.few.count > Self.fewMax else { return }
        self.many = Ordinals(self.few)
        self.few = []
    }

    mutating func remove(_ ordinal: Ordinal) {
        guard self.many == nil else {
            self.many?.remove(ordinal)
            return
        }
        self.few.removeAll { $0 == ordinal }
    }
}
