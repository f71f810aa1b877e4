import ApusContract
import ApusTesting
import Logging
import Testing

@testable import ApusCore

@Suite struct `Logins from one address` {
    private let here = IPAddress(bytes: [192, 0, 2, 1])
    private let elsewhere = IPAddress(bytes: [192, 0, 2, 2])

    private static func isLimited(_ refusal: Refusal?) -> Bool { refusal?.kind == .rateLimited }

    /// - Returns: nil when the login held.
    private func failure(
        _ node: TestCore, _ device: DeviceService.Registered, secret: String? = nil, from source: IPAddress?
    ) async -> Refusal? {
        do throws(Refusal) {
            _ = try await node.core.devices.login(
                device.registrationID.text, secret: secret ?? device.secret, from: source)
            return nil
        } catch {
            return error
        }
    }

    @Test func `that fail too often are refused, and lock out no neighbour`() async throws {
        let node = try await TestCore.open(limits: Limits([.failedAuthPerMinute: 3]))
        let app = try await node.createApp()
        var devices: [DeviceService.Registered] = []
        for _ in 0..<2 {
            devices.append(
                try await node.core.devices.register(
                    .init(appKey: app.key, platform: .ios, change: DeviceChange()), from: self.here))
        }
        for _ in 0..<3 {
            #expect(await self.failure(node, devices[0], secret: "wrong", from: self.here) == Refusal(.badSecret))
        }
        let refused = await self.failure(node, devices[0], from: self.here)
        #expect(Self.isLimited(refused))
        #expect(refused?.retryAfterSeconds == 60)
        // Neither the neighbour nor the same device elsewhere.
        #expect(await self.failure(node, devices[1], from: self.here) == nil)
        #expect(await self.failure(node, devices[0], from: self.elsewhere) == nil)
        #expect(await self.failure(node, devices[0], from: nil) == nil)
        // A wrong secret and an unknown id are told apart by nothing.
        #expect(Self.isLimited(await self.failure(node, devices[1], secret: "wrong", from: self.here)))
        await #expect {
            try await node.core.devices.login("1000000000000000000", secret: "x", from: self.here)
        } throws: { Self.isLimited($0 as? Refusal) }
        node.clock.advance(seconds: 61)
        #expect(await self.failure(node, devices[0], from: self.here) == nil)
    }

    @Test func `are not looked at again once they have failed over the limit`() async throws {
        let node = try await TestCore.open(limits: Limits([.failedAuthPerMinute: 1]))
        let app = try await node.createApp()
        let device = try await node.core.devices.register(
            .init(appKey: app.key, platform: .ios, change: DeviceChange()))
        #expect(await self.failure(node, device, secret: "wrong", from: self.here) == Refusal(.badSecret))
        node.store.failReads(with: .unavailable)
        #expect(Self.isLimited(await self.failure(node, device, secret: "wrong", from: self.here)))
    }

    @Test func `may register so many devices in a minute`() async throws {
        let node = try await TestCore.open(limits: Limits([.registrationsPerMinute: 2]))
        let app = try await node.createApp()
        func register(from source: IPAddress?) async throws {
            _ = try await node.core.devices.register(
                .init(appKey: app.key, platform: .web, change: DeviceChange()), from: source)
        }
        for _ in 0..<2 { try await register(from: self.here) }
        await #expect { try await register(from: self.here) } throws: { Self.isLimited($0 as? Refusal) }
        try await register(from: self.elsewhere)
        node.clock.advance(seconds: 60)
        try await register(from: self.here)
    }
}

@Suite struct `An incident log` {
    @Test func `tells of each cause once a minute, and how often it was`() {
        let clock = StoppedClock()
        let log = IncidentLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, clocks: clock.clocks)
        #expect(log.note("a", from: "192.0.2.1") == 1)
        #expect(log.note("b", from: nil) == 1)
        for _ in 0..<1000 { #expect(log.note("a", from: nil) == nil) }
        clock.advance(seconds: 60)
        #expect(log.note("a", from: nil) == 1001)
        #expect(log.note("a", from: nil) == nil)
        clock.advance(seconds: 120)
        #expect(log.note("a", from: nil) == 2)
    }
}
