import ApusContract

/// What a file of `Conformance/` says about endpoints.
struct ContractCase {
    /// As in `push/cid/count`.
    let name: String
    let calls: [Call]
    /// How Apus differs from the documents at the endpoint of the last call.
    let difference: String?

    struct Call {
        let method: String
        let segments: [String]
        let status: Int
        let code: Int?
    }

    /// Every case whose steps are requests.
    static func all() throws -> [ContractCase] {
        try Repository.shared.files.compactMap { file in
            let folders = file.path.split(separator: "/")
            guard folders.first == "Conformance", file.path.hasSuffix(".json"), folders.count > 2,
                !["api", "triggers", "wire"].contains(folders[1])
            else { return nil }
            let json = try JSONValue(parsing: Array(file.text.utf8))
            let calls = json["steps"]?.list?.compactMap { step -> Call? in
                guard let request = step["request"], let path = request["path"]?.string else { return nil }
                return Call(
                    method: request["method"]?.string ?? "", segments: self.segments(path),
                    status: step["expect"]?["status"]?.integer.map(Int.init) ?? 0,
                    code: step["expect"]?["code"]?.integer.map(Int.init))
            }
            return ContractCase(
                name: String(file.path.dropFirst("Conformance/".count).dropLast(".json".count)), calls: calls ?? [],
                difference: json["differs"]?.string)
        }
    }

    /// As the server reads it, but for percent signs: cases that write those are about them.
    private static func segments(_ path: String) -> [String] {
        Endpoint.segments(String(path.prefix { $0 != "?" }))
    }
}

extension ContractCase.Call {
    /// The endpoint that this call is about.
    ///
    /// - Returns: nil for another method than the path offers, and for what is no endpoint.
    func endpoint(among endpoints: [Endpoint]) -> Endpoint? {
        let forms = endpoints.compactMap { endpoint in
            endpoint.fixedSegments(at: self.segments).map { (endpoint, fixed: $0) }
        }
        // A word stands before a name: `/v3/devices/status` is no device.
        let most = forms.map(\.fixed).max()
        return forms.first { $0.fixed == most && $0.0.method == self.method }?.0
    }
}

extension Repository {
    /// A committed file of JSON.
    func json(_ path: String) throws -> JSONValue { try JSONValue(parsing: Array((self.text(path) ?? "").utf8)) }
}
