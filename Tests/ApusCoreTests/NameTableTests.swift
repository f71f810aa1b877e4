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

@Suite struct `A page of the audience` {
    /// More tags than a small table holds, and some that begin alike.
    @Test func `tells a thousand tags apart, and names no illegal one`() throws {
        var page = AudiencePage()
        let tags = (0..<1000).map { "tag\($0)" }
        let id = try #require(RegistrationID("r"))
        for ordinal in 0..<3 as Range<Ordinal> {
            page.append(
                AudiencePage.Entry(
                    ordinal: ordinal, registrationID: id, platform: .web, alias: nil, isTest: false,
                    activeAt: Timestamp(milliseconds: 0)))
            for tag in tags where ordinal != 1 || tag.hasSuffix("7") { #expect(tag.withBytes { page.bind($0) }) }
            #expect(!"no tag".withBytes { page.bind($0) })
        }
        #expect(page.bearings.map(\.tag.text) == tags)
        for bearing in page.bearings {
            #expect(bearing.bearers == (bearing.tag.text.hasSuffix("7") ? [0, 1, 2] : [0, 2]))
        }
    }
}
