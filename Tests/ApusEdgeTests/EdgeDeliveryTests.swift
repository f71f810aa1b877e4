import ApusCore
import ApusEdge
import ApusTesting
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A login` {
    @Test func `brings what waits, in order, until it is acked`() async throws {
        try await EdgeStage.run { stage async throws in
            let identity = try await stage.registerDevice()
            var ids: [String] = []
            for index in 0..<150 { ids.append(try await stage.push("n\(index)")) }
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                #expect(try await device.login(identity) == 150)
                for id in ids { #expect(try await device.receive("push")["msg_id"]?.string == id) }
                let acked = ids.prefix(100).map { "\"\($0)\"" }.joined(separator: ",")
                try await device.send(#"{"op":"ack","msg_ids":[\#(acked)]}"#)
                _ = try await device.receive("acked")
                try await device.leave()
            }
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                #expect(try await device.login(identity) == 50)
                for id in ids.dropFirst(100) { #expect(try await device.receive("push")["msg_id"]?.string == id) }
            }
        }
    }

    @Test func `misses nothing and repeats nothing of what is pushed meanwhile`() async throws {
        try await EdgeStage.run { stage async throws in
            let identity = try await stage.registerDevice()
            var ids: [String] = []
            for _ in 0..<200 { ids.append(try await stage.push()) }
            let before = ids
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                async let later = {
                    var ids: [String] = []
                    for _ in 0..<200 { ids.append(try await stage.push()) }
                    return ids
                }()
                let pending = try await device.login(identity)
                #expect((200...400).contains(pending))
                for id in before + (try await later) {
                    #expect(try await device.receive("push")["msg_id"]?.string == id)
                }
            }
        }
    }

    @Test func `brings what waits at the pace of a device that reads slowly`() async throws {
        var settings = EdgeSettings()
        settings.inFlightMaxBytes = 32768
        try await EdgeStage.run(settings: settings) { stage async throws in
            let identity = try await stage.registerDevice()
            var ids: [String] = []
            for _ in 0..<900 { ids.append(try await stage.push(String(repeating: "y", count: 1500))) }
            try await SimulatedDevice.connect(port: stage.port, receiveBufferBytes: 4096) { device async throws in
                #expect(try await device.login(identity) == 900)
                for _ in 0..<10 { ids.append(try await stage.push("z")) }
                for id in ids { #expect(try await device.receive("push")["msg_id"]?.string == id) }
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `The answer to the acks of a crowd` {
    /// One device is crowd enough here.
    private static func settings(delay: TimeAmount) -> EdgeSettings {
        var settings = EdgeSettings()
        settings.crowdMin = 1
        settings.crowdDelay = delay
        return settings
    }

    @Test func `comes along with whatever is sent next`() async throws {
        var limits = Limits()
        limits[.framesPerSecond] = 0
        try await EdgeStage.run(limits: limits, settings: Self.settings(delay: .hours(1))) { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                let id = try await stage.push()
                _ = try await device.receive("push")
                try await device.send(#"{"op":"ack","msg_id":"\#(id)"}"#)
                var isAcked = false
                // Until the receipt is durable, a ping brings nothing but its own answer.
                while !isAcked {
                    try await device.send(#"{"op":"ping"}"#)
                    while case .frame(let frame) = try await device.receive(), frame["op"]?.string != "pong" {
                        #expect(frame["op"]?.string == "acked")
                        isAcked = true
                    }
                }
                #expect(try await stage.receivedCount(id) == 1)
            }
        }
    }

    @Test func `comes by itself when nothing else is sent`() async throws {
        try await EdgeStage.run(settings: Self.settings(delay: .milliseconds(20))) { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                for _ in 0..<3 {
                    let id = try await stage.push()
                    _ = try await device.receive("push")
                    try await device.send(#"{"op":"ack","msg_id":"\#(id)"}"#)
                    #expect(try await device.receive("acked")["msg_ids"]?.list?.map(\.string) == [id])
                    #expect(try await stage.receivedCount(id) == 1)
                }
            }
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct `A device that does not read` {
    @Test func `is given up, slows nobody, and loses nothing`() async throws {
        var settings = EdgeSettings()
        settings.inFlightMaxBytes = 65536
        settings.owedMaxBytes = 131_072
        try await EdgeStage.run(settings: settings) { stage async throws in
            let (identity, ids) = try await SimulatedDevice.connect(port: stage.port, receiveBufferBytes: 4096) {
                slow in
                let identity = try await slow.register(stage.app.key)
                let ids = try await Self.pushUntilGivenUp(stage)
                var seen = 0
                while case .frame(let frame) = try await slow.receive() {
                    if frame["op"]?.string == "push" {
                        #expect(frame["msg_id"]?.string == ids[seen])
                        seen += 1
                    } else {
                        #expect(frame["reason"]?.string == "overload")
                    }
                }
                #expect(seen > 0 && seen < ids.count)
                return (identity, ids)
            }
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                let pending = try await device.login(identity)
                #expect(pending == min(1000, ids.count))
                for id in ids.suffix(pending) { #expect(try await device.receive("push")["msg_id"]?.string == id) }
            }
        }
    }

    /// Pushes to a quick device, which acks each, and to the slow one, until that one's session ends.
    private static func pushUntilGivenUp(_ stage: EdgeStage) async throws -> [String] {
        try await SimulatedDevice.connect(port: stage.port) { quick async throws in
            _ = try await quick.register(stage.app.key)
            let text = String(repeating: "x", count: 1900)
            var ids: [String] = []
            while stage.edge.sessionCount == 2 {
                let id = try await stage.push(text)
                ids.append(id)
                #expect(try await quick.receive("push")["msg_id"]?.string == id)
                try await quick.send(#"{"op":"ack","msg_id":"\#(id)"}"#)
                _ = try await quick.receive("acked")
            }
            return ids
        }
    }
}
