package import ApusCore
package import ApusHTTP
private import ApusWire
package import NIOCore
package import NIOHTTP1

/// The device side of a node: who connects to it speaks the protocol of `docs/edge-protocol.md`.
///
/// It answers the requests of an ``HTTPListener`` and takes over the connections that become sessions. Sessions live on
/// the event loop of their connection; a nudge of the bus goes to every loop once.
package final class EdgeServer: HTTPResponder {
    private let services: EdgeServices
    private let settings: EdgeSettings
    private let directory: SessionDirectory
    private let doors: EdgeDoors
    private let indices: [ObjectIdentifier: Int]
    private let rates = FrameRates()

    /// - Parameters:
    ///   - group: the event loops of the listener that this edge answers for.
    package init(
        services: EdgeServices, settings: EdgeSettings = EdgeSettings(), group: any EventLoopGroup
    ) {
        self.services = services
        self.settings = settings
        let directory = SessionDirectory(presence: services.presence)
        let doors = EdgeDoors()
        let eventLoops = Array(group.makeIterator())
        doors.open(
            eventLoops.enumerated().map { index, eventLoop in
                let loop = EdgeLoop(
                    index: index, eventLoop: eventLoop, services: services, settings: settings,
                    directory: directory, doors: doors)
                return EdgeDoor(loop, on: eventLoop)
            })
        self.directory = directory
        self.doors = doors
        self.indices = Dictionary(
            uniqueKeysWithValues: eventLoops.enumerated().map { (ObjectIdentifier($1), $0) })
        for door in doors.all { door.enter { $0.start() } }
        // The bus outlives this edge and knows no way to leave it.
        services.bus.subscribe { [weak doors, presence = services.presence] nudge in
            // Most pushes are for devices that are elsewhere. One that comes at this very moment counts as online
            // before it reads the store, and what is rung for is in there.
            if case .deliver(let push, to: let recipients, dueAt: _) = nudge,
                !presence.isAnyOnline(among: recipients, of: push.app)
            {
                return
            }
            for door in doors?.all ?? [] { door.enter { $0.take(nudge) } }
        }
    }

    deinit {
        for door in self.doors.all { door.enter { $0.stop() } }
        self.doors.open([])
    }

    /// How many devices have a session here.
    package var sessionCount: Int { self.directory.count }

    /// Sends every device away: `bye draining`, then the close frame. Receipts that were under way are durable when it
    /// returns. New requests are refused by whoever said that the node drains.
    ///
    /// - Parameter bound: after it, connections that have not left are cut.
    package func drain(within bound: TimeAmount) async {
        await withTaskGroup(of: Void.self) { group in
            for door in self.doors.all {
                let emptied = door.eventLoop.makePromise(of: Void.self)
                door.enter { $0.drain(emptied) }
                let deadline = door.eventLoop.scheduleTask(in: bound) {
                    door.here.cutAll()
                    emptied.succeed()
                }
                group.addTask {
                    // The promise is only ever kept.
                    try? await emptied.futureResult.get()
                    deadline.cancel()
                }
            }
        }
    }

    /// The loop's state, on that loop.
    private func here(_ eventLoop: any EventLoop) throws(Refusal) -> EdgeLoop {
        guard let index = self.indices[ObjectIdentifier(eventLoop)], let door = self.doors[index] else {
            throw Refusal(.internalFault)
        }
        return door.here
    }
}

// MARK: - Requests

extension EdgeServer {
    package func family(of target: RequestTarget) -> Family { .device }

    package func bodyIntake(for target: RequestTarget, _ method: HTTPMethod) -> BodyIntake {
        // Only a batch of frames may be longer than a frame: bodies are kept before anybody has proved who it is.
        let isBatch = target.segments.last == "frames"
        return .whole(max: min(self.settings.bodyMaxBytes, isBatch ? .max : WebSocketDecoder.messageMaxBytes))
    }

    package func respond(to request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        switch request.target.segments {
        case ["v1", "edge"]: return try await self.answer(request, only: .GET, self.openWebSocket)
        case ["v1", "edge", "events"]: return try await self.answer(request, only: .GET, self.openEvents)
        case ["v1", "edge", "frames"]: return try await self.answer(request, only: .POST, self.takeFrames)
        case ["v1", "edge", "registrations"]: return try await self.answer(request, only: .POST, self.register)
        default: throw Refusal(.pathUnknown)
        }
    }

    private func answer(
        _ request: HTTPRequest, only method: HTTPMethod, _ answer: (HTTPRequest) async throws(Refusal) -> HTTPAnswer
    ) async throws(Refusal) -> HTTPAnswer {
        guard request.method == method else { return .methodNotAllowed(.device, allow: method.rawValue) }
        return try await answer(request)
    }

