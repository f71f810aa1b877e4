/// An audience that an operator saved under a name, for `audience.segment`.
///
/// Who belongs to it is decided anew by every push that names it.
package struct Segment: Sendable, Equatable {
    /// Never `all`, and without `segment` and `abtest`: a saved audience names devices by what they carry.
    package let audience: Audience

    private static let shape: Shape = ["audience": .required(.any)]

    /// Reads `{"audience": {…}}`, the kinds as in a push.
    ///
    /// - Throws: ``Refusal`` that names the place.
    package init(decoding text: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(text)
        try Self.shape.check(root)
        guard let value = root["audience"] else { throw root.missing("audience") }
        self.audience = try Audience(saved: value)
        guard self.audience != .all else { throw value.bad("an object: a segment of everybody is a broadcast") }
    }
}

/// A stable split of an audience, for `audience.abtest`: a push names one part of it.
///
/// To which part a device belongs depends on the device and the test's name alone: not on who else is there, on the
/// time or on restarts. Two tests split independently of each other.
package struct ABTest: Sendable, Equatable {
    /// Parts that one test may have: as many as there are letters.
    package static let partsMax = 26

    /// Who is split; without `segment` and `abtest`.
    package let audience: Audience
    /// Percent of the devices in each part, `a` first; each at least 1, together at most 100. The rest is in no part.
    package let shares: [Int]

    private static let shape: Shape = ["audience": .required(.any), "shares": .required(.any)]

    /// Reads `{"audience": …, "shares": [50, 50]}`.
    ///
    /// - Throws: ``Refusal`` that names the place.
    package init(decoding text: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(text)
        try Self.shape.check(root)
        guard let value = root["audience"], let list = root["shares"] else { throw root.missing("audience") }
        self.audience = try Audience(saved: value)
        // A nil is an element that is no percent.
        let shares = list.list?.map { $0.integer.flatMap { (1...100).contains($0) ? Int($0) : nil } } ?? []
        self.shares = shares.compactMap(\.self)
        guard self.shares.count == shares.count, (1...Self.partsMax).contains(shares.count),
            self.shares.reduce(0, +) <= 100
        else { throw list.bad("1 to \(Self.partsMax) whole percents from 1 on that make at most 100 together") }
    }

    /// The letters of the parts, `a` first.
    package var parts: [Character] {
        self.shares.indices.map { Character(UnicodeScalar(UInt8(ascii: "a") + UInt8($0))) }
    }

    /// What a push names: the test and one of its parts, as in `checkout.a`.
    package struct Part: Sendable, Equatable {
        /// The test's name.
        package let test: String
        /// The part's letter.
        package let letter: Character

        /// - Returns: nil when the text is not a name, a full stop and one letter.
        package init?(_ text: String) {
            let pieces = text.split(separator: ".", omittingEmptySubsequences: false)
            guard pieces.count == 2, let letter = pieces[1].first, pieces[1].count == 1, !pieces[0].isEmpty else {
                return nil
            }
            self.test = String(pieces[0])
            self.letter = letter
        }
    }

    /// A test that decides device by device.
    ///
    /// - Returns: nil when the test has no such part.
    package func membership(of part: Part) -> Membership? {
        guard let index = self.parts.firstIndex(of: part.letter) else { return nil }
        let start = self.shares[..<index].reduce(0, +)
        return Membership(seed: Self.seed(part.test), percents: start..<(start + self.shares[index]))
    }

    /// Who is in one part.
    package struct Membership: Sendable, Hashable {
        fileprivate let seed: UInt64
        fileprivate let percents: Range<Int>

        /// - Parameter number: the device's, the same for ever.
        package func includes(_ number: UInt32) -> Bool {
            // The finaliser of SplitMix64: every bit of the seed and the number reaches every bit of the result.
            var mixed = self.seed &+ (UInt64(number) &+ 1) &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            mixed ^= mixed >> 31
            return self.percents.contains(Int(mixed.multipliedFullWidth(by: 100).high))
        }
    }

    /// FNV-1a of the name: the same in every process and version, unlike the language's own hash.
    private static func seed(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}

extension Audience {
    /// Reads an audience that is kept under a name of its own, and may therefore name no other.
    fileprivate init(saved value: JSONValue) throws(Refusal) {
        try self.init(decoding: value, rule: .devices, isLiveActivity: false)
        guard case .matching(let kinds) = self else { return }
        guard kinds.segment == nil, kinds.abtest == nil else {
            throw value.bad("an audience without segment and abtest: what is saved names no other that is")
        }
    }
}
