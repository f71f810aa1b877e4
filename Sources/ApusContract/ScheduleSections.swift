/// The sections of a scheduled task that a caller sent: all of them to create one, some of them to change one.
///
/// Source: contract, schedule §1 and §7.
package struct ScheduleSections: Sendable, Equatable {
    /// A section as it is understood, and as it is kept and given back.
    package struct Section<Value: Sendable & Equatable>: Sendable, Equatable {
        /// What it says.
        package let value: Value
        /// As it was sent, as compact JSON without nulls.
        package let kept: [UInt8]
    }

    /// See ``isLegal(name:)``.
    package let name: String?
    /// Whether it fires.
    package let isEnabled: Bool?
    /// When it fires.
    package let trigger: Section<Trigger>?
    /// What is pushed at each fire, without the `cid` that means nothing there.
    package let push: Section<PushRequest>?

    /// The longest name that is legal, in bytes of UTF-8.
    package static let nameMaxBytes = 255

    /// Reads a task that is to be created: every section is there and `enabled` is true.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` with a sentence of the schedule family.
    package static func created(by root: JSONValue) throws(Refusal) -> ScheduleSections {
        let sections = try ScheduleSections(root)
        guard sections.name != nil else { throw .section(root.missing("name")) }
        guard let isEnabled = sections.isEnabled else { throw .section(root.missing("enabled")) }
        guard isEnabled else { throw .section(.bad("enabled", "true in a new task")) }
        guard sections.trigger != nil else { throw .section(root.missing("trigger")) }
        guard sections.push != nil else { throw .section(root.missing("push")) }
        return sections
    }

    /// Reads what is to change of a task: at least one section.
    ///
    /// - Throws: as ``created(by:)``.
    package static func changed(by root: JSONValue) throws(Refusal) -> ScheduleSections {
        let sections = try ScheduleSections(root)
        guard sections.name != nil || sections.isEnabled != nil || sections.trigger != nil || sections.push != nil
        else { throw .section(.bad("The request body", "an object with one or more of name, enabled, trigger, push")) }
        return sections
    }

    /// The body of a request.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` when it is not JSON or no object.
    package static func root(_ bytes: [UInt8]) throws(Refusal) -> JSONValue {
        do {
            return try JSONValue.requestBody(bytes)
        } catch {
            throw .schedule("request data is not json: \(error.detail ?? "")")
        }
    }

    /// Keys of the top level that are none of ours are ignored.
    private init(_ root: JSONValue) throws(Refusal) {
        do throws(Refusal) {
            self.name = try root["name"].map { (value) throws(Refusal) in try Self.name(value) }
            self.isEnabled = try root["enabled"].map { (value) throws(Refusal) in
                guard let isEnabled = value.boolean else { throw value.bad("a boolean") }
                return isEnabled
            }
            self.trigger = try root["trigger"].map { (value) throws(Refusal) in
                Section(value: try Trigger(value), kept: value.compact())
            }
        } catch {
            throw .section(error)
        }
        self.push = try root["push"].map { (value) throws(Refusal) in
            guard value.members != nil else { throw .section(value.bad("an object")) }
            do throws(Refusal) {
                return try Self.push(value)
            } catch {
                throw .push(error)
            }
        }
    }

    /// A push inside a task is read as one of its own, so that refusals name the places that its endpoint would name.
    private static func push(_ value: JSONValue) throws(Refusal) -> Section<PushRequest> {
        let kept = value["cid"].map { value.compact(omitting: [$0.index]) } ?? value.compact()
        return Section(value: try self.push(kept: kept), kept: kept)
    }

    /// Reads a push that was kept with a task.
    ///
    /// - Throws: what its endpoint would.
    package static func push(kept: [UInt8]) throws(Refusal) -> PushRequest {
        do {
            return try PushRequest(try JSONValue(parsing: kept), audience: .devicesOrFile)
        } catch let error as Refusal {
            throw error
        } catch {
            throw Refusal(.internalFault)
        }
    }

    /// Reads a trigger that was kept with a task.
    ///
    /// - Throws: ``Refusal/Kind/internalFault``: it was checked when it was sent.
    package static func trigger(kept: [UInt8]) throws(Refusal) -> Trigger {
        do { return try Trigger(try JSONValue(parsing: kept)) } catch { throw Refusal(.internalFault) }
    }

    /// Reads the name of a task.
    static func name(_ value: JSONValue) throws(Refusal) -> String {
        guard let name = value.string, Self.isLegal(name: name) else {
            throw value.bad("1 to \(Self.nameMaxBytes) bytes of letters, digits, Chinese characters and _")
        }
        return name
    }

    /// Whether the body of a new task, legal or not, has an audience that is an uploaded list.
    package static func namesFile(_ root: JSONValue) -> Bool { root["push"]?["audience"]?["file"] != nil }

    /// 1 to 255 bytes of UTF-8: letters, digits, `_` and Han characters.
    package static func isLegal(name: String) -> Bool {
        guard (1...Self.nameMaxBytes).contains(name.utf8.count) else { return false }
        return name.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "0"..."9", "a"..."z", "A"..."Z", "_": true
            default: scalar.properties.isIdeographic
            }
        }
    }
}

extension Refusal {
    /// A task that is refused for a reason of its family, in the vendor's sentence.
    ///
    /// - Parameter reason: as in `has been at term`.
    package static func schedule(_ reason: String) -> Refusal {
        Refusal(.badValue, "The schedule-task is invalid, \(reason)")
    }

    /// A task with a section that is missing or malformed.
    static func section(_ refusal: Refusal) -> Refusal { .schedule("section is invalid: \(refusal.sentence)") }

    /// A task whose push is refused. What is no fault of the push stays as it is.
    package static func push(_ refusal: Refusal) -> Refusal {
        guard refusal.row(for: .push).retry != .later, refusal.kind != .vipOnly else { return refusal }
        var wrapped = Refusal.schedule("push is invalid:\(refusal.sentence)")
        wrapped.illegalRegistrationIDs = refusal.illegalRegistrationIDs
        return wrapped
    }

    private var sentence: String { self.message(for: .push) }
}
