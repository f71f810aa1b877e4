import ApusContract
import NIOHTTP1
import Testing

@testable import ApusAPI

/// One line of `Conformance/api/endpoints.json`: a method at a path, and what the contract says of it.
struct Endpoint: CustomTestStringConvertible {
    let method: String
    let path: String
    /// The same in the Beijing zone, where it is another path.
    let beijingPath: String?
    let name: String
    let summary: String
    /// Names of its query parameters.
    let query: [String]
    /// The schema of its JSON body, or of its form.
    let body: String?
    let form: String?
    /// The schema of its success.
    let answer: String
    /// The schema of a body that stands beside `error` with 400.
    let failure: String?
    /// Why it may refuse, beside what its route alone decides.
    let refusals: [Refusal.Kind]

    var testDescription: String { "\(self.method) \(self.path)" }

    var family: Family { Family(path: Self.segments(self.path)) }

    /// The names between braces, in order.
    var pathParameters: [String] {
        Self.segments(self.path).filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    /// What serves it; nil where this release does not.
    var served: Served? { Served.methods(at: Self.sample(self.path))[self.method] }

    init(_ line: JSONValue) throws {
        func text(_ name: StaticString) throws -> String {
            guard let text = line[name]?.string else { throw Malformed(place: "\(name) of \(line.path)") }
            return text
        }
        self.method = try text("method")
        self.path = try text("path")
        self.beijingPath = line["beijing"]?.string
        self.name = try text("name")
        self.summary = try text("summary")
        self.query = line["query"]?.list?.compactMap(\.string) ?? []
        self.body = line["body"]?.string
        self.form = line["form"]?.string
        self.answer = try text("answer")
        self.failure = line["failure"]?.string
        self.refusals =
            try line["refusals"]?.list?.map { name in
                guard let kind = Refusal.Kind.allCases.first(where: { "\($0)" == name.string }) else {
                    throw Malformed(place: "refusals of \(line.path)")
                }
                return kind
            } ?? []
    }

    struct Malformed: Error {
        let place: String
    }

    /// Every endpoint of the contract, served or not, in the contract's order.
    static func all() throws -> [Endpoint] {
        try Repository.shared.json("Conformance/api/endpoints.json").list?.map(Endpoint.init) ?? []
    }

    static func segments(_ path: String) -> [String] { path.split(separator: "/").map(String.init) }

    /// A path of this form. Digits are good for every parameter.
    static func sample(_ path: String) -> [String] { self.segments(path).map { $0.hasPrefix("{") ? "1" : $0 } }

    /// Whether a path is of this endpoint's form, or of its form in the Beijing zone.
    func isAt(_ segments: [String]) -> Bool { self.fixedSegments(at: segments) != nil }

    /// How much of the endpoint's path stands in this one word by word; nil for a path of another form.
    func fixedSegments(at segments: [String]) -> Int? {
        for form in [self.path, self.beijingPath].compactMap({ $0.map(Self.segments) }) {
            guard form.count == segments.count else { continue }
            guard zip(form, segments).allSatisfy({ $0 == $1 || $0.hasPrefix("{") }) else { continue }
            return form.count { !$0.hasPrefix("{") }
        }
        return nil
    }
}

extension Endpoint {
    /// Every row of the table of refusals that it may answer with.
    func kinds(_ served: Served) -> [Refusal.Kind] {
        var kinds: Set<Refusal.Kind> = [
            // The request is not legal HTTP, or the node cannot answer.
            .badValue, .internalFault, .backendDown, .backendSlow, .overloaded, .starting, .draining, .deadlineExceeded,
        ]
        if case .route(let route) = served {
            kinds.formUnion([
                .httpsOnly, .formatNotSupported, .missingCredentials, .malformedCredentials, .unknownKey, .badSecret,
                .rateLimited,
            ])
            switch route.answer {
            case .app: kinds.formUnion([.blacklisted, .addressNotAllowed])
            case .uploader: kinds.formUnion([.blacklisted, .addressNotAllowed, .groupFileNotPermitted])
            case .group, .developer: break
            }
            if route.isVIPOnly { kinds.insert(.vipOnly) }
        }
        if self.body != nil || self.form != nil { kinds.formUnion([.missingValue, .tooLarge]) }
        if !self.query.isEmpty { kinds.insert(.missingValue) }
        kinds.formUnion(self.refusals)
        return Refusal.Kind.allCases.filter(kinds.contains)
    }

    /// The statuses of its refusals, in order.
    func statuses(_ served: Served) -> [StatusCode] {
        let statuses = Set(self.kinds(served).map { $0.row(for: self.family).status })
        return StatusCode.allCases.filter(statuses.contains)
    }
}

/// What answers a method at a path.
enum Served {
    case route(Route)
    /// Without credentials: a picture, or `/healthz`.
    case open

    /// By method; empty for what does not exist.
    static func methods(at segments: [String]) -> [String: Served] {
        switch Place(segments) {
        case .offers(let routes):
            Dictionary(routes.map { ($0.method.rawValue, Served.route($0)) }) { first, _ in first }
        case .picture: ["GET": .open]
        case .retired: [:]
        // What stands before the API answers this one itself.
        case .unknown: segments == ["healthz"] ? ["GET": .open] : [:]
        }
    }
}
