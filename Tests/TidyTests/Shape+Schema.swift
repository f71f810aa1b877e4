@testable import ApusContract

/// The schemas of the push object, from the tables that it is checked with.
extension Shape {
    /// The schema of an object of this shape.
    ///
    /// - Parameter path: where the object stands in the push, empty for the push itself.
    func schema(_ path: String = "") -> YAML {
        let members = self.rows.map { row in
            ("\(row.name)", row.rule.schema(path.isEmpty ? "\(row.name)" : "\(path).\(row.name)"))
        }
        var schema: [(String, YAML)] = [("type", .text("object"))]
        let required = self.rows.filter(\.isRequired).map { YAML.text("\($0.name)") }
        if !required.isEmpty { schema.append(("required", .list(required))) }
        schema.append(("properties", .object(members)))
        if !self.passesUnknown { schema.append(("additionalProperties", .literal("false"))) }
        return .object(schema)
    }
}

extension Rule {
    fileprivate func schema(_ path: String) -> YAML {
        switch self {
        case .required(let rule): rule.schema(path)
        case .any, .special: Self.special(path)
        case .string: Self.type("string")
        case .text: Self.type("string", ("minLength", .literal("1")))
        case .sized(let maxBytes):
            Self.type(
                "string", ("maxLength", .literal("\(maxBytes)")),
                ("description", .text("At most \(maxBytes) bytes of UTF-8.")))
        case .word(let words): Self.type("string", ("enum", .list(words.map { .text("\($0)") })))
        case .time: .schema("Time")
        case .integer(let bounds): Self.integer(bounds)
        case .number(let numbers): Self.type("integer", ("enum", .list(numbers.map { .literal("\($0)") })))
        case .fraction(let bounds):
            Self.type(
                "number", ("minimum", .literal("\(bounds.lowerBound)")), ("maximum", .literal("\(bounds.upperBound)")))
        case .boolean: Self.type("boolean")
        case .strings: Self.type("array", ("items", Self.type("string")))
        case .free: Self.type("object")
        case .object(let shape), .unlessEmpty(let shape): shape.schema(path)
        case .stringOr(let rule): .object([("anyOf", .list([Self.type("string"), rule.schema(path)]))])
        }
    }

    private static func type(_ name: String, _ more: (String, YAML)...) -> YAML {
        .object([("type", .text(name))] + more)
    }

    private static func integer(_ bounds: ClosedRange<Int64>) -> YAML {
        var schema: [(String, YAML)] = [("type", .text("integer"))]
        if bounds.lowerBound != .min { schema.append(("minimum", .literal("\(bounds.lowerBound)"))) }
        if bounds.upperBound != .max { schema.append(("maximum", .literal("\(bounds.upperBound)"))) }
        return .object(schema)
    }

    /// What a rule in code checks, by the place of the value.
    private static func special(_ path: String) -> YAML {
        switch path {
        case "platform": .schema("Platforms")
        case "audience": .schema("Audience")
        case "cid": Self.type("string", ("pattern", .text("^[0-9A-Za-z_-]{1,\(CID.sizeMaxBytes)}$")))
        case "notification.hmos": HMOS.shape.schema(path)
        case "notification.ios.badge":
            .object([
                (
                    "anyOf",
                    .list([Self.integer(0...99_999), Self.type("string", ("pattern", .text("^([+-]?[0-9]{1,5})?$")))])
                )
            ])
        case "message.msg_content":
            .object([("type", .list(["string", "object", "array"].map(YAML.text)))])
        case "sms_message": SMSMessage.shape.schema(path)
        case "live_activity.ios": LiveActivity.shape.schema(path)
        case let path where path.hasPrefix("options.third_party_channel."): VendorChannelOptions.shape.schema(path)
        default: .object([])
        }
    }
}
