import ApusCore
import ApusTesting
import Testing

@Suite struct `A group push` {
    @Test func `is carried out once, though the node fails between its parts and the whole`() async throws {
        let (node, apps, group) = try await Self.node()
        let push = try Self.broadcast(cid: "c-1")
        node.store.failNextGroupPush(with: .unavailable)
        await #expect(throws: Refusal(.backendDown)) { try await Self.push(push, node, group) }
        // The parts were kept all the same, and a repeat finds them.
        let answer = try await Self.push(push, node, group)
        #expect(answer.isAccepted)
        for app in apps {
            #expect(
                try await node.store.acceptedMessages(
                    of: app.id, since: Timestamp(milliseconds: 0), broadcastsOnly: false
                ).count == 1)
        }
        let repeated = try await Self.push(push, node, group)
        #expect(repeated.body == answer.body)
    }

    @Test func `is carried out once, though it comes many times at once`() async throws {
        let (node, apps, group) = try await Self.node()
        let push = try Self.broadcast(cid: "c-1")
        let bodies = try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
            for _ in 0..<20 { tasks.addTask { try await Self.push(push, node, group).body } }
            return try await tasks.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(bodies.count == 1)
        #expect(
            try await node.store.acceptedMessages(
                of: apps[0].id, since: Timestamp(milliseconds: 0), broadcastsOnly: false
            ).count == 1)
    }

    @Test func `is answered as at first to whatever has its cid, though the first is not done yet`() async throws {
        let (node, _, group) = try await Self.node()
        let push = try Self.broadcast(cid: "c-1")
        let noPush = try JSONValue.requestBody(Array(#"{"cid": "c-1", "platform": 7}"#.utf8))
        node.store.plan(.hold)
        async let first = Self.push(push, node, group)
        await node.store.holding()
        async let second = Self.push(noPush, node, group)
        node.store.release()
        let (body, again) = try await (first.body, second.body)
        #expect(body == again)
    }

    @Test func `is known after a restart, to its reports and to repeats`() async throws {
        let (node, _, group) = try await Self.node()
        let push = try Self.broadcast(cid: "c-1")
        let answer = try await Self.push(push, node, group)
        let later = try await node.restarted()
        let repeated = try await Self.push(push, later, group)
        #expect(repeated.body == answer.body)
        let id = try #require(GroupMessageID(String(decoding: answer.body, as: UTF8.self)))
        let report = try #require(try await later.core.groups.reports(on: [id], of: group)[0])
        #expect(report.targeted.sum == 3)
    }

    @Test func `leaves an app that was deleted out`() async throws {
        let (node, apps, group) = try await Self.node()
        #expect(try await node.store.deleteApp(apps[1].id))
        try await node.core.reloadApps()
        let known = try #require(node.core.accounts.group(group.key))
        #expect(known.members == [apps[0].id])
        #expect(try await Self.push(try Self.broadcast(), node, group).isAccepted)
    }

    @Test func `is forgotten when nobody can ask for it any more`() async throws {
        let (node, _, group) = try await Self.node()
        let id = try await Self.pushed(node, group)
        node.clock.advance(seconds: GroupPushService.retentionSeconds + 1)
        #expect(try await node.core.groups.reports(on: [id], of: group) == [nil])
        _ = try await node.store.sweep(at: node.clock.now, retentionSeconds: Upkeep.retentionSeconds)
        #expect(try await node.store.groupPushes([id], of: group.id).isEmpty)
    }

    @Test func `of another group is unknown`() async throws {
        let (node, _, group) = try await Self.node()
        let id = try await Self.pushed(node, group)
        let other = try await Self.createGroup("h", [], node)
        #expect(try await node.core.groups.reports(on: [id], of: other) == [nil])
    }

    // MARK: The stage

    /// Two apps, with two devices and one, in a group.
    private static func node() async throws -> (TestCore, [App], AppGroup) {
        let node = try await TestCore.open()
        let apps = [try await node.createApp("a"), try await node.createApp("b")]
        try await node.register(2, of: apps[0])
        try await node.register(1, of: apps[1])
        return (node, apps, try await self.createGroup("g", apps.map(\.id), node))
    }

    private static func createGroup(
        _ letter: Character, _ members: [AppID], _ node: TestCore
    ) async throws -> AppGroup {
        let key = try #require(AccountKey(String(repeating: letter, count: AppKey.length)))
        let group = try await node.store.createGroup(
            AppGroup(
                key: key, name: "\(letter)", secret: SecretHash(hashing: TestCore.secret), createdAt: node.clock.now,
                members: members))
        try await node.core.reloadApps()
        return group
    }

    private static func broadcast(cid: String? = nil) throws -> JSONValue {
        try JSONValue.requestBody(Array(Sample(cid: cid).text().utf8))
    }

    /// The body is the number alone.
    private static func push(
        _ push: JSONValue, _ node: TestCore, _ group: AppGroup
    ) async throws(Refusal) -> GroupPushService.Answer {
        try await node.core.groups.push(push, of: group, from: nil) { id, _ in Array((id?.text ?? "").utf8) }
    }

    private static func pushed(_ node: TestCore, _ group: AppGroup) async throws -> GroupMessageID {
        let body = try await self.push(try Self.broadcast(), node, group).body
        return try #require(GroupMessageID(String(decoding: body, as: UTF8.self)))
    }
}
