internal import ApusCore
internal import ApusWire
internal import NIOCore

/// How a session that goes live is greeted.
enum Greeting: Sendable {
    /// Not at all: it has got its answer.
    case none
    /// With the number of pushes that wait.
    case ready(ref: FrameRef?)
}

/// A session that has begun, until it is known what waits for its device.
struct GatheredOpening: Sendable {
    let connection: SessionID
    let opening: DeliveryBook.Opening
    let greeting: Greeting
}

// From a session's beginning to its being up to date.
extension EdgeLoop {
    /// The device has proved itself. From here on nudges reach the session; what was pushed before is read, together
    /// with what waits for all others that enter in this turn or while the batch before is under way.
    func enter(_ connection: Connection, as device: EnteredDevice, greeting: Greeting) {
        let key = device.key
        connection.session.entered(framesPerSecond: device.framesPerSecond)
        connection.device = key
        connection.source = nil
        connection.platform = device.platform
        let here = self.apps[key.app] ?? AppConnections(key.app)
        here.insert(connection, for: key.ordinal)
        self.apps[key.app] = here
        self.watch(connection)
        let old = self.directory.open(key, at: .init(loop: self.index, session: connection.id))
        if let old {
            self.doors[old.loop]?.enter { loop in
                if let replaced = loop.slots[old.session] { loop.end(replaced, .replaced) }
            }
        }
        // Nothing was sent yet, so that the first page begins at the beginning.
        _ = connection.catchUp.beginPage()
        let isFirst = self.openings.add(
            GatheredOpening(
                connection: connection.id, opening: .init(device: key, waitingMax: device.waitingMax),
                greeting: greeting))
        guard isFirst else { return }
        let loop = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.eventLoop.execute { loop.value.readInboxes() }
    }

    private func readInboxes() {
        let batch = self.openings.next()
        guard !batch.isEmpty else { return }
        let (book, pageMax) = (self.services.book, self.settings.pageMax)
        self.later {
            await book.open(batch.map(\.opening), pageMax: pageMax)
        } then: { loop, outcomes in
            for (opening, outcome) in zip(batch, outcomes) { loop.opened(opening, outcome) }
            loop.readInboxes()
        }
    }

    private func opened(_ opening: GatheredOpening, _ outcome: Result<DeliveryBook.Inbox, StoreError>) {
        guard let connection = self.slots[opening.connection], !connection.isEnding else { return }
        switch outcome {
        case .failure(let error):
            let ref: FrameRef? = if case .ready(let ref) = opening.greeting { ref } else { nil }
            self.write(.error(Refusal(error)), ref: ref, to: connection)
            self.end(connection, .overload)
        case .success(let inbox):
            guard let page = inbox.page else { return self.readFirstPage(of: inbox, opening) }
            self.greet(connection, opening.greeting, pending: inbox.count, page)
        }
    }

    /// Where the page was not known with the number, or pushes are too many and have to be dropped before.
    private func readFirstPage(of inbox: DeliveryBook.Inbox, _ opening: GatheredOpening) {
        let (services, pageMax, key) = (self.services, self.settings.pageMax, opening.opening.device)
        self.later {
            for receipts in inbox.excess {
                _ = await services.committer.commit(.receipts(receipts, at: services.clocks.now()))
            }
            do throws(StoreError) {
                let page = try await services.book.undelivered(for: key, after: MessageID(0), limit: pageMax)
                return Result<_, StoreError>.success(
                    DeliveryBook.Inbox(count: inbox.count, page: page, excess: []))
            } catch {
                return .failure(error)
            }
        } then: { loop, outcome in
            loop.opened(opening, outcome)
        }
    }

    private func greet(_ connection: Connection, _ greeting: Greeting, pending: Int, _ page: [Delivery]) {
        connection.session.owes(acks: pending)
        if case .ready(let ref) = greeting { self.write(.ready(pending: pending), ref: ref, to: connection) }
        self.send(page: page, to: connection)
        self.resume(connection)
    }

    /// Reads the next page of what waits.
    private func readPage(for connection: Connection) {
        guard let key = connection.device else { return }
        let (book, pageMax) = (self.services.book, self.settings.pageMax)
        let (after, id) = (connection.catchUp.beginPage(), connection.id)
        self.later {
            do throws(StoreError) {
                return Result<_, StoreError>.success(
                    try await book.undelivered(for: key, after: after, limit: pageMax))
            } catch {
                return .failure(error)
            }
        } then: { loop, outcome in
            guard let connection = loop.slots[id], !connection.isEnding else { return }
            switch outcome {
            // What waits stays where it is; the device comes back for it when the store may answer again.
            case .failure: loop.end(connection, .overload)
            case .success(let page): loop.send(page: page, to: connection)
            }
        }
    }

    private func send(page: [Delivery], to connection: Connection) {
        let isLast = page.count < self.settings.pageMax
        let batch = connection.catchUp.merge(page, isLast: isLast, at: self.services.clocks.now())
        for (index, delivery) in batch.enumerated() {
            guard connection.canWrite else { return connection.catchUp.block(batch[index...]) }
            guard connection.catchUp.sent(delivery) else { continue }
            let transport = connection.outlet.transport
            guard let buffer = transport.encode(delivery, for: connection.platform), let device = connection.device
            else { continue }
            self.write(buffer, to: connection)
            connection.session.owes(acks: 1)
            self.sent[delivery.deliverable.id, default: []].append(device.ordinal)
        }
        if connection.catchUp.pageDone(isLast: isLast) { self.readPage(for: connection) }
    }

    /// The socket takes no more, or takes again.
    func writabilityChanged(_ connection: Connection, canWrite: Bool) {
        connection.canWrite = canWrite
        guard canWrite, !connection.isEnding else { return }
        connection.owedBytes = 0
        if connection.catchUp.isBlocked { self.readPage(for: connection) }
    }
}
