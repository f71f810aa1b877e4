import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `The report book` {
    @Test func `records what devices tell of their own messages, and leaves out the rest`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp("a"), try await node.createApp("b"))
        let devices = try await node.register(3, of: app)
        let stranger = try await node.register(3, of: other)[0]
        let mine = try await node.push(Sample.to(devices[0]), of: app)
        let others = try await node.push(Sample.to(devices[1], devices[2]), of: app)
        let foreign = try await node.push(Sample.broadcast(), of: other)
        let unknown = MessageID(4711)
        for kind in [Receipt.Kind.received, .displayed, .clickedNotification, .clickedMessage] {
            #expect(try await node.ack([others, mine, foreign, unknown], by: devices[0], as: kind) == [mine])
            // The stranger has the ordinal 0 too, in its own app.
            #expect(try await node.ack([mine, foreign], by: stranger, as: kind) == [foreign])
            #expect(try await node.ack([others, unknown], by: devices[0], as: kind).isEmpty)
        }
        let receipts = try await node.store.receipts(of: [mine, others, foreign, unknown])
        #expect(Set(receipts.keys) == [mine, foreign])
        #expect(try await node.report(on: others, of: app)?.received.sum == 0)
        #expect(try await node.inbox(of: devices[1]) == [others])
    }

    @Test func `does not ask the store for numbers that were never given out`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let id = try await node.push(Sample.to(device), of: app)
        let never = (1...1000).map { MessageID(id.number + $0) }
        // In memory, as what was asked for is.
        #expect(try await node.report(on: id, of: app) != nil)
        node.store.failReads(with: .unavailable)
        #expect(try await node.ack(never + [id], by: device) == [id])
        #expect(
            await node.core.reports.record([.init(device: device.keyed, messages: never, kind: .received)])
                == [.success([])])
    }

    @Test func `does not keep what only strangers ask for in memory`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(2, of: app)
        let id = try await node.push(Sample.to(devices[0]), of: app)
        let again = try await node.restarted()
        #expect(try await again.ack([id], by: devices[1]).isEmpty)
        again.store.failReads(with: .unavailable)
        let batch = [ReportBook.Acknowledgement(device: devices[0].keyed, messages: [id], kind: .received)]
        // It had to be read once more: nothing was kept for the stranger.
        #expect(await again.core.reports.record(batch) != [.success([id])])
        again.store.failReads(with: nil)
        #expect(await again.core.reports.record(batch) == [.success([id])])
        again.store.failReads(with: .unavailable)
        #expect(await again.core.reports.record(batch) == [.success([id])])
    }

    @Test func `answers each of a batch by itself`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(3, of: app)
        let id = try await node.push(Sample.to(devices[0], devices[1]), of: app)
        let batch = devices.map {
            ReportBook.Acknowledgement(device: $0.keyed, messages: [id], kind: .received)
        }
        let answers = try await node.core.reports.record(batch).map { try $0.get() }
        #expect(answers == [[id], [id], []])
        #expect(await node.core.reports.record([]).isEmpty)
    }

    @Test func `refuses what the store did not keep, and takes it when it is told again`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(2, of: app)
        let id = try await node.push(Sample.to(devices[0]), of: app)
        let batch = devices.map {
            ReportBook.Acknowledgement(device: $0.keyed, messages: [id], kind: .received)
        }
        node.store.plan(.fail(.full))
        let failed = await node.core.reports.record(batch)
        #expect(failed == [.failure(Refusal(.internalFault)), .success([])])
        #expect(try await node.inbox(of: devices[0]) == [id])
        #expect(await node.core.reports.record(batch) == [.success([id]), .success([])])
        #expect(try await node.report(on: id, of: app)?.received.sum == 1)
        #expect(try await node.inbox(of: devices[0]).isEmpty)
    }

    @Test func `counts by platform, and counts as sent whatever was received`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let android = try await node.register(4, of: app, on: .android)
        let ios = try await node.register(3, of: app, on: .ios)
        let content = #""notification": {"alert": "n"}, "message": {"msg_content": "m"}"#
        let id = try await node.push(Sample(platform: #"["android", "ios"]"#, content: content).request(), of: app)
        node.core.reports.noteSent(id, to: Ordinals([android[0].ordinal, ios[0].ordinal]))
        node.core.reports.noteSent(id, to: Ordinals())
        for device in [android[0], android[1], ios[1]] { _ = try await node.ack([id], by: device) }
        _ = try await node.ack([id], by: android[0], as: .displayed)
        for device in [android[0], ios[0]] { _ = try await node.ack([id], by: device, as: .clickedNotification) }
        _ = try await node.ack([id], by: ios[2], as: .clickedMessage)
        let report = try #require(try await node.report(on: id, of: app))
        func pair(_ counts: PlatformCounts) -> [Int] { [counts[.android], counts[.ios]] }
        #expect(report.platforms == PlatformSet([.init(.android), .init(.ios)]))
        #expect(report.hasNotification && report.hasMessage && !report.isLiveActivity)
        #expect(pair(report.targeted) == [4, 3])
        #expect(pair(report.received) == [2, 1])
        #expect(pair(report.sent) == [2, 2])
        #expect(pair(report.displayed) == [1, 0])
        #expect(pair(report.clickedNotification) == [1, 1])
        #expect(pair(report.clickedMessage) == [0, 1])
        #expect(try await node.restarted().report(on: id, of: app) == report)
    }

    /// A note of who was sent a push is written behind, and nobody checks it: reports count targets alone.
    @Test func `counts nobody who was not addressed`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(3, of: app)
        let id = try await node.push(Sample.to(devices[0]), of: app)
        node.core.reports.noteSent(id, to: Ordinals([0, 1, 2]))
        await node.core.committer.drained()
        #expect(try await node.report(on: id, of: app)?.sent.sum == 1)
    }

    @Test func `counts anew after every receipt, and only then`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let devices = try await node.register(3, of: app)
        let (id, other) = (
            try await node.push(Sample.broadcast(), of: app), try await node.push(Sample.broadcast(), of: app)
        )
        for (index, device) in devices.enumerated() {
            _ = try await node.ack([id], by: device)
            _ = try await node.ack([id], by: device)
            #expect(try await node.report(on: id, of: app)?.received.sum == index + 1)
        }
        node.core.reports.noteSent(other, to: Ordinals([devices[1].ordinal]))
        await node.core.committer.drained()
        #expect(try await node.report(on: other, of: app)?.sent.sum == 1)
        _ = try await node.ack([id], by: devices[0], as: .displayed)
        // Nothing was told of the other one, so the store need not be asked.
        node.store.failReads(with: .unavailable)
        #expect(try await node.report(on: other, of: app)?.sent.sum == 1)
        await #expect(throws: Refusal.self) { try await node.report(on: id, of: app) }
        node.store.failReads(with: nil)
        #expect(try await node.report(on: id, of: app)?.displayed.sum == 1)
    }

    @Test func `keeps no count that a receipt overtook`() {
        let counted = CountedReceipts()
        let zero = PlatformCounts()
        let counts = ReceiptCounts(
            sent: zero, received: zero, displayed: zero, clickedNotification: zero, clickedMessage: zero)
        let (id, other) = (MessageID(1), MessageID(2))
        let (_, number) = counted.begin([id, other])
        counted.forget([Receipt(message: id, kind: .sent, ordinals: Ordinals([1]))])
        counted.finish([id: counts, other: counts], number: number)
        #expect(Set(counted.begin([id, other]).known.keys) == [other])
        let (_, later) = counted.begin([id])
        counted.finish([id: counts], number: number)
        #expect(counted.begin([id]).known.isEmpty)
        counted.finish([id: counts], number: later)
        #expect(counted.begin([id]).known.isEmpty, "two more counts have begun since")
    }

    @Test func `holds a bounded number of counts`() {
        let counted = CountedReceipts()
        let zero = PlatformCounts()
        let counts = ReceiptCounts(
            sent: zero, received: zero, displayed: zero, clickedNotification: zero, clickedMessage: zero)
        for number in 0...Int64(CountedReceipts.messagesMax) {
            let (_, count) = counted.begin([MessageID(number)])
            counted.finish([MessageID(number): counts], number: count)
        }
        #expect(counted.begin([MessageID(0)]).known.isEmpty)
        #expect(counted.begin([MessageID(Int64(CountedReceipts.messagesMax))]).known.count == 1)
    }

    @Test func `answers in the order of the ids, with nothing for those that the app does not have`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp("a"), try await node.createApp("b"))
        try await node.register(1, of: app)
        try await node.register(2, of: other)
        let first = try await node.push(Sample.broadcast(), of: app)
        let foreign = try await node.push(Sample.broadcast(), of: other)
        let second = try await node.push(Sample(content: #""message": {"msg_content": "m"}"#).request(), of: app)
        let reports = try await node.core.reports.reports(on: [second, MessageID(5), foreign, first], of: app.id)
        #expect(reports.map { $0 == nil } == [false, true, true, false])
        #expect(reports[0]?.hasMessage == true && reports[0]?.hasNotification == false)
        #expect(reports[3]?.hasNotification == true)
        #expect(try await node.core.reports.reports(on: [], of: app.id).isEmpty)
    }

    /// One month after the last record, in step with the store's sweep, though the node has run all along.
    @Test func `forgets a message past its retention`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let id = try await node.push(Sample.broadcast(#""time_to_live": 60"#), of: app)
        node.clock.advance(seconds: 50)
        _ = try await node.ack([id], by: device)
        node.clock.advance(seconds: Upkeep.retentionSeconds + 9)
        _ = try await node.store.sweep(at: node.clock.now, retentionSeconds: Upkeep.retentionSeconds)
        #expect(try await node.report(on: id, of: app)?.received.sum == 1)
        node.clock.advance(seconds: 1)
        _ = try await node.store.sweep(at: node.clock.now, retentionSeconds: Upkeep.retentionSeconds)
        #expect(try await node.report(on: id, of: app) == nil)
        #expect(try await node.ack([id], by: device).isEmpty)
        await #expect(throws: Refusal(.messageUnknown)) { try await node.core.pushes.withdraw(id, of: app) }
    }
}

@Suite struct `The state of a message on a device` {
    @Test func `is delivered, not delivered, unknown or not targeted`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp("a"), try await node.createApp("b"))
        let devices = try await node.register(3, of: app)
        let stranger = try await node.register(1, of: other)[0]
        let id = try await node.push(Sample.to(devices[0], devices[1]), of: app)
        _ = try await node.ack([id], by: devices[0])
        // Being sent to is not being delivered.
        node.core.reports.noteSent(id, to: Ordinals([1]))
        let asked = devices.map(\.registrationID.text) + [stranger.registrationID.text, "not legal!", ""]
        let states = try await node.core.reports.states(of: id, on: asked, of: app.id, acceptedOn: nil)
        #expect(states == [.delivered, .notDelivered, .notTargeted, .unknownDevice, .unknownDevice, .unknownDevice])
        #expect(states.map(\.rawValue) == [0, 1, 3, 2, 2, 2])
    }

    @Test func `is not targeted for a message that the app does not have`() async throws {
        let node = try await TestCore.open()
        let (app, other) = (try await node.createApp("a"), try await node.createApp("b"))
        let device = try await node.register(1, of: app)[0]
        try await node.register(1, of: other)
        let foreign = try await node.push(Sample.broadcast(), of: other)
        for id in [foreign, MessageID(4711)] {
            let states = try await node.core.reports.states(
                of: id, on: [device.registrationID.text, "1d-unknown"], of: app.id, acceptedOn: nil)
            #expect(states == [.notTargeted, .unknownDevice])
        }
    }

    /// The clock stands at noon in UTC+8; the day of a push is that of UTC+8.
    @Test func `is known on the day of the push alone, which is today unless told`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let device = try await node.register(1, of: app)[0]
        let midnight = Timestamp(milliseconds: 1_705_334_400_000)
        node.clock.set(Timestamp(milliseconds: midnight.milliseconds - 1))
        let id = try await node.push(Sample.broadcast(), of: app)
        func state(_ day: String?) async throws -> ReportBook.DeviceState {
            try await node.core.reports.states(
                of: id, on: [device.registrationID.text], of: app.id,
                acceptedOn: try day.map { try #require(DayUTC8($0)) })[0]
        }
        #expect(try await state(nil) == .notDelivered)
        node.clock.set(midnight)
        #expect(try await state(nil) == .notTargeted)
        #expect(try await state("2024-01-15") == .notDelivered)
        #expect(try await state("2024-01-16") == .notTargeted)
        _ = try await node.ack([id], by: device)
        #expect(try await state("2024-01-15") == .delivered)
        #expect(try await state("2024-01-14") == .notTargeted)
    }
}
