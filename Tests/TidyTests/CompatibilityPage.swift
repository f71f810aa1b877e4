/// `docs/compatibility.md`: its table of endpoints is printed from the cases, the rest is written by hand.
enum CompatibilityPage {
    static let path = "docs/compatibility.md"

    /// The page as it is, with the table anew.
    static var text: String {
        get throws {
            let page = Repository.shared.text(self.path) ?? ""
            guard let start = page.firstRange(of: self.begin), let end = page.firstRange(of: self.end) else {
                throw Endpoint.Malformed(place: "\(self.path): the marks around the table")
            }
            return try "\(page[..<start.upperBound])\n\n\(self.table)\n\n\(page[end.lowerBound...])"
        }
    }

    private static let begin = "<!-- printed from Conformance/ -->"
    private static let end = "<!-- end of what is printed -->"

    private static var table: String {
        get throws {
            let endpoints = try Endpoint.all()
            var counts: [String: Int] = [:]
            var differences: [String: [String]] = [:]
            for item in try ContractCase.all() {
                let called = item.calls.compactMap { $0.endpoint(among: endpoints)?.testDescription }
                for endpoint in Set(called) { counts[endpoint, default: 0] += 1 }
                if let difference = item.difference, let last = called.last {
                    differences[last, default: []].append(difference)
                }
            }
            let rows = endpoints.map { endpoint in
                let name = endpoint.testDescription
                let state =
                    if endpoint.served == nil {
                        "not yet"
                    } else if let differences = differences[name] {
                        "different: " + differences.joined(separator: "; ")
                    } else {
                        "same"
                    }
                return ["`\(name)`", "\(counts[name] ?? 0)", state]
            }
            return MarkdownTable.text(["Endpoint", "Cases", "This release"], rows)
        }
    }
}
