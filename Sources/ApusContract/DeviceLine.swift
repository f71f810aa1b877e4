/// One device in a file that an operator imports: one JSON object on one line.
///
/// Strict: a misspelt key in a file of a million lines would go unnoticed otherwise.
/// - Source: contract, cli, `device import`.
package struct DeviceLine: Sendable, Equatable {
    /// Tags of one device.
    package static let tagsMax = 1000
    /// Bytes of one vendor token.
    package static let tokenMaxBytes = 4096
    /// Characters of a secret.
    package static let secretSizes = 16...128

    /// Nil where one is to be made.
    package let registrationID: RegistrationID?
    /// Nil where one is to be made, or none wanted.
    package let secret: String?
    /// What it runs on.
    package let platform: Platform
    /// Nil leaves those of a known device as they are.
    package let tags: [Tag]?
    /// `.some(nil)` unbinds.
    package let alias: Alias??
    /// `.some(nil)` clears.
    package let mobile: String??
    /// By the vendor's name; an empty token removes.
    package let tokens: [String: String]

    private static let shape: Shape = [
        "registration_id": .any, "secret": .any, "platform": .required(.text), "tags": .any, "alias": .any,
        "mobile": .any, "tokens": .any,
    ]

    /// - Parameter tokenNames: the vendors that tokens may be of.
    /// - Throws: a ``Refusal`` that says what is wrong with the line.
    package init(decoding bytes: [UInt8], tokenNames: Set<String>) throws(Refusal) {
        let root: JSONValue
        do { root = try JSONValue(parsing: bytes) } catch {
            throw Refusal(.badValue, "it is not JSON: at byte \(error.offset), \(error.reason)")
        }
        guard root.kind == .object else { throw Refusal(.badValue, "it must be a JSON object") }
        try Self.shape.check(root)
        self.registrationID = try root["registration_id"].map { (value) throws(Refusal) in
            guard let name = value.string.flatMap({ RegistrationID($0) }) else {
                throw value.bad("1 to \(RegistrationID.sizeMaxBytes) letters, digits, _ and -")
            }
            return name
        }
        self.secret = try root["secret"].map { (value) throws(Refusal) in try Self.secret(value) }
        guard let platform = root["platform"]?.string.flatMap({ Platform(name: $0) }) else {
            throw .bad("platform", "one of android, ios, hmos, quickapp, web")
        }
        self.platform = platform
        self.tags = try root["tags"].map { (value) throws(Refusal) in try Self.tags(value) }
        self.alias = try root["alias"].map { (value) throws(Refusal) in try value.aliasOrNone() }
        self.mobile = try root["mobile"].map { (value) throws(Refusal) in try value.mobileOrNone() }
        self.tokens = try root["tokens"].map { (value) throws(Refusal) in try Self.tokens(value, tokenNames) } ?? [:]
    }

    private static func secret(_ value: JSONValue) throws(Refusal) -> String {
        guard let text = value.string, Self.secretSizes.contains(text.utf8.count), text.utf8.allSatisfy(\.isIdentifier)
        else {
            throw value.bad(
                "\(Self.secretSizes.lowerBound) to \(Self.secretSizes.upperBound) letters, digits, _ and -")
        }
        return text
    }

    private static func tags(_ value: JSONValue) throws(Refusal) -> [Tag] {
        guard let list = value.list else { throw value.bad("an array of strings") }
        guard list.count <= Self.tagsMax else { throw value.bad("at most \(Self.tagsMax) tags") }
        var tags: [Tag] = []
        for element in list {
            guard let tag = element.string.flatMap({ Tag($0) }) else { throw element.bad(Label.expectation) }
            tags.append(tag)
        }
        return tags
    }

    private static func tokens(_ value: JSONValue, _ names: Set<String>) throws(Refusal) -> [String: String] {
        guard let members = value.members else { throw value.bad("an object") }
        var tokens: [String: String] = [:]
        for (name, value) in members {
            guard let name = name.string, names.contains(name) else {
                throw value.bad("a token of one of \(names.sorted().joined(separator: ", "))")
            }
            guard let token = value.string, token.utf8.count <= Self.tokenMaxBytes else {
                throw value.bad("a string of at most \(Self.tokenMaxBytes) bytes")
            }
            tokens[name] = token
        }
        return tokens
    }
}