    private func openWebSocket(_ request: HTTPRequest) throws(Refusal) -> HTTPAnswer {
        let handshake: WebSocketHandshake
        do {
            handshake = try WebSocketHandshake { request.headers[$0] }
        } catch {
            return .refusal(error, .device, headers: ["Sec-WebSocket-Version": WebSocketHandshake.version])
        }
        var headers: HTTPHeaders = ["Upgrade": "websocket", "Sec-WebSocket-Accept": handshake.accept]
        if let subprotocol = handshake.subprotocol { headers.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
        let (source, isPlain) = (self.source(of: request), !request.isSecure)
        return .upgrade(headers: headers) { [self] channel in
            SessionHandler(loop: try self.here(channel.eventLoop), source: source, isPlain: isPlain)
        }
    }

    private func openEvents(_ request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        let device = try await self.login(request)
        return .stream(contentType: "text/event-stream", headers: ["Cache-Control": "no-store"]) { [weak self] stream in
            do {
                guard let self else { return stream.close() }
                try self.here(stream.eventLoop).connected(stream, as: device)
            } catch {
                stream.close()
            }
        }
    }

    private func takeFrames(_ request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
        let device = try await self.login(request)
        let body = try Self.body(of: request)
        let frames: [JSONValue]
        switch body.kind {
        case .object: frames = [body]
        case .array: frames = body.list.map(Array.init) ?? []
        case .string, .number, .boolean, .null: throw Refusal.bad("The request body", "a frame or an array of frames")
        }
        guard frames.count <= PlainFrames.max else {
            throw Refusal.bad("The request body", "at most \(PlainFrames.max) frames")
        }
        // Acks have to be let through whatever came before: without them pushes would come again and again.
        let counted = frames.count { $0["op"]?.isString("ack") != true }
        let clocks = self.services.clocks
        guard self.rates.take(counted, from: device, at: clocks.monotonicNanoseconds()) else {
            var refusal = Refusal(.rateLimited)
            refusal.retryAfterSeconds = 1
            throw refusal
        }
        let answers = await PlainFrames.answer(frames, of: device, self.services)
        self.rates.charge(answers.strayCount, to: device, at: clocks.monotonicNanoseconds())
        return .json(answers.text)
    }

    private func register(_ request: HTTPRequest) async throws(Refusal) -> HTTPAnswer {
        guard request.acceptsJSON else { throw Refusal(.formatNotSupported) }
        let body = try Self.body(of: request)
        guard body.kind == .object else { throw Refusal.bad("The request body", "a JSON object") }
        let device = try await self.services.devices.register(
            .init(ClientFrame.Registration(body)), from: self.source(of: request))
        var text: [UInt8] = []
        text.append(json: "{\"registration_id\":")
        text.appendJSON(string: device.registrationID.text)
        text.append(json: ",\"secret\":")
        text.appendJSON(string: device.secret)
        text.append(json: "}")
        return .json(text)
    }

    private func login(_ request: HTTPRequest) async throws(Refusal) -> EnteredDevice {
        switch Authenticator.Credentials(request.headers.first(name: "Authorization")) {
        case .none: throw Refusal(.missingCredentials)
        case .malformed: throw Refusal(.malformedCredentials)
        case .basic(let user, let password):
            return try await self.services.login(user, password, from: self.source(of: request))
        }
    }

    private func source(of request: HTTPRequest) -> IPAddress? {
        IPAddress(
            peer: request.peer?.ipAddress, forwarded: request.headers["X-Forwarded-For"],
            trusting: self.settings.trustedProxies)
    }

    private static func body(of request: HTTPRequest) throws(Refusal) -> JSONValue {
        let bytes = try request.body.bytes()
        guard bytes.readableBytes > 0 else {
            throw Refusal(.missingValue, "Missing parameter: the request body is empty")
        }
        do {
            return try JSONValue(parsing: Array(bytes.readableBytesView))
        } catch {
            throw Refusal(error)
        }
    }
}

extension EdgeLoop {
    /// Does what the bus rang for.
    func take(_ nudge: Nudge) {
        switch nudge {
        case .deliver(let deliverable, to: let recipients, dueAt: let dueAt):
            let delivery = Delivery(deliverable: deliverable, dueAt: dueAt, rungAt: self.services.clocks.now())
            self.deliver(delivery, to: recipients)
        case .overridden(let id, let app, let recipients): self.forget(id, of: app, at: recipients)
        case .withdraw(let id, let app, let recipients): self.withdraw(id, of: app, from: recipients)
        case .deleted(let app): self.deleted(app)
        }
    }
}
