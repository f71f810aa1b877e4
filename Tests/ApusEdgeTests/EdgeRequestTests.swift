import ApusCore
import ApusEdge
import ApusTesting
import NIOCore
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A plain request to the edge` {
    @Test func `is answered on the paths of the protocol and refused on others`() async throws {
        try await EdgeStage.run { stage async throws in
            for (method, path, allow) in [
                ("HEAD", "/v1/edge", "GET"), ("DELETE", "/v1/edge", "GET"),
                ("POST", "/v1/edge/events", "GET"), ("GET", "/v1/edge/frames", "POST"),
                ("PUT", "/v1/edge/registrations", "POST"),
            ] {
                let answer = try await stage.request(method, path)
                #expect(answer.status == 405, "\(method) \(path)")
                #expect(answer.header("Allow") == allow, "\(method) \(path)")
            }
            for path in ["/", "/v1", "/v1/edge/nowhere", "/v3/push"] {
                let answer = try await stage.request("GET", path)
                #expect(answer.status == 404)
                #expect(try answer.errorCode() == 404)
            }
        }
    }

    @Test(arguments: [
        [], ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8"],
        [
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: mqtt",
        ],
    ])
    func `is refused where a WebSocket upgrade is wanted`(_ headers: [String]) async throws {
        try await EdgeStage.run { stage async throws in
            let answer = try await stage.request("GET", "/v1/edge", headers: headers)
            #expect(answer.status == 400)
            #expect(try answer.errorCode() == 7002)
            #expect(answer.header("Sec-WebSocket-Version") == "13")
        }
    }

    @Test func `registers a device, which is not online for that`() async throws {
        try await EdgeStage.run { stage async throws in
            let body = #"{"app_key":"\#(stage.app.key.text)","platform":"web","tags":["a"]}"#
            let answer = try await stage.request("POST", "/v1/edge/registrations", body: body)
            #expect(answer.status == 200)
            #expect(stage.edge.sessionCount == 0)
            let id = try await stage.push()
            let identity = SimulatedDevice.Identity(
                registrationID: try answer.json()["registration_id"]?.string ?? "",
                secret: try answer.json()["secret"]?.string ?? "")
            try await SimulatedDevice.connect(port: stage.port) { device async throws in
                #expect(try await device.login(identity) == 1)
                #expect(try await device.receive("push")["msg_id"]?.string == id)
            }
            for (body, code) in [
                ("", 7002), ("[]", 7002), ("{", 7002), (#"{"platform":"web"}"#, 7002),
                (#"{"app_key":"nobody","platform":"web"}"#, 7008),
            ] as [(String, Int64)] {
                let refused = try await stage.request("POST", "/v1/edge/registrations", body: body)
                #expect(refused.status == 400)
                #expect(try refused.errorCode() == code)
            }
        }
    }

    @Test func `must prove who sends it`() async throws {
        try await EdgeStage.run { stage async throws in
            let identity = try await stage.registerDevice()
            for (method, path) in [("GET", "/v1/edge/events"), ("POST", "/v1/edge/frames")] {
                let missing = try await stage.request(method, path, body: "{}")
                #expect(missing.status == 401)
                #expect(try missing.errorCode() == 7001)
                let wrong = SimulatedDevice.Identity(registrationID: identity.registrationID, secret: "guess")
                let refused = try await stage.request(method, path, as: wrong, body: "{}")
                #expect(refused.status == 401)
                #expect(try refused.errorCode() == 7004)
                #expect(refused.header("WWW-Authenticate") != nil)
            }
        }
    }

    @Test func `carries frames, which are answered in their order`() async throws {
        try await EdgeStage.run { stage async throws in
            let identity = try await stage.registerDevice()
            let id = try await stage.push()
            let frames = """
                [{"op":"ping","ref":1},{"op":"ack","msg_id":"\(id)"},{"op":"ack","msg_id":"99"},{"op":"login"},7,
                {"op":"tags","set":["a"],"ref":"t"},{"op":"display","msg_id":"\(id)"},{"op":"active"}]
                """
            let answer = try await stage.request("POST", "/v1/edge/frames", as: identity, body: frames)
            #expect(answer.status == 200)
            let answers = try answer.json().list.map(Array.init) ?? []
            #expect(
                answers.map { $0["op"]?.string } == [
                    "pong", "acked", "error", "error", "error", "ok", "acked", "ok",
                ])
            #expect(answers[0]["ref"]?.integer == 1)
            #expect(answers[5]["ref"]?.string == "t")
            #expect(try await stage.receivedCount(id) == 1)
            let one = try await stage.request("POST", "/v1/edge/frames", as: identity, body: #"{"op":"ping"}"#)
            #expect(String(decoding: one.body, as: UTF8.self) == #"[{"op":"pong"}]"#)
            for body in ["", "7", "[", "[\(Array(repeating: "{}", count: 1001).joined(separator: ","))]"] {
                let refused = try await stage.request("POST", "/v1/edge/frames", as: identity, body: body)
                #expect(refused.status == 400)
                #expect(try refused.errorCode() == 7002)
            }
        }
    }

    @Test func `is limited in its frames, acks apart`() async throws {
        try await EdgeStage.run(limits: Limits([.framesPerSecond: 1])) { stage async throws in
            let identity = try await stage.registerDevice()
            let id = try await stage.push()
            let pings = "[\(Array(repeating: #"{"op":"ping"}"#, count: 11).joined(separator: ","))]"
            let refused = try await stage.request("POST", "/v1/edge/frames", as: identity, body: pings)
            #expect(refused.status == 429)
            #expect(try refused.errorCode() == 2002)
            #expect(refused.header("Retry-After") == "1")
            let ack = #"{"op":"ack","msg_id":"\#(id)"}"#
            #expect(try await stage.request("POST", "/v1/edge/frames", as: identity, body: ack).status == 200)
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `An event stream` {
    @Test func `carries the frames of a session as events, and comments in between`() async throws {
        var settings = EdgeSettings()
        settings.eventsHeartbeat = .milliseconds(100)
        try await EdgeStage.run(settings: settings) { stage async throws in
            let identity = try await stage.registerDevice()
            let first = try await stage.push("one")
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: stage.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await channel.executeThenClose { inbound, outbound async throws in
                let request = "GET /v1/edge/events HTTP/1.1\r\nHost: edge.test\r\n\(identity.authorization)\r\n\r\n"
                try await outbound.write(ByteBuffer(string: request))
                var inbound = inbound.makeAsyncIterator()
                var text = ""
                func read(until part: String) async throws {
                    while !text.contains(part), let bytes = try await inbound.next() { text += String(buffer: bytes) }
                    #expect(text.contains(part))
                }
                try await read(until: "event: ready\ndata: {\"op\":\"ready\",\"pending\":1}\n\n")
                #expect(text.hasPrefix("HTTP/1.1 200 "))
                try await read(until: "event: push\nid: \(first)\ndata: {\"op\":\"push\",\"msg_id\":\"\(first)\"")
                #expect(stage.edge.sessionCount == 1)
                let second = try await stage.push("two")
                try await read(until: "event: push\nid: \(second)\n")
                try await read(until: ":\n\n")
                async let drained: Void = stage.edge.drain(within: .seconds(30))
                try await read(until: "event: bye\ndata: {\"op\":\"bye\",\"reason\":\"draining\",\"retry_after\":")
                while let bytes = try await inbound.next() { text += String(buffer: bytes) }
                await drained
                #expect(stage.edge.sessionCount == 0)
                #expect(text.split(separator: "event: push").count == 3)
            }
        }
    }
}
