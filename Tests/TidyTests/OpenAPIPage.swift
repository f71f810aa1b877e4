import ArgumentParser

@testable import ApusAPI
@testable import ApusContract
@testable import apus

/// `docs/openapi.yaml`: what this release serves, for generators of clients and tests.
///
/// Paths and statuses come from the routes and the table of refusals, the push object from the tables it is checked
/// with, all else from `Conformance/api/`.
struct OpenAPIPage {
    private let endpoints: [(endpoint: Endpoint, served: Served)]
    private let parts: JSONValue

    static var text: String {
        get throws { try OpenAPIPage().document.printed }
    }

    private init() throws {
        self.endpoints = try Endpoint.all().compactMap { endpoint in endpoint.served.map { (endpoint, $0) } }
        self.parts = try Repository.shared.json("Conformance/api/schemas.json")
    }

    private var document: YAML {
        .object([
            ("openapi", .text("3.1.0")),
            (
                "info",
                .object([
                    ("title", .text("Apus")),
                    ("version", .text(Apus.configuration.version)),
                    ("summary", .text("A self-hosted push platform that speaks the JPush REST API v3.")),
                    ("description", .text(Self.introduction)),
                    ("license", .object([("name", .text("Apache-2.0"))])),
                ])
            ),
            (
                "servers",
                .list([
                    .object([
                        ("url", .text("http://127.0.0.1:8080")),
                        ("description", .text("One listener serves the paths of all the vendor's hosts.")),
                    ])
                ])
            ),
            ("tags", .list(self.families.map { .object([("name", .text(ErrorsPage.name($0)))]) })),
            ("paths", self.paths),
            ("components", self.components),
        ])
    }

    private static let introduction = """
        This file is printed: paths, methods and statuses from the routes and the table of refusals, schemas from the
        tables that requests are checked with and from `Conformance/api/`. What is not in it is answered with 404, and
        another method of a path that is in it with 405 and `Allow`.

        - Success is always 200, a failure always has one of the other statuses here and a body of `error`.
        - `x-beijing-path` is where an operation also lies, as on the one host of the vendor's Beijing zone. Nothing
          else is different there.
        - Runs of `/` count as one and a trailing `/` as none. `Content-Type` is never looked at, but for forms.
        - Requests may be lenient where the schemas are strict: null is absent, integers may be decimal strings,
          booleans may be `"true"`, `"false"`, 0 and 1, `[]` may stand for `{}`. Outside the push object unknown keys
          are ignored.
        - The device side is another listener with a protocol of its own: `docs/edge-protocol.md`.
        """

    private var families: [Family] {
        let served = Set(self.endpoints.map(\.endpoint.family))
        return Family.allCases.filter(served.contains)
    }

    private var paths: YAML {
        var paths: [(String, YAML)] = []
        var seen: Set<String> = []
        for (endpoint, _) in self.endpoints where seen.insert(endpoint.path).inserted {
            let here = self.endpoints.filter { $0.endpoint.path == endpoint.path }
            var item: [(String, YAML)] = []
            if !endpoint.pathParameters.isEmpty {
                item.append(("parameters", .list(endpoint.pathParameters.map { .reference("parameters", $0) })))
            }
            paths.append(
                (
                    endpoint.path,
                    .object(
                        item + here.map { ($0.endpoint.method.lowercased(), self.operation($0.endpoint, $0.served)) })
                ))
        }
        return .object(paths)
    }
}

// MARK: - Operations

extension OpenAPIPage {
    private func operation(_ endpoint: Endpoint, _ served: Served) -> YAML {
        var operation: [(String, YAML)] = [
            ("operationId", .text(endpoint.name)),
            ("tags", .list([.text(ErrorsPage.name(endpoint.family))])),
            ("summary", .text(endpoint.summary)),
        ]
        if !endpoint.refusals.isEmpty { operation.append(("description", .text(Self.refusals(of: endpoint)))) }
        if let path = endpoint.beijingPath { operation.append(("x-beijing-path", .text(path))) }
        operation.append(("security", .list(Self.callers(served).map { .object([($0, .list([]))]) })))
        if !endpoint.query.isEmpty {
            operation.append(("parameters", .list(endpoint.query.map { .reference("parameters", $0) })))
        }
        if let body = endpoint.body { operation.append(("requestBody", Self.body("application/json", body))) }
        if let form = endpoint.form { operation.append(("requestBody", Self.body("multipart/form-data", form))) }
        operation.append(("responses", self.responses(endpoint, served)))
        return .object(operation)
    }

    private static func refusals(of endpoint: Endpoint) -> String {
        let lines = endpoint.refusals.map { kind in
            let row = kind.row(for: endpoint.family)
            return "- \(row.status.rawValue) / \(row.code): \(ErrorsPage.meaning(kind))"
        }
        return (["Its own refusals, as status / code:", ""] + lines).joined(separator: "\n")
    }

    private static func callers(_ served: Served) -> [String] {
        guard case .route(let route) = served else { return [] }
        return switch route.answer {
        case .app: ["app"]
        case .group: ["group"]
        case .developer: ["developer"]
        case .uploader: ["app", "developer"]
        }
    }

