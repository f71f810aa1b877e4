/// What is told of devices, over REST, by devices themselves and in imported files alike.
///
/// Source: contract, device §2 and §4.
extension JSONValue {
    /// Most characters of a mobile number.
    package static let mobileSizeMax = 20
    /// Registration ids of one list, repeated ones included.
    package static let registrationIDsMax = 1000

    /// Reads an alias.
    ///
    /// - Returns: nil for the empty string, which unbinds.
    /// - Throws: ``Refusal/Kind/badValue``
    package func aliasOrNone() throws(Refusal) -> Alias? {
        guard let text = self.string else { throw self.bad("a string") }
        guard !text.isEmpty else { return nil }
        guard let alias = Alias(text) else { throw self.bad(Label.expectation) }
        return alias
    }

    /// Reads digits with an optional plus in front, also sent as a number.
    ///
    /// - Returns: nil for the empty string, which clears.
    /// - Throws: ``Refusal/Kind/badValue``
    package func mobileOrNone() throws(Refusal) -> String? {
        let text = self.kind == .number ? self.integer.map { String($0) } : self.string
        guard let text else { throw self.bad("a string") }
        guard !text.isEmpty else { return nil }
        let digits = text.utf8.first == UInt8(ascii: "+") ? text.utf8.dropFirst() : text.utf8[...]
        guard text.utf8.count <= Self.mobileSizeMax, !digits.isEmpty, digits.allSatisfy(\.isDigit) else {
            throw self.bad("digits with an optional +, at most \(Self.mobileSizeMax) characters")
        }
        return text
    }

    /// Reads a list of strings that may be registration ids or not.
    ///
    /// - Returns: as they were sent, malformed ones too; distinct, in the order in which they were first named.
    /// - Throws: ``Refusal/Kind/badValue`` when it is no list, its length is outside `counts`, or an element is no
    ///   string.
    package func registrationIDTexts(_ counts: ClosedRange<Int>) throws(Refusal) -> [String] {
        guard let list = self.list, counts.contains(list.count) else {
            let least = counts.lowerBound > 0 ? "\(counts.lowerBound) to" : "at most"
            throw self.bad("a list of \(least) \(counts.upperBound) registration ids")
        }
        // By bytes: strings that only look alike are different ids.
        var seen: Set<[UInt8]> = []
        var distinct: [String] = []
        for element in list {
            guard let text = element.string else { throw element.bad("a string") }
            if seen.insert(Array(text.utf8)).inserted { distinct.append(text) }
        }
        return distinct
    }
}

extension PlatformSet {
    /// Reads the query value `platform` of the device family: names with commas between them.
    ///
    /// The retired Windows Phone may be named and adds nothing.
    /// - Parameter text: percent-decoded; nil, for a query without it, means every platform.
    /// - Throws: ``Refusal/Kind/badValue`` for an unknown name.
    package init(query text: String?) throws(Refusal) {
        guard let text else {
            self = .all
            return
        }
        self = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            let name = String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            guard name.lowercased() != "winphone" else { continue }
            guard let platform = Platform(name: name) else {
                throw .bad(
                    "platform", "names of platforms (android, ios, hmos, quickapp, web) with commas between them")
            }
            self.insert(PlatformSet(platform))
        }
    }
}
