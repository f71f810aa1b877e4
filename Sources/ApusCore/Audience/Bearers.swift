/// The devices that carry one alias: mostly one, at times a few or very many.
///
/// There may be as many aliases as devices, and a compressed set of one costs tens of times its member: so one is kept
/// in place, and a few in a plain list.
enum Bearers {
    /// How many a list holds before it becomes a set.
    private static let fewMax = 32

    case one(Ordinal)
    /// None, or two and more.
    case few([Ordinal])
    case many(Ordinals)

    init() { self = .few([]) }

    var count: Int {
        switch self {
        case .one: 1
        case .few(let list): list.count
        case .many(let set): set.count
        }
    }

    var isEmpty: Bool {
        switch self {
        case .one: false
        case .few(let list): list.isEmpty
        case .many(let set): set.isEmpty
        }
    }

    /// A fresh set.
    var ordinals: Ordinals {
        var result = Ordinals()
        self.add(to: &result)
        return result
    }

    func contains(_ ordinal: Ordinal) -> Bool {
        switch self {
        case .one(let only): only == ordinal
        case .few(let list): list.contains(ordinal)
        case .many(let set): set.contains(ordinal)
        }
    }

    func add(to result: inout Ordinals) {
        switch self {
        case .one(let only): result.insert(only)
        case .few(let list): result.insert(contentsOf: list)
        case .many(let set): result.formUnion(set)
        }
    }

    mutating func insert(_ ordinal: Ordinal) {
        guard !self.contains(ordinal) else { return }
        switch self {
        case .one(let only): self = .few([only, ordinal])
        case .few(let list) where list.isEmpty: self = .one(ordinal)
        case .few(let list): self = list.count < Self.fewMax ? .few(list + [ordinal]) : .many(Ordinals(list + [ordinal]))
        case .many(var set):
            // Let go of it first: a set that is referred to twice is copied when it changes.
            self = .few([])
            set.insert(ordinal)
            self = .many(set)
        }
    }

    mutating func remove(_ ordinal: Ordinal) {
        guard self.contains(ordinal) else { return }
        switch self {
        case .one: self = .few([])
        case .few(let list):
            let rest = list.filter { $0 != ordinal }
            self = rest.count == 1 ? .one(rest[0]) : .few(rest)
        case .many(var set):
            self = .few([])
            set.remove(ordinal)
            self = .many(set)
        }
    }
}
