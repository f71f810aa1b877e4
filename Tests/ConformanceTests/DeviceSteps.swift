import ApusClient
import ApusContract
import ApusTesting

/// The devices of one case, each with at most one session.
actor DeviceSteps {
    private let stage: Stage
    private var sessions: [String: DeviceSession] = [:]

    init(stage: Stage) { self.stage = stage }

    func connect(_ name: String) async throws {
        guard self.sessions[name] == nil else { return }
        guard let device = self.stage.devices[name], let url = ServerURL("ws://127.0.0.1:\(self.stage.edgePort)") else {
            throw CaseRun.Failed(sentence: "no device \(name)")
        }
        let session = try await DeviceSession.open(url)
        self.sessions[name] = session
        let ready = try await session.ask(
            #"{"op":"login","registration_id":"\#(device.registrationID)","secret":"\#(device.secret)"}"#,
            until: "ready")
        session.pending = ready["pending"]?.integer ?? -1
    }

    func end() async {
        for session in self.sessions.values { await session.close() }
        self.sessions = [:]
    }

    func run(_ step: JSON, on name: String) async throws {
        if step["disconnects"] != nil {
            await self.sessions.removeValue(forKey: name)?.close()
            return
        }
        try await self.connect(name)
        guard let session = self.sessions[name] else { return }
        if let pushes = step["receives"]?.array {
            for wanted in pushes { try await self.receive(wanted, session) }
        } else if step["receives_nothing"] != nil {
            _ = try await session.ask(#"{"op":"ping"}"#, until: "pong")
            if let push = session.kept.first(where: { $0["op"] == .string("push") }) {
                throw CaseRun.Failed(sentence: "\(name) received \(push.text)")
            }
            if session.taken == 0, session.pending != 0 {
                throw CaseRun.Failed(sentence: "\(name) was told of \(session.pending) pending")
            }
        } else if let id = step["withdraws"]?.string {
            let frame = try await session.take("withdraw")
            guard frame["msg_id"] == .string(id) else { throw CaseRun.Failed(sentence: "withdrew \(frame.text)") }
        } else if let id = step["acks"]?.string {
            try await self.expectAcked(#"{"op":"ack","msg_id":"\#(id)"}"#, id, session)
        } else if let id = step["clicks"]?.string {
            let kind = step["kind"]?.string ?? "notification"
            try await self.expectAcked(#"{"op":"click","msg_id":"\#(id)","kind":"\#(kind)"}"#, id, session)
        } else if let id = step["displays"]?.string {
            try await self.expectAcked(#"{"op":"display","msg_id":"\#(id)"}"#, id, session)
        } else if step["opens"] != nil {
            _ = try await session.ask(#"{"op":"active"}"#, until: "ok")
        } else if step["connects"] == nil {
            throw CaseRun.Failed(sentence: "unknown device step \(step.text)")
        }
    }

    private func expectAcked(_ frame: String, _ id: String, _ session: DeviceSession) async throws {
        let answer = try await session.ask(frame, until: "acked")
        guard answer["msg_ids"] == .array([.string(id)]) else {
            throw CaseRun.Failed(sentence: "acked as \(answer.text)")
        }
    }

    private func receive(_ wanted: JSON, _ session: DeviceSession) async throws {
        let push = try await session.take("push")
        session.taken += 1
        for key in ["notification", "message", "override_msg_id"] {
            switch (push[key], wanted[key]) {
            case (nil, nil): continue
            case (let actual?, let expected?):
                if let difference = Matching.difference(
                    actual, expected, isExact: true, appKey: self.stage.appKey, at: key)
                {
                    throw CaseRun.Failed(sentence: difference)
                }
            case (let actual, let expected):
                throw CaseRun.Failed(
                    sentence: "\(key) is \(actual?.text ?? "absent"), expected \(expected?.text ?? "absent")")
            }
        }
        if let id = wanted["msg_id"], push["msg_id"] != id { throw CaseRun.Failed(sentence: "received \(push.text)") }
    }
}

/// One session: a task reads frames, waiting steps take them.
final class DeviceSession: @unchecked Sendable {
    // Touched only by the actor that owns the session; see `DeviceSteps`.
    var pending = 0
    var taken = 0
    /// Frames that no step has taken yet.
    private(set) var kept: [JSON] = []

    private let outgoing: AsyncStream<String>.Continuation
    private var incoming: AsyncStream<JSON>.AsyncIterator
    private let task: Task<Void, any Error>

    private init(
        outgoing: AsyncStream<String>.Continuation, incoming: AsyncStream<JSON>.AsyncIterator,
        task: Task<Void, any Error>
    ) {
        self.outgoing = outgoing
        self.incoming = incoming
        self.task = task
    }

    static func open(_ url: ServerURL) async throws -> DeviceSession {
        let (frames, arrived) = AsyncStream.makeStream(of: JSON.self)
        let (texts, outgoing) = AsyncStream.makeStream(of: String.self)
        let task = Task {
            defer { arrived.finish() }
            try await DeviceConnection.open(url) { device in
                let sender = device.sender
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { for await text in texts { try await sender.send(Array(text.utf8)) } }
                    while !Task.isCancelled { arrived.yield(try JSON(parsing: try await device.next().compact())) }
                    group.cancelAll()
                }
            }
        }
        return DeviceSession(outgoing: outgoing, incoming: frames.makeAsyncIterator(), task: task)
    }

    func ask(_ frame: String, until operation: String) async throws -> JSON {
        self.outgoing.yield(frame)
        return try await self.take(operation)
    }

    /// The next frame of this kind; others are kept for later steps.
    func take(_ operation: String) async throws -> JSON {
        if let index = self.kept.firstIndex(where: { $0["op"] == .string(operation) }) {
            return self.kept.remove(at: index)
        }
        return try await withDeadline(seconds: 20, "no frame '\(operation)'") {
            while let frame = await self.incoming.next(isolation: nil) {
                if frame["op"] == .string(operation) { return frame }
                if frame["op"] == .string("error") { throw CaseRun.Failed(sentence: "refused: \(frame.text)") }
                self.kept.append(frame)
            }
            throw CaseRun.Failed(sentence: "the session ended while '\(operation)' was waited for")
        }
    }

    func close() async {
        self.outgoing.finish()
        self.task.cancel()
        _ = await self.task.result
    }
}

/// Runs the body, and fails when it takes longer.
func withDeadline<Result: Sendable>(
    seconds: Int, _ sentence: String, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: .seconds(seconds))
            throw CaseRun.Failed(sentence: "\(sentence) within \(seconds) s")
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}
