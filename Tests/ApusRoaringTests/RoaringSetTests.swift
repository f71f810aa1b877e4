import ApusRoaring
import Testing

@Suite struct `A Roaring set` {
    /// A seeded generator, so that a failure can be replayed.
    struct SplitMix64: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = self.state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// Sparse, dense and clustered numbers, so that every kind of container is met.
    func numbers(_ generator: inout SplitMix64) -> Set<UInt32> {
        var numbers: Set<UInt32> = []
        for _ in 0..<Int.random(in: 0...200, using: &generator) {
            numbers.insert(.random(in: .min ... .max, using: &generator))
        }
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            let start = UInt32.random(in: 0...200_000, using: &generator)
            for number in start..<(start + .random(in: 1...9_000, using: &generator)) { numbers.insert(number) }
        }
        return numbers
    }

    @Test(arguments: 1...40)
    func `agrees with a set of the standard library`(seed: UInt64) {
        var generator = SplitMix64(state: seed)
        let (left, right) = (self.numbers(&generator), self.numbers(&generator))
        let (a, b) = (RoaringSet(left), RoaringSet(right))
        #expect(a.members == left.sorted())
        #expect(a.count == left.count && a.isEmpty == left.isEmpty && a.max == left.max())
        #expect(a.union(b).members == left.union(right).sorted())
        #expect(a.intersection(b).members == left.intersection(right).sorted())
        #expect(a.subtracting(b).members == left.subtracting(right).sorted())
        #expect(a.intersectionCount(b) == left.intersection(right).count)
        #expect(a.intersects(b) == !left.isDisjoint(with: right))
        var (or, and, not) = (a, a, a)
        or.formUnion(b)
        and.formIntersection(b)
        not.subtract(b)
        #expect(or == a.union(b) && and == a.intersection(b) && not == a.subtracting(b))
        #expect(RoaringSet(portableBytes: a.portableBytes) == a)
        let probe = UInt32.random(in: 0...300_000, using: &generator)
        #expect(a.rank(of: probe) == left.count { $0 < probe })
        #expect(a.members(ranked: 3..<17) == Array(left.sorted().dropFirst(3).prefix(14)))
    }

    /// None and one are kept in place: every pair of small sets, in both forms, against the standard library.
    @Test func `of few members does what a large one does`() {
        let small: [Set<UInt32>] = [[], [7], [70_000], [7, 70_000], [7, 8, .max]]
        for left in small {
            for right in small {
                for (a, b) in [left, left.union([9])].flatMap({ one in
                    [right, right.union([9])].map { (RoaringSet(one.sorted()), RoaringSet($0.sorted())) }
                }) {
                    var (a, b) = (a, b)
                    // A bitmap that has lost a member is a bitmap still.
                    a.remove(9)
                    b.remove(9)
                    #expect((a == b) == (left == right))
                    #expect(a.members == left.sorted() && a.count == left.count && a.max == left.max())
                    #expect(a.isEmpty == left.isEmpty && a.rank(of: 8) == left.count { $0 < 8 })
                    #expect(a.members(ranked: 0..<2) == Array(left.sorted().prefix(2)))
                    #expect(a.union(b).members == left.union(right).sorted())
                    #expect(a.intersection(b).members == left.intersection(right).sorted())
                    #expect(a.subtracting(b).members == left.subtracting(right).sorted())
                    #expect(a.intersectionCount(b) == left.intersection(right).count)
                    #expect(a.intersects(b) == !left.isDisjoint(with: right))
                    var (or, and, not, all) = (a, a, a, a)
                    or.formUnion(b)
                    and.formIntersection(b)
                    not.subtract(b)
                    all.insert(contentsOf: right.sorted())
                    #expect(or == a.union(b) && and == a.intersection(b) && not == a.subtracting(b) && all == or)
                    #expect(a.members == left.sorted() && b.members == right.sorted())
                    #expect(a.insert(7) == !left.contains(7) && a.remove(7) && !a.remove(7))
                }
            }
        }
    }

    /// The bytes in a store are those of the C library, whatever form a set has here.
    @Test(arguments: [[], [0], [7], [65_535], [65_536], [.max]] as [[UInt32]])
    func `of none and of one is written as a bitmap would be`(_ members: [UInt32]) {
        let set = RoaringSet(members)
        var bitmap = RoaringSet([1, 2])
        for member in members { bitmap.insert(member) }
        for member in [1, 2] as [UInt32] where !members.contains(member) { bitmap.remove(member) }
        #expect(set.portableBytes == bitmap.portableBytes && set.sizeBytes == set.portableBytes.count)
        #expect(RoaringSet(portableBytes: set.portableBytes) == set && set.optimized() == bitmap.optimized())
    }

    @Test func `keeps a copy when the original changes`() {
        var original = RoaringSet([1, 2, 3])
        let copy = original
        #expect(original.insert(4) && !original.insert(4))
        #expect(original.remove(1) && !original.remove(1))
        #expect(copy.members == [1, 2, 3])
        #expect(original.members == [2, 3, 4])
    }

    @Test func `holds a range to its upper end`() {
        #expect(RoaringSet(5..<5).isEmpty)
        #expect(RoaringSet(5..<70_000).count == 69_995)
        #expect(RoaringSet((UInt32.max - 2)..<UInt32.max).members == [.max - 2, .max - 1])
    }

    @Test func `refuses bytes that are no whole bitmap`() {
        let bytes = RoaringSet(0..<100_000).portableBytes
        #expect(RoaringSet(portableBytes: []) == nil)
        for length in 0..<bytes.count { #expect(RoaringSet(portableBytes: Array(bytes.prefix(length))) == nil) }
        #expect(RoaringSet(portableBytes: bytes + [0]) == nil)
        #expect(RoaringSet(portableBytes: [UInt8](repeating: 0xFF, count: 64)) == nil)
    }
}
