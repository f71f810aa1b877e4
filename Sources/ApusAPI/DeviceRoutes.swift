import ApusCore
import NIOHTTP1

/// The device family: devices, aliases, tags, online status and test devices.
enum DeviceRoutes {
    /// Devices that `GET /v3/aliases/{alias}` names unless asked for the newer form.
    private static let aliasDevicesMax = 10
    /// Devices that it names in the newer form: as many as the lists of this family may hold.
    private static let aliasDetailsMax = JSONValue.registrationIDsMax
    /// Tags that `GET /v3/tags` names of each platform.
    private static let tagsMax = 100

    /// - Parameter path: below `/v3`; in the Beijing form, below `/v3/device`, where a device stands without a word
    ///   before it.
    static func routes(at path: [String], isBeijing: Bool = false) -> [Route]? {
        switch path.first {
        case "aliases": return self.aliasRoutes(at: Array(path.dropFirst()))
        case "tags": return self.tagRoutes(at: Array(path.dropFirst()))
        case "devices" where !isBeijing: return self.deviceRoutes(at: Array(path.dropFirst()))
        case "test" where !isBeijing: return TestDeviceRoutes.routes(at: Array(path.dropFirst()))
        default: return isBeijing ? self.deviceRoutes(at: path) : nil
        }
    }

    private static func deviceRoutes(at path: [String]) -> [Route]? {
        guard path.count == 1 else { return nil }
        guard path[0] != "status" else {
            return [Route(.POST, .device, isVIPOnly: true, answer: self.status)]
        }
        return [
            Route(.GET, .device) { call throws(Refusal) in try await self.device(path[0], call) },
            Route(.POST, .device) { call throws(Refusal) in try await self.change(path[0], call) },
        ]
    }

    private static func aliasRoutes(at path: [String]) -> [Route]? {
        guard path.count == 1 else { return nil }
        return [
            Route(.GET, .device) { call throws(Refusal) in try await self.devices(ofAlias: path[0], call) },
            Route(.POST, .device) { call throws(Refusal) in try await self.unbind(path[0], call) },
            Route(.DELETE, .device) { call throws(Refusal) in try await self.delete(alias: path[0], call) },
        ]
    }

    private static func tagRoutes(at path: [String]) -> [Route]? {
        switch path.count {
        case 0: [Route(.GET, .device, answer: self.tags)]
        case 1:
            [
                Route(.POST, .device) { call throws(Refusal) in try await self.update(tag: path[0], call) },
                Route(.DELETE, .device) { call throws(Refusal) in try await self.delete(tag: path[0], call) },
            ]
        case 3 where path[1] == "registration_ids":
            [Route(.GET, .device) { call throws(Refusal) in try self.isTagged(path[2], with: path[0], call) }]
        default: nil
        }
    }

    /// What success says that has nothing to return.
    static let done = Array("{}".utf8)
}

// MARK: - Devices

extension DeviceRoutes {
    /// Exactly three keys, always there: one client counts them, another asks the alias whether it is empty.
    private static func device(_ registrationID: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let device = try await call.core.devices.device(registrationID, of: call.app.id)
        var body: [UInt8] = []
        body.object { body in
            body.member("tags", device.tags.map(\.text))
            body.member("alias", device.alias?.text ?? "")
            body.member("mobile", device.mobile ?? "")
        }
        return body
    }

    private static func change(_ registrationID: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let update = try DeviceUpdate(decoding: try call.bodyBytes())
        // Also when nothing is to change, the device must be there.
        _ = try await call.core.devices.device(registrationID, of: call.app.id)
        try await call.core.devices.change(DeviceChange(update), of: registrationID, in: call.app.id)
        return self.done
    }

    @Sendable private static func status(_ call: Call) async throws(Refusal) -> [UInt8] {
        let query = try DeviceStatusQuery(decoding: try call.bodyBytes())
        let states = try await call.core.devices.onlineStates(of: query.registrationIDs, in: call.app.id)
        var body: [UInt8] = []
        body.object { body in
            for (name, state) in zip(query.registrationIDs, states) {
                body.name(name)
                body.object { self.write(state, to: &$0) }
            }
        }
        return body
    }