    private static func body(_ type: String, _ schema: String) -> YAML {
        .object([("required", .literal("true")), ("content", self.content(type, .schema(schema)))])
    }

    private static func content(_ type: String, _ schema: YAML) -> YAML {
        .object([(type, .object([("schema", schema)]))])
    }

    private func responses(_ endpoint: Endpoint, _ served: Served) -> YAML {
        var responses: [(String, YAML)] = [("200", Self.success(endpoint, served))]
        for status in endpoint.statuses(served) {
            let shared = YAML.reference("responses", Self.name(status, endpoint.family))
            guard status == .badRequest, let failure = endpoint.failure else {
                responses.append(("\(status.rawValue)", shared))
                continue
            }
            let either = YAML.object([("anyOf", .list([.schema("Error"), .schema(failure)]))])
            responses.append(
                (
                    "\(status.rawValue)",
                    .object([
                        ("description", .text("Nothing was accepted: `error` says why, entries beside it of what.")),
                        ("content", Self.content("application/json", either)),
                    ])
                ))
        }
        return .object(responses)
    }

    private static func success(_ endpoint: Endpoint, _ served: Served) -> YAML {
        guard endpoint.answer != "picture" else {
            let types = ["image/jpeg", "image/png"].map { ($0, YAML.object([])) }
            return .object([("description", .text("The picture as it was uploaded.")), ("content", .object(types))])
        }
        var response: [(String, YAML)] = [("description", .text("Success."))]
        if case .route = served {
            response.append(("headers", .object(self.rateHeaders.map { ($0, .reference("headers", $0)) })))
        }
        return .object(response + [("content", self.content("application/json", .schema(endpoint.answer)))])
    }

    private static let rateHeaders = ["Limit", "Quota", "Remaining", "Reset"].map { "X-Rate-Limit-\($0)" }

    private static func name(_ status: StatusCode, _ family: Family) -> String {
        "\(ErrorsPage.name(family))\(status.rawValue)"
    }
}

// MARK: - Components

extension OpenAPIPage {
    private var components: YAML {
        let schemes = [
            ("app", "An app key and its master secret."),
            ("group", "`group-` with a group key, and its group master secret."),
            ("developer", "A developer key and its secret."),
        ].map { name, meaning in
            let scheme: [(String, YAML)] = [
                ("type", .text("http")), ("scheme", .text("basic")), ("description", .text(meaning)),
            ]
            return (name, YAML.object(scheme))
        }
        return .object([
            ("securitySchemes", .object(schemes)),
            ("headers", .object(Self.rateHeaders.map { ($0, Self.header($0)) })),
            ("parameters", self.used("parameters")),
            ("responses", self.refusalResponses),
            ("schemas", self.used("schemas", [("PushRequest", Shape.push.schema())])),
        ])
    }

    private static func header(_ name: String) -> YAML {
        let meaning =
            switch name {
            case "X-Rate-Limit-Remaining": "Calls that are left."
            case "X-Rate-Limit-Reset": "Whole seconds to the end of the window."
            default: "Calls of a window; 2147483647 for unlimited."
            }
        return .object([
            ("required", .literal("true")), ("description", .text(meaning)),
            ("schema", .object([("type", .text("integer")), ("minimum", .literal("0"))])),
        ])
    }

    /// What `schemas.json` has under a name, and more of its kind.
    private func used(_ name: StaticString, _ more: [(String, YAML)] = []) -> YAML {
        guard let part = self.parts[name], case .object(let members) = YAML(part) else { return .object(more) }
        return .object(members + more)
    }

    private var refusalResponses: YAML {
        .object(
            self.families.flatMap { family in
                let here = self.endpoints.filter { $0.endpoint.family == family }
                let kinds = Set(here.flatMap { $0.endpoint.kinds($0.served) })
                return StatusCode.allCases.compactMap { status in
                    let rows = Refusal.Kind.allCases.filter {
                        kinds.contains($0) && $0.row(for: family).status == status
                    }
                    return rows.isEmpty ? nil : (Self.name(status, family), Self.response(status, family, rows))
                }
            })
    }

    private static func response(_ status: StatusCode, _ family: Family, _ kinds: [Refusal.Kind]) -> YAML {
        let lines = kinds.map { "- \($0.row(for: family).code): \(ErrorsPage.meaning($0))" }
        let description = (["\(status.reason), by `error.code`:", ""] + lines).joined(separator: "\n")
        var response: [(String, YAML)] = [("description", .text(description))]
        if status == .unauthorized {
            response.append(
                (
                    "headers",
                    .object([
                        (
                            "WWW-Authenticate",
                            .object([
                                ("required", .literal("true")), ("schema", .object([("type", .text("string"))])),
                            ])
                        )
                    ])
                ))
        }
        var codes: [Int] = []
        for kind in kinds where !codes.contains(kind.row(for: family).code) { codes.append(kind.row(for: family).code) }
        let code = YAML.object([("enum", .list(codes.map { .literal("\($0)") }))])
        let narrowed = YAML.object([
            ("properties", .object([("error", .object([("properties", .object([("code", code)]))]))]))
        ])
        let schema = YAML.object([("allOf", .list([.schema("Error"), narrowed]))])
        return .object(response + [("content", self.content("application/json", schema))])
    }
}
