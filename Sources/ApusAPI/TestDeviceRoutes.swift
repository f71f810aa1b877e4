import ApusCore
import NIOHTTP1

/// Test devices, below `/v3/test`.
enum TestDeviceRoutes {
    static func routes(at path: [String]) -> [Route]? {
        guard path.first == "model" else { return nil }
        switch path.dropFirst().first {
        case "add" where path.count == 2: return [Route(.POST, .device, isVIPOnly: true, answer: self.add)]
        case "update" where path.count == 2: return [Route(.PUT, .device, isVIPOnly: true, answer: self.rename)]
        case "list" where path.count == 2: return [Route(.GET, .device, isVIPOnly: true, answer: self.list)]
        case "delete" where path.count == 3:
            return [
                Route(.DELETE, .device, isVIPOnly: true) { call throws(Refusal) in try await self.remove(path[2], call)
                }
            ]
        default: return nil
        }
    }

    @Sendable private static func add(_ call: Call) async throws(Refusal) -> [UInt8] {
        let entry = try TestDeviceEntry(decoding: try call.bodyBytes())
        try await call.core.devices.addTestDevice(entry, in: call.app.id)
        return DeviceRoutes.done
    }

    @Sendable private static func rename(_ call: Call) async throws(Refusal) -> [UInt8] {
        let entry = try TestDeviceEntry(decoding: try call.bodyBytes())
        try await call.core.devices.renameTestDevice(entry, in: call.app.id)
        return DeviceRoutes.done
    }

    private static func remove(_ registrationID: String, _ call: Call) async throws(Refusal) -> [UInt8] {
        try await call.core.devices.removeTestDevice(registrationID, in: call.app.id)
        return DeviceRoutes.done
    }

    @Sendable private static func list(_ call: Call) async throws(Refusal) -> [UInt8] {
        let query = try TestDeviceQuery(
            page: call.query("page"), pageSize: call.query("page_size"), name: call.query("device_name"),
            registrationID: call.query("registration_id"))
        let page = try await call.core.devices.testDevices(query, of: call.app.id)
        var body: [UInt8] = []
        body.object { body in
            body.member("total", page.total)
            body.member("page", query.page)
            body.member("page_size", query.pageSize)
            body.array("detail", of: page.devices) { device, body in
                body.member("device_name", device.testName?.text ?? "")
                body.member("device_model", device.details["model"] ?? "")
                body.member("registration_id", device.registrationID.text)
                body.member("registration_time", Self.text(device.registeredAt))
                body.member("create_time", Self.text(device.testName?.since ?? device.registeredAt))
            }
        }
        return body
    }

    private static func text(_ moment: Timestamp) -> String { TimeUTC8(epochMilliseconds: moment.milliseconds).text }
}
