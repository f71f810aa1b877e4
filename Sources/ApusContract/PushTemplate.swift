/// A push that an operator prepared: everything but its audience, with variables in its texts.
///
/// A variable is written `{{name}}`, its name as an identifier (`[0-9A-Za-z_-]`, at most 64 of them); it may stand
/// inside any string. What reads like one and is none, as `{{ name }}`, is text.
package struct PushTemplate: Sendable {
    /// The longest name of a variable.
    package static let variableMaxBytes = 64
    /// Bytes that values may add to the text of one push: more than the sizes of a push leave room for on all platforms
    /// together, and few enough that a value which stands in many places stays harmless.
    package static let valuesMaxBytes = 32_768

    /// In ascending order, without duplicates.
    package let variables: [String]
    /// The members but `options`, as the inside of a compact JSON object.
    private let members: [UInt8]
    /// The members of `options`, likewise.
    private let options: [UInt8]

    /// Reads a template: a push object without `audience` and `cid`.
    ///
    /// - Throws: ``Refusal`` that names the place, also for what no value of a variable could mend.
    package init(decoding text: [UInt8]) throws(Refusal) {
        let root = try JSONValue.requestBody(text)
        if root["audience"] != nil || root["cid"] != nil {
            throw Refusal(.unsupportedKey, "The keys 'audience' and 'cid' belong to the push, not to its template")
        }
        let options = root["options"]
        if let options, options.members == nil { throw options.bad("an object") }
        self.members = root.compact(omitting: options.map { [$0.index] } ?? []).inside
        self.options = options.flatMap { $0.kind == .object ? $0.compact().inside : nil } ?? []
        self.variables = Array(Set(Self.variables(in: self.members) + Self.variables(in: self.options))).sorted()
        // Filled with digits, which stand in every place that a text may: only what is wrong by itself is refused.
        let samples = Dictionary(uniqueKeysWithValues: self.variables.map { ($0, "1") })
        _ = try self.push(samples, audience: Array("\"all\"".utf8), rule: .devices, options: [], geofence: nil)
    }

    /// The push that this template makes.
    ///
    /// - Parameters:
    ///   - values: by the variable's name; those that the template does not have are ignored.
    ///   - audience: its JSON text.
    ///   - rule: what may stand in it.
    ///   - options: members that stand over the template's own, as the inside of a JSON object.
    ///   - geofence: JSON text for `options.geofence`.
    /// - Throws: ``Refusal/Kind/missingValue`` for a variable without a value, ``Refusal/Kind/tooLarge`` for values
    ///   that add more than ``valuesMaxBytes``, and what a push is refused with.
    func push(
        _ values: [String: String], audience: [UInt8], rule: AudienceRule, options: [UInt8], geofence: [UInt8]?
    ) throws(Refusal) -> PushRequest {
        // Of members with one name the last counts.
        var chosen = [try Self.fill(self.options, values), options]
        if let geofence { chosen.append(Array("\"geofence\":".utf8) + geofence) }
        let parts = [
            try Self.fill(self.members, values), Array("\"audience\":".utf8) + audience,
            Array("\"options\":{".utf8) + Self.joined(chosen) + [UInt8(ascii: "}")],
        ]
        return try PushRequest(
            decoding: [UInt8(ascii: "{")] + Self.joined(parts) + [UInt8(ascii: "}")], audience: rule)
    }

    private static func joined(_ parts: [[UInt8]]) -> [UInt8] {
        Array(parts.filter { !$0.isEmpty }.joined(separator: [UInt8(ascii: ",")]))
    }

    /// Puts values in the place of variables.
    ///
    /// Works on the JSON text: two braces in a row open nothing outside of strings, and a name needs no escapes.
    private static func fill(_ text: [UInt8], _ values: [String: String]) throws(Refusal) -> [UInt8] {
        var filled: [UInt8] = []
        filled.reserveCapacity(text.count)
        var rest = text[...]
        while let next = Self.nextVariable(in: rest) {
            filled += rest[..<next.range.lowerBound]
            guard var value = values[next.name] else { throw Refusal.missing("keys.\(next.name)") }
            guard filled.count + value.utf8.count <= text.count + Self.valuesMaxBytes else {
                throw Refusal(
                    .tooLarge,
                    "Message body is too large: keys may add at most \(Self.valuesMaxBytes) bytes to a template")
            }
            value.withUTF8 { filled.appendEscaped($0) }
            rest = rest[next.range.upperBound...]
        }
        return filled + rest
    }

    private static func variables(in text: [UInt8]) -> [String] {
        var names: [String] = []
        var rest = text[...]
        while let next = Self.nextVariable(in: rest) {
            names.append(next.name)
            rest = rest[next.range.upperBound...]
        }
        return names
    }

    /// The first variable of a JSON text and where it stands, braces included.
    private static func nextVariable(in text: ArraySlice<UInt8>) -> (name: String, range: Range<Int>)? {
        var start = text.startIndex
        while let brace = text[start...].firstIndex(of: UInt8(ascii: "{")) {
            start = brace + 1
            let opening = text[brace...].prefix(2)
            guard opening.count == 2, opening.last == UInt8(ascii: "{") else { continue }
            let name = text[(brace + 2)...].prefix(Self.variableMaxBytes).prefix { $0.isIdentifier }
            let closing = text[name.endIndex...].prefix(2)
            guard !name.isEmpty, closing.count == 2, closing.allSatisfy({ $0 == UInt8(ascii: "}") }) else { continue }
            return (String(decoding: name, as: UTF8.self), brace..<closing.endIndex)
        }
        return nil
    }
}

extension [UInt8] {
    /// What stands between the braces of an object's JSON text.
    fileprivate var inside: [UInt8] { Array(self.dropFirst().dropLast()) }
}
