/// The messages that a report is asked for.
///
/// Source: contract, report §1.
package struct MessageIDList: Sendable, Equatable {
    /// Distinct ids of one report.
    package static let countMax = 100

    /// Distinct, in the order in which they were first named; never empty.
    package let ids: [MessageID]

    /// Reads the query value `msg_ids`: decimal ids with commas between them. Spaces around an id and empty parts are
    /// ignored. Zero is legal to ask for: it is nobody's id.
    ///
    /// - Parameter text: percent-decoded; nil when the query has no such name.
    /// - Throws: ``Refusal/Kind/missingValue`` when nothing is named, ``Refusal/Kind/badValue`` for a part that is not
    ///   1 to 19 digits or above int64, and for more than 100 distinct ids.
    package init(query text: String?) throws(Refusal) {
        var ids: [MessageID] = []
        var seen: Set<MessageID> = []
        for part in (text ?? "").utf8.split(separator: UInt8(ascii: ",")) {
            let digits = part.trimming(UInt8(ascii: " "))
            guard !digits.isEmpty else { continue }
            guard digits.count <= 19, digits.allSatisfy(\.isDigit), let number = Int64(String(Substring(digits))) else {
                throw Refusal.bad("msg_ids", "decimal ids of 1 to 19 digits within int64, with commas between them")
            }
            if seen.insert(MessageID(number)).inserted { ids.append(MessageID(number)) }
        }
        guard !ids.isEmpty else { throw Refusal.missing("msg_ids") }
        guard ids.count <= Self.countMax else { throw Refusal.bad("msg_ids", "at most \(Self.countMax) distinct ids") }
        self.ids = ids
    }
}

extension Substring.UTF8View {
    fileprivate func trimming(_ byte: UInt8) -> Substring.UTF8View {
        let tail = self.drop { $0 == byte }
        guard let last = tail.lastIndex(where: { $0 != byte }) else { return tail.prefix(0) }
        return tail[...last]
    }
}
