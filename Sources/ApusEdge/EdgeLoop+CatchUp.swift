internal import ApusCore
internal import ApusWire
internal import NIOCore

// From a session's beginning to its being up to date.
extension EdgeLoop {
    /// How a session that goes live is greeted.
    enum Greeting: Sendable {
        /// Not at all: it has got its answer.
        case none
        /// With the number of pushes that wait.
        case ready(ref: FrameRef?)
    }

    /// What was found of a device's waiting pushes.
    private struct Opened: Sendable {
        let pending: Int
        let page: [Delivery]
    }

    /// The device has proved itself. From here on nudges reach the session; what was pushed before is read.
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
        let (services, pageMax, id) = (self.services, self.settings.pageMax, connection.id)
        let after = connection.catchUp.beginPage()
        self.later {
            do throws(StoreError) {
                let pending = try await services.book.open(key, waitingMax: device.waitingMax) { receipts in
                    _ = await services.committer.commit(.receipts(receipts, at: services.clocks.now()))
                }
                guard pending > 0 else { return Result<_, StoreError>.success(Opened(pending: 0, page: [])) }
                let page = try await services.book.undelivered(
                    for: key, after: after, limit: pageMax)
                return .success(Opened(pending: pending, page: page))
            } catch {
                return .failure(error)
            }
        } then: { loop, outcome in
            guard let connection = loop.slots[id], !connection.isEnding else { return }
            switch outcome {
            case .failure(let error):
                let ref: FrameRef? = if case .ready(let ref) = greeting { ref } else { nil }
                loop.write(.error(Refusal(error)), ref: ref, to: connection)
                loop.end(connection, .overload)
            case .success(let opened):
                connection.session.owes(acks: opened.pending)
                if case .ready(let ref) = greeting {
                    loop.write(.ready(pending: opened.pending), ref: ref, to: connection)
                }
                loop.send(page: opened.page, to: connection)
                loop.resume(connection)
            }
        }
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
