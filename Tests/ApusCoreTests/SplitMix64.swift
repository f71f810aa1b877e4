/// A small random number generator with a seed, so that a failure can be replayed.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True once in `odds` times.
    mutating func chance(oneIn odds: Int) -> Bool { Int.random(in: 0..<odds, using: &self) == 0 }

    /// Up to `most` of the elements, each at most once, in random order.
    mutating func some<Element>(of elements: [Element], most: Int) -> [Element] {
        Array(elements.shuffled(using: &self).prefix(Int.random(in: 0...most, using: &self)))
    }
}
