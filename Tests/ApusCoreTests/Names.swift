import ApusCore

/// Legal names, or an error that says which is not.
enum Names {
    static func tag(_ text: String) throws -> Tag {
        guard let tag = Tag(text) else { throw Unexpected(what: "tag \(text)") }
        return tag
    }

    /// Those of the texts that are legal.
    static func tags(_ texts: String...) -> [Tag] { texts.compactMap { Tag($0) } }

    static func alias(_ text: String) throws -> Alias {
        guard let alias = Alias(text) else { throw Unexpected(what: "alias \(text)") }
        return alias
    }

    static func registrationID(_ text: String) throws -> RegistrationID {
        guard let name = RegistrationID(text) else { throw Unexpected(what: "registration id \(text)") }
        return name
    }
}
