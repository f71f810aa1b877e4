import ApusContract
import Testing

@testable import ApusAPI

@Suite struct `The table of endpoints` {
    @Test(arguments: try Endpoint.all()) func `has what is served, in every form, under one name`(
        _ endpoint: Endpoint
    ) throws {
        #expect(
            try Endpoint.all().count { $0.name == endpoint.name || $0.testDescription == endpoint.testDescription } == 1
        )
        guard let served = endpoint.served, let beijing = endpoint.beijingPath else { return }
        let there = try #require(Served.methods(at: Endpoint.sample(beijing))[endpoint.method])
        #expect(Family(path: Endpoint.sample(beijing)) == endpoint.family)
        #expect(endpoint.kinds(there) == endpoint.kinds(served))
    }

    /// Tries every path that can be made of the words of the sources, as far as anything lies below.
    @Test func `lacks nothing that is served`() throws {
        let endpoints = try Endpoint.all()
        var found = 0
        for path in try Self.servedPaths(endpoints) {
            for method in Served.methods(at: path).keys {
                let isDescribed = endpoints.contains { $0.method == method && $0.isAt(path) }
                #expect(
                    isDescribed, "\(method) /\(path.joined(separator: "/")): add it to Conformance/api/endpoints.json")
                found += 1
            }
        }
        #expect(found > endpoints.count)
    }

    @Test func `has a case for each that is served`() throws {
        let endpoints = try Endpoint.all()
        let called = Set(
            try ContractCase.all().flatMap(\.calls).compactMap { $0.endpoint(among: endpoints)?.testDescription })
        for endpoint in endpoints where endpoint.served != nil {
            #expect(called.contains(endpoint.testDescription), "\(endpoint.testDescription) has no case")
        }
    }

    @Test func `has every refusal that a case expects`() throws {
        let endpoints = try Endpoint.all()
        for item in try ContractCase.all() {
            for call in item.calls where call.status != StatusCode.ok.rawValue {
                guard let endpoint = call.endpoint(among: endpoints), let served = endpoint.served else { continue }
                let isKnown = endpoint.kinds(served).contains { kind in
                    let row = kind.row(for: endpoint.family)
                    return row.status.rawValue == call.status && row.code == call.code
                }
                let answer = "\(call.status) / \(call.code ?? 0)"
                #expect(isKnown, "\(item.name): \(endpoint.testDescription) refuses with \(answer)")
            }
        }
    }

    /// A refusal that nothing shows may be one that cannot happen.
    @Test func `has no refusal of an endpoint's own that no case of the family shows`() throws {
        let endpoints = try Endpoint.all()
        var shown: Set<[String]> = []
        for call in try ContractCase.all().flatMap(\.calls) {
            guard let endpoint = call.endpoint(among: endpoints) else { continue }
            shown.insert([ErrorsPage.name(endpoint.family), "\(call.status)", "\(call.code ?? 0)"])
        }
        for endpoint in endpoints where endpoint.served != nil {
            for kind in endpoint.refusals where !Self.unreachable.contains(kind) {
                let row = kind.row(for: endpoint.family)
                let key = [ErrorsPage.name(endpoint.family), "\(row.status.rawValue)", "\(row.code)"]
                #expect(shown.contains(key), "\(endpoint.testDescription): \(kind)")
            }
        }
    }

    @Test func `differs only where a case names the endpoint`() throws {
        let endpoints = try Endpoint.all()
        for item in try ContractCase.all() where item.difference != nil {
            #expect(item.calls.contains { $0.endpoint(among: endpoints) != nil }, "\(item.name) differs nowhere")
        }
    }

    /// Only two calls at the same instant get there.
    private static let unreachable: Set<Refusal.Kind> = [.appNotDeleted]

    private static func servedPaths(_ endpoints: [Endpoint]) throws -> [[String]] {
        var words: Set<String> = ["1"]
        for file in Repository.shared.sources where file.target == "ApusAPI" {
            for line in file.lines {
                words.formUnion(line.matches(of: /"([a-z0-9_]+)"/).map { String($0.1) })
            }
        }
        // Everything is tried up to the third word, and further below what is the beginning of a known path or a name.
        let forms = endpoints.flatMap { [$0.path, $0.beijingPath].compactMap(\.self).map(Endpoint.sample) }
        var open: Set<[String]> = []
        for form in forms { for count in 1..<max(2, form.count) { open.insert(Array(form.prefix(count))) } }
        var served: [[String]] = []
        var level: [[String]] = [[]]
        while !level.isEmpty {
            var next: [[String]] = []
            for prefix in level {
                for word in words {
                    let path = prefix + [word]
                    let isServed = !Served.methods(at: path).isEmpty
                    if isServed { served.append(path) }
                    let isName = word == "1" && isServed
                    if open.contains(path) || path.count == 2 && path[0] != "1" || isName { next.append(path) }
                }
            }
            level = next
        }
        return served + [["healthz"]]
    }
}