    private static func write(_ state: DeviceService.OnlineState, to body: inout [UInt8]) {
        switch state {
        case .unknown: break
        case .online: body.member("online", true)
        case .offline(let lastSeen):
            body.member("online", false)
            if let lastSeen {
                body.member("last_online_time", TimeUTC8(epochMilliseconds: lastSeen.milliseconds).text)
            }
        }
    }
}

extension DeviceChange {
    fileprivate init(_ update: DeviceUpdate) {
        self.init()
        switch update.tags {
        case nil: break
        case .removeAll: self.tags = .set([])
        case .change(let add, let remove): self.tags = .change(add: add, remove: remove)
        }
        self.alias = update.alias
        self.mobile = update.mobile
    }
}

// MARK: - Aliases

extension DeviceRoutes {
    private static func devices(ofAlias text: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let alias = try self.alias(text)
        let platforms = try PlatformSet(query: call.query("platform"))
        let isNewForm = call.query("new_format")?.lowercased() == "true"
        let devices = try await call.core.devices.devices(
            named: alias, on: platforms, limit: isNewForm ? self.aliasDetailsMax : self.aliasDevicesMax, of: call.app.id
        )
        var body: [UInt8] = []
        body.object { body in
            guard isNewForm else { return body.member("registration_ids", devices.map(\.registrationID.text)) }
            body.array("data", of: devices) { device, body in
                body.member("registration_id", device.registrationID.text)
                body.member("platform", device.platform.name)
                if let seen = call.core.devices.lastSeen(device) {
                    body.member("last_online_date", DayUTC8(epochMilliseconds: seen.milliseconds).text)
                } else {
                    body.null("last_online_date")
                }
            }
        }
        return body
    }

    private static func unbind(_ text: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let alias = try self.alias(text)
        let lists = try DeviceListUpdate(decoding: try call.bodyBytes(), rule: .removeOnly)
        try await call.core.devices.unbind(alias, from: lists, in: call.app.id)
        return self.done
    }

    private static func delete(alias text: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let alias = try self.alias(text)
        try await call.core.devices.delete(
            alias, on: try PlatformSet(query: call.query("platform")), in: call.app.id)
        return self.done
    }

    private static func alias(_ text: String) throws(Refusal) -> Alias {
        guard let alias = Alias(text) else { throw .bad("The alias of the path", Label.expectation) }
        return alias
    }
}

// MARK: - Tags

extension DeviceRoutes {
    @Sendable private static func tags(_ call: Call) async throws(Refusal) -> [UInt8] {
        let tags = try await call.core.devices.newestTags(of: call.app.id, limit: self.tagsMax)
        var body: [UInt8] = []
        body.object { $0.member("tags", tags.map(\.text)) }
        return body
    }

    private static func isTagged(
        _ registrationID: String, with text: String, _ call: Call
    ) throws(Refusal) -> [UInt8] {
        let isTagged = try call.core.devices.isTagged(registrationID, with: try self.tag(text), in: call.app.id)
        var body: [UInt8] = []
        body.object { $0.member("result", isTagged) }
        return body
    }

    private static func update(tag text: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let tag = try self.tag(text)
        let lists = try DeviceListUpdate(decoding: try call.bodyBytes(), rule: .addOrRemove)
        try await call.core.devices.update(tag, with: lists, in: call.app.id)
        return self.done
    }

    private static func delete(tag text: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        let tag = try self.tag(text)
        try await call.core.devices.delete(tag, on: try PlatformSet(query: call.query("platform")), in: call.app.id)
        return self.done
    }

    private static func tag(_ text: String) throws(Refusal) -> Tag {
        guard let tag = Tag(text) else { throw .bad("The tag of the path", Label.expectation) }
        return tag
    }
}
