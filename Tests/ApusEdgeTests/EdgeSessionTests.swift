import ApusCore
import ApusEdge
import ApusTesting
import ApusWire
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A device in session` {
    @Test func `gets a push and has its ack counted once`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                let id = try await stage.push("hi")
                let push = try await device.receive("push")
                #expect(push["msg_id"]?.string == id)
                #expect(push["notification"]?["alert"]?.string == "hi")
                for ref in 1...2 as ClosedRange<Int64> {
                    try await device.send(#"{"op":"ack","msg_id":"\#(id)","ref":\#(ref)}"#)
                    let acked = try await device.receive("acked")
                    #expect(acked["ref"]?.integer == ref)
                    #expect(acked["msg_ids"]?.list?.map(\.string) == [id])
                    #expect(try await stage.receivedCount(id) == 1)
                }
            }
        }
    }

    @Test func `is refused acks of what is not its own, and keeps the others`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                let id = try await stage.push()
                _ = try await device.receive("push")
                try await device.send(#"{"op":"ack","msg_ids":["12345","99"],"ref":"x"}"#)
                let error = try await device.receive("error")
                #expect(error["ref"]?.string == "x")
                #expect(error["error"]?["code"]?.integer == 7002)
                try await device.send(#"{"op":"ack","msg_ids":["12345","\#(id)"]}"#)
                #expect(try await device.receive("acked")["msg_ids"]?.list?.map(\.string) == [id])
                try await device.send(#"{"op":"ack","msg_ids":["\#(id)","nonsense"]}"#)
                #expect(try await device.receive("error")["error"]?["code"]?.integer == 7002)
            }
        }
    }

    @Test func `changes itself frame after frame, in their order`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                for index in 0..<20 { try await device.send(#"{"op":"tags","add":["t\#(index)"],"ref":\#(index)}"#) }
                try await device.send(#"{"op":"ping","ref":20}"#)
                for index in 0..<20 as Range<Int64> {
                    #expect(try await device.receive("ok")["ref"]?.integer == index)
                }
                #expect(try await device.receive("pong")["ref"]?.integer == 20)
            }
        }
    }

    @Test func `is told when its push is withdrawn and when its app is deleted`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                let id = try await stage.push()
                _ = try await device.receive("push")
                try await stage.withdraw(id)
                #expect(try await device.receive("withdraw")["msg_id"]?.string == id)
                try await stage.deleteApp()
                #expect(try await device.receive("bye")["reason"]?.string == "deleted")
                #expect(try await device.receiveClose() == 4004)
            }
        }
    }

    @Test func `gives way to a newer session and stays online through it`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { old async throws in
                let identity = try await old.register(stage.app.key)
                try await SimulatedDevice.connect(port: stage.port) { new async throws in
                    #expect(try await new.login(identity) == 0)
                    #expect(try await old.receive("bye")["reason"]?.string == "replaced")
                    #expect(try await old.receiveClose() == 4003)
                    #expect(stage.edge.sessionCount == 1)
                    let id = try await stage.push(timeToLive: 0)
                    #expect(try await new.receive("push")["msg_id"]?.string == id)
                }
            }
        }
    }

    @Test func `is sent away when the node drains, after its ack is durable`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                let id = try await stage.push()
                _ = try await device.receive("push")
                try await device.send(#"{"op":"ack","msg_id":"\#(id)"}"#)
                _ = try await device.receive("acked")
                async let drained: Void = stage.edge.drain(within: .seconds(30))
                let bye = try await device.receive("bye")
                #expect(bye["reason"]?.string == "draining")
                #expect((1...10).contains(bye["retry_after"]?.integer ?? 0))
                #expect(try await device.receiveClose() == 1001)
                await drained
                #expect(stage.edge.sessionCount == 0)
                #expect(try await stage.receivedCount(id) == 1)
            }
        }
    }

    @Test func `is closed when it sends more frames than its app allows, acks apart`() async throws {
        try await EdgeStage.run(limits: Limits([.framesPerSecond: 5])) { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                for _ in 0..<100 {
                    let id = try await stage.push()
                    _ = try await device.receive("push")
                    try await device.send(#"{"op":"ack","msg_id":"\#(id)"}"#)
                    _ = try await device.receive("acked")
                }
                // Sending fails once the edge has closed.
                for _ in 0..<1000 { try? await device.send(#"{"op":"ping"}"#) }
                var pongs = 0
                var code: UInt16?
                while code == nil {
                    switch try await device.receive() {
                    case .frame(let frame): pongs += frame["op"]?.string == "pong" ? 1 : 0
                    case .close(let reason): code = reason
                    case .ping, .end: throw SimulatedDevice.Unexpected("no close frame")
                    }
                }
                #expect(code == 4008)
                // Fifty at once, and what a slow machine earns while they are sent.
                #expect((50..<500).contains(pongs))
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `A connection that is no session` {
    @Test func `is refused for unknown credentials`() async throws {
        try await EdgeStage.run { stage async throws in
            let key = "Z" + stage.app.key.text.dropFirst()
            for (text, code) in [
                (#"{"op":"login","registration_id":"1a","secret":"x","ref":"q"}"#, 7004),
                (#"{"op":"register","app_key":"\#(key)","platform":"web","ref":"q"}"#, 7008),
                (#"{"op":"active","ref":"q"}"#, 7001), (#"{"op":"login","ref":"q"}"#, 7002),
            ] as [(String, Int64)] {
                try await SimulatedDevice.connect(port: stage.port) { device async throws in
                    try await device.send(text)
                    let error = try await device.receive("error")
                    #expect(error["error"]?["code"]?.integer == code)
                    #expect(error["ref"]?.string == "q")
                    #expect(try await device.receiveClose() == 4001)
                }
            }
        }
    }

    @Test func `is refused while its neighbours are let in`() async throws {
        try await EdgeStage.run { stage async throws in
            var identities: [SimulatedDevice.Identity] = []
            for _ in 0..<12 { identities.append(try await stage.registerDevice()) }
            try await stage.push()
            // More than one batch, however they fall together.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<48 {
                    let (port, identity) = (stage.port, identities[number % 12])
                    group.addTask {
                        try await SimulatedDevice.connect(port: port) { device async throws in
                            guard number >= 12 else {
                                #expect(try await device.login(identity) == 1)
                                _ = try await device.receive("push")
                                return
                            }
                            let id = identity.registrationID
                            try await device.send(
                                #"{"op":"login","registration_id":"\#(id)","secret":"\#(number)","ref":\#(number)}"#)
                            let error = try await device.receive("error")
                            #expect(error["error"]?["code"]?.integer == 7004)
                            #expect(error["ref"]?.integer == Int64(number))
                            #expect(try await device.receiveClose() == 4001)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `is closed when its first frame does not come`() async throws {
        var settings = EdgeSettings()
        settings.firstFrameTimeout = .milliseconds(500)
        try await EdgeStage.run(settings: settings) { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                #expect(try await device.receiveClose() == 4001)
            }
        }
    }

    @Test func `is pinged when it falls silent, and then closed`() async throws {
        var settings = EdgeSettings()
        // Long enough that a busy machine gets round to the ping before the whole of it is over.
        settings.idleTimeout = .seconds(4)
        try await EdgeStage.run(settings: settings) { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                guard case .ping = try await device.receive() else { throw SimulatedDevice.Unexpected("no ping") }
                #expect(try await device.receive("bye")["reason"]?.string == "idle")
                #expect(try await device.receiveClose() == 1001)
                #expect(stage.edge.sessionCount == 0)
            }
        }
    }

    @Test func `ends at the third frame that is not understood`() async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                _ = try await device.register(stage.app.key)
                try await device.send(.binary, [1])
                try await device.send("nonsense")
                try await device.send(#"{"op":"sing"}"#)
                for _ in 0..<3 { _ = try await device.receive("error") }
                #expect(try await device.receiveClose() == 4002)
            }
        }
    }

    @Test(
        arguments: [
            ([0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x70, 0, 0, 0, 0], 1009), ([0x81, 0x01, 0x41], 1002),
            ([0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007), ([0xC1, 0x80, 0, 0, 0, 0], 1002),
        ] as [([UInt8], UInt16)])
    func `ends at bytes that are no WebSocket frames`(_ bytes: [UInt8], _ code: UInt16) async throws {
        try await EdgeStage.run { stage async throws in
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                try await device.send(raw: bytes)
                #expect(try await device.receiveClose() == code)
            }
        }
    }
}
