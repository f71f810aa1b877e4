import ApusCore
import ApusTesting
import Testing

@Suite struct `A cid` {
    @Test func `gives the first answer again, whatever the body, and executes nothing`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(2, of: app)[0]
        let first = try await node.core.pushes.push(Sample(options: [#""sendno": 3"#], cid: "c").request(), of: app)
        let other = Sample(audience: #"{"tag": ["nobody"]}"#, options: [#""sendno": 4"#], cid: "c")
        #expect(try await node.core.pushes.push(other.request(), of: app) == first)
        #expect(first.sendno == 3)
        #expect(try await node.inbox(of: device) == [first.messageID])
    }

    @Test func `executes once, however many use it at the same moment`() async throws {
        let (node, app) = try await `The push service`.node(limits: Limits([.broadcastsPerDay: 1]))
        let device = try await node.register(2, of: app)[0]
        let push = try Sample(cid: "c").request()
        let outcomes = await Concurrently.run(50) { try await node.push(push, of: app) }
        let answers = try outcomes.map { try $0.get() }
        #expect(answers.count == 50)
        #expect(try await node.inbox(of: device) == Array(Set(answers)))
        #expect(Set(answers).count == 1)
    }

    @Test func `lets those who wait for it try themselves when the first one fails`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        let push = try Sample(cid: "c").request()
        node.store.plan(.fail(.unavailable))
        let outcomes = await Concurrently.run(10) { try await node.push(push, of: app) }
        let answers = outcomes.compactMap { try? $0.get() }
        #expect(answers.count == 9)
        #expect(Set(answers).count == 1)
        #expect(try await node.inbox(of: device) == Array(Set(answers)))
    }

    @Test func `may be used again when its first use failed`() async throws {
        let (node, app) = try await `The push service`.node()
        let push = try Sample(cid: "c").request()
        await #expect(throws: Refusal(.emptyAudience)) { try await node.push(push, of: app) }
        let device = try await node.register(1, of: app)[0]
        node.store.plan(.fail(.full))
        await #expect(throws: Refusal(.internalFault)) { try await node.push(push, of: app) }
        #expect(try await node.inbox(of: device).isEmpty)
        let id = try await node.push(push, of: app)
        #expect(try await node.inbox(of: device) == [id])
    }

    @Test func `is remembered after a restart`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        let push = try Sample(options: [#""sendno": 9"#], cid: "c").request()
        let first = try await node.core.pushes.push(push, of: app)
        let again = try await node.restarted()
        #expect(try await again.core.pushes.push(push, of: app) == first)
        #expect(try await again.inbox(of: device) == [first.messageID])
    }

    @Test func `is remembered for 24 hours and then new`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(1, of: app)
        let push = try Sample(cid: "c").request()
        let first = try await node.push(push, of: app)
        node.clock.advance(milliseconds: 86_399_999)
        #expect(try await node.push(push, of: app) == first)
        node.clock.advance(milliseconds: 1)
        let second = try await node.push(push, of: app)
        #expect(second > first)
        node.clock.advance(seconds: 60)
        #expect(try await node.push(push, of: app) == second)
    }

    @Test func `belongs to its app`() async throws {
        let (node, app) = try await `The push service`.node()
        let other = try await node.createApp("b")
        try await node.register(1, of: app)
        try await node.register(1, of: other)
        let push = try Sample(cid: "c").request()
        let first = try await node.push(push, of: app)
        let second = try await node.push(push, of: other)
        #expect(first != second)
        #expect(try await node.push(push, of: app) == first)
        #expect(try await node.push(push, of: other) == second)
    }

    @Test func `is refused for now when its first use takes longer than others may wait`() async throws {
        let (node, app) = try await `The push service`.node()
        let device = try await node.register(1, of: app)[0]
        let pushes = PushService(
            directory: node.core.directory, index: node.core.index, presence: node.core.presence, book: node.core.book,
            committer: node.core.committer, store: node.store, clocks: node.clock.clocks, waitSeconds: 0)
        let push = try Sample(cid: "c").request()
        node.store.plan(.hold)
        async let first = pushes.push(push, of: app)
        await node.store.holding()
        let outcomes = await Concurrently.run(10) { try await pushes.push(push, of: app) }
        #expect(outcomes.count == 10)
        for outcome in outcomes {
            #expect(throws: Refusal(.backendSlow, "A push with this cid is still being processed, retry later")) {
                try outcome.get()
            }
        }
        node.store.release()
        let answer = try await first
        #expect(try await pushes.push(push, of: app) == answer)
        #expect(try await node.inbox(of: device) == [answer.messageID])
    }

    @Test func `is given up by a caller who leaves while it waits`() async throws {
        let (node, app) = try await `The push service`.node()
        try await node.register(1, of: app)
        let push = try Sample(cid: "c").request()
        node.store.plan(.hold)
        async let first = node.core.pushes.push(push, of: app)
        await node.store.holding()
        let waiting = Task { () throws(Refusal) in try await node.core.pushes.push(push, of: app) }
        waiting.cancel()
        let outcome = await waiting.result
        #expect(throws: Refusal(.backendSlow, "A push with this cid is still being processed, retry later")) {
            try outcome.get()
        }
        node.store.release()
        let answer = try await first
        #expect(try await node.core.pushes.push(push, of: app) == answer)
    }

    @Test func `is made fresh, legal, and of the app's key`() async throws {
        let (node, app) = try await `The push service`.node()
        let made = node.core.pushes.cids(count: 1000, for: app)
        #expect(Set(made).count == 1000)
        for text in made {
            #expect(CID(text)?.text == text)
            #expect(text.hasPrefix("\(app.key.text)-"))
            let uuid = text.dropFirst(AppKey.length + 1)
            #expect(uuid.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        }
    }
}
