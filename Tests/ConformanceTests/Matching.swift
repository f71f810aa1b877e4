import ApusContract

/// Comparing an answer with what a case expects.
enum Matching {
    /// - Returns: what differs, or nil. `isExact`: whether objects may not have further keys.
    static func difference(_ actual: JSON, _ expected: JSON, isExact: Bool, appKey: String, at path: String = "body")
        -> String?
    {
        switch (actual, expected) {
        case (_, .string("<any>")): return nil
        case (.number(let digits), .string("<int>")) where Int64(digits) != nil: return nil
        case (.string(let text), .string("<msg_id>")):
            if let number = Int64(text), (1...(1 << 53)).contains(number), text == String(number) { return nil }
            return "\(path) is '\(text)', no msg_id"
        case (.string(let text), .string("<gid>")):
            return text.wholeMatch(of: /gid[0-9]{1,19}/) == nil ? "\(path) is '\(text)', no group_msgid" : nil
        case (.string(let text), .string("<key>")):
            return text.wholeMatch(of: /[0-9a-zA-Z]{24}/) == nil ? "\(path) is '\(text)', no key" : nil
        case (.string(let text), .string("<time>")):
            let pattern = /[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}/
            return text.wholeMatch(of: pattern) == nil ? "\(path) is '\(text)', no time" : nil
        case (.string(let text), .string("<cid>")):
            let pattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
            if text.hasPrefix(appKey + "-"), text.dropFirst(appKey.count + 1).wholeMatch(of: pattern) != nil {
                return nil
            }
            return "\(path) is '\(text)', no cid of this app"
        case (.string(let text), .object(let wanted)) where wanted.map(\.name) == ["<json>"]:
            guard let document = try? JSON(parsing: Array(text.utf8)) else {
                return "\(path) is '\(text)', no JSON text"
            }
            return self.difference(document, wanted[0].value, isExact: isExact, appKey: appKey, at: path)
        case (.string(let text), .string("<uuid>")):
            let pattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
            return text.wholeMatch(of: pattern) == nil ? "\(path) is '\(text)', no UUID" : nil
        case (.string(let text), .string("<time>")):
            return TimeUTC8(text) == nil ? "\(path) is '\(text)', no time" : nil
        case (.object(let members), .object(let wanted)):
            for (name, value) in wanted {
                guard let found = actual[name] else { return "\(path).\(name) is missing" }
                if let difference = self.difference(
                    found, value, isExact: isExact, appKey: appKey, at: "\(path).\(name)")
                {
                    return difference
                }
            }
            let names = Set(wanted.map(\.name))
            if isExact, let extra = members.first(where: { !names.contains($0.name) }) {
                return "\(path).\(extra.name) is not expected"
            }
            return nil
        case (.array(let values), .array(let wanted)):
            guard values.count == wanted.count else {
                return "\(path) has \(values.count) elements, not \(wanted.count)"
            }
            for (index, pair) in zip(values, wanted).enumerated() {
                if let difference = self.difference(
                    pair.0, pair.1, isExact: isExact, appKey: appKey, at: "\(path)[\(index)]")
                {
                    return difference
                }
            }
            return nil
        default:
            return actual == expected ? nil : "\(path) is \(actual.text.prefix(300)), not \(expected.text.prefix(300))"
        }
    }
}
