import ApusContract
import Testing

@testable import ApusCore

@Suite struct `Names of devices` {
    /// Against a dictionary: names of every legal length, many of them equal in their first bytes.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func `are found as in a dictionary`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let letters = Array("0123456789abcdefXYZ_-")
        func name() throws -> RegistrationID {
            let count = Int.random(in: 1...(seed.isMultiple(of: 2) ? 3 : 64), using: &random)
            return try #require(
                RegistrationID(String((0..<count).map { _ in letters.randomElement(using: &random) ?? "0" })))
        }
        var (table, oracle, taken) = (NameTable(), [RegistrationID: Ordinal](), Set<Ordinal>())
        for _ in 0..<Int.random(in: 0...3000, using: &random) {
            let (name, ordinal) = (try name(), Ordinal.random(in: 0..<100_000, using: &random))
            if let known = oracle[name] {
                table.insert(name, known)
            } else if taken.insert(ordinal).inserted {
                table.insert(name, ordinal)
                oracle[name] = ordinal
            }
        }
        for (name, ordinal) in oracle { #expect(table.ordinal(of: name) == ordinal) }
        for _ in 0..<1000 {
            let name = try name()
            #expect(table.ordinal(of: name) == oracle[name])
        }
    }
}
