import ApusCore

/// Calls that ask for several pushes at once: each item has an answer of its own.
enum ManyRoutes {
    static func batch(
        to target: BatchRequest.Target
    ) -> @Sendable (Call) async throws(Refusal) -> Reply {
        { (call) throws(Refusal) in
            let batch = try BatchRequest(decoding: try call.bodyBytes(), to: target)
            let outcomes = await call.core.pushes.push(batch, of: call.app)
            let failure = try self.failure(of: outcomes)
            var body: [UInt8] = []
            body.object { body in
                // Beside it an item with that very name for its key has no place.
                if let failure { body.error(failure) }
                for (item, outcome) in zip(batch.items, outcomes)
                where failure == nil || !item.key.utf8.elementsEqual("error".utf8) {
                    body.name(item.key)
                    body.object { body in
                        switch outcome {
                        case .success(let answer): body.member("msg_id", answer.messageID.text)
                        case .failure(let refusal): body.error(refusal)
                        }
                    }
                }
            }
            return Reply(body, status: failure == nil ? .ok : .badRequest)
        }
    }

    @Sendable static func template(_ call: Call) async throws(Refusal) -> Reply {
        let request = try TemplateRequest(decoding: try call.bodyBytes())
        let outcomes = try await call.core.pushes.push(request, of: call.app)
        return try self.reply(request, outcomes, in: "push_list") { body, answer in
            body.member("message_id", answer.messageID.text)
        }
    }

    @Sendable static func templateSchedule(_ call: Call) async throws(Refusal) -> Reply {
        let request = try TemplateScheduleRequest(decoding: try call.bodyBytes())
        let outcomes = try await call.core.schedules.create(request, of: call.app)
        return try self.reply(request.pushes, outcomes, in: "schedule_list") { body, created in
            body.member("schedule_id", created.id.text)
        }
    }

    /// What became of each item of a template's params, in their order.
    private static func reply<Answer>(
        _ request: TemplateRequest, _ outcomes: [Result<Answer, Refusal>], in list: StaticString,
        _ write: (inout [UInt8], Answer) -> Void
    ) throws(Refusal) -> Reply {
        let failure = try self.failure(of: outcomes)
        var body: [UInt8] = []
        body.object { body in
            if let failure {
                body.error(failure)
            } else {
                body.member("code", 0)
                body.member("message", "success")
            }
            body.object("data") { body in
                body.list(list, of: zip(request.items, outcomes)) { body, entry in
                    let (item, outcome) = entry
                    body.object { body in
                        switch outcome {
                        case .success(let answer):
                            body.member("code", 0)
                            body.member("message", "success")
                            write(&body, answer)
                        case .failure(let refusal):
                            body.member("code", refusal.row(for: .push).code)
                            body.member("message", refusal.message(for: .push))
                        }
                        if let traceID = item.traceID { body.member("trace_id", traceID) }
                    }
                }
            }
        }
        return Reply(body, status: failure == nil ? .ok : .badRequest)
    }

    /// Why nothing was accepted, told by the first item; nil when anything was.
    ///
    /// - Throws: a fault of the server among them, which the caller should try again: what was asked may be right.
    private static func failure<Answer>(of outcomes: [Result<Answer, Refusal>]) throws(Refusal) -> Refusal? {
        var failures: [Refusal] = []
        for outcome in outcomes {
            switch outcome {
            case .success: return nil
            case .failure(let refusal): failures.append(refusal)
            }
        }
        if let fault = failures.first(where: { $0.row(for: .push).status.rawValue >= 500 }) { throw fault }
        return failures.first
    }
}

extension [UInt8] {
    /// Appends the member `error` of an item, or of an answer that holds items.
    fileprivate mutating func error(_ refusal: Refusal) {
        self.object("error") { body in
            body.member("code", refusal.row(for: .push).code)
            body.member("message", refusal.message(for: .push))
        }
    }
}
