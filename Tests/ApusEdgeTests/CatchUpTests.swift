import ApusCore
import ApusEdge
import Testing

/// Pushes by their numbers alone.
struct Pushes {
    var start = Timestamp(milliseconds: 1_000_000)

    func delivery(
        _ number: Int64, of app: AppID = AppID(1), timeToLive: Int = 60, spreadMinutes: Int = 0,
        dueAt: Timestamp? = nil, alert: String = "x"
    ) throws -> Delivery {
        let text = #"{"platform":"all","audience":"all","notification":{"alert":"\#(alert)"}}"#
        let message = Message(
            id: MessageID(number), app: app, acceptedAt: self.start, timeToLiveSeconds: timeToLive,
            spreadMinutes: spreadMinutes, payload: Array(text.utf8), target: Ordinals([0]), targeted: PlatformCounts(),
            online: PlatformCounts(), isBroadcast: true, overrides: nil)
        return Delivery(deliverable: try Deliverable(message: message), dueAt: dueAt ?? self.start)
    }

    func stored(_ numbers: Int64...) throws -> [Delivery] { try numbers.map { try self.delivery($0) } }
    func fleeting(_ number: Int64) throws -> Delivery { try self.delivery(number, timeToLive: 0) }
    func share(_ number: Int64) throws -> Delivery { try self.delivery(number, spreadMinutes: 10) }
}

extension CatchUp {
    /// Deals with a page as a connection that takes everything does.
    ///
    /// - Returns: the numbers that were sent.
    mutating func deal(_ page: [Delivery], isLast: Bool = true, at now: Timestamp) -> [Int64] {
        self.merge(page, isLast: isLast, at: now).filter { self.sent($0) }.map(\.deliverable.id.number)
    }
}

@Suite struct `A catch-up` {
    private let pushes = Pushes()

    /// A session that has read all there was, up to this number.
    private func live(upTo number: Int64 = 10) throws -> CatchUp {
        var catchUp = CatchUp()
        #expect(catchUp.beginPage() == MessageID(0))
        #expect(catchUp.deal(try self.pushes.stored(number), at: self.pushes.start) == [number])
        #expect(catchUp.pageDone(isLast: true) == false)
        #expect(catchUp.isLive)
        return catchUp
    }

    @Test func `reads page after page until one is short, each behind the last`() throws {
        var catchUp = CatchUp()
        #expect(catchUp.beginPage() == MessageID(0))
        #expect(catchUp.deal(try self.pushes.stored(3, 4), isLast: false, at: self.pushes.start) == [3, 4])
        #expect(catchUp.pageDone(isLast: false) == true)
        #expect(catchUp.beginPage() == MessageID(4))
        #expect(catchUp.deal([], at: self.pushes.start) == [])
        #expect(catchUp.pageDone(isLast: true) == false)
    }

    @Test func `sends what is rung for at once when live, each number once and upwards`() throws {
        var catchUp = try self.live()
        #expect(catchUp.nudged(try self.pushes.delivery(11), canWrite: true) == .send)
        #expect(catchUp.nudged(try self.pushes.delivery(11), canWrite: true) == .skip)
        #expect(catchUp.nudged(try self.pushes.delivery(9), canWrite: true) == .skip)
        #expect(catchUp.nudged(try self.pushes.delivery(15), canWrite: true) == .send)
        #expect(catchUp.cursor == MessageID(15))
    }

    @Test func `sends behind a page what was rung for while it was read`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        #expect(catchUp.nudged(try self.pushes.delivery(7), canWrite: true) == .wait)
        #expect(catchUp.nudged(try self.pushes.delivery(8), canWrite: true) == .wait)
        // The page was read after 7 was committed, and before 8 was.
        #expect(catchUp.deal(try self.pushes.stored(5, 7), at: self.pushes.start) == [5, 7, 8])
        #expect(catchUp.pageDone(isLast: true) == false)
        #expect(catchUp.nudged(try self.pushes.delivery(8), canWrite: true) == .skip)
    }

    @Test func `does not overtake pages that are still missing`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        #expect(catchUp.nudged(try self.pushes.delivery(9), canWrite: true) == .wait)
        #expect(catchUp.deal(try self.pushes.stored(1, 2), isLast: false, at: self.pushes.start) == [1, 2])
        #expect(catchUp.pageDone(isLast: false) == true)
        _ = catchUp.beginPage()
        #expect(catchUp.deal(try self.pushes.stored(3), at: self.pushes.start) == [3, 9])
    }

    @Test func `reads another page when more was rung for than it holds`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        for number in 1...Int64(CatchUp.heldMax + 1) {
            #expect(catchUp.nudged(try self.pushes.delivery(number), canWrite: true) == .wait)
        }
        // Not even those that are held go out: number 33 could be overtaken by a later one.
        #expect(catchUp.deal([], at: self.pushes.start) == [])
        #expect(catchUp.pageDone(isLast: true) == true)
        #expect(catchUp.beginPage() == MessageID(0))
        let page = try (1...Int64(CatchUp.heldMax + 1)).map { try self.pushes.delivery($0) }
        #expect(catchUp.deal(page, at: self.pushes.start) == Array(1...Int64(CatchUp.heldMax + 1)))
        #expect(catchUp.pageDone(isLast: true) == false)
    }

    @Test func `keeps order and loses nothing when the connection stalls in a page`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        #expect(catchUp.nudged(try self.pushes.fleeting(6), canWrite: true) == .wait)
        let batch = catchUp.merge(try self.pushes.stored(4, 5, 8), isLast: true, at: self.pushes.start)
        #expect(catchUp.sent(batch[0]) == true)
        catchUp.block(batch.dropFirst())
        #expect(catchUp.isBlocked)
        #expect(catchUp.nudged(try self.pushes.delivery(9), canWrite: false) == .wait)
        #expect(catchUp.beginPage() == MessageID(4))
        #expect(catchUp.deal(try self.pushes.stored(5, 8, 9), at: self.pushes.start) == [5, 6, 8, 9])
        #expect(catchUp.pageDone(isLast: true) == false)
    }

    @Test func `goes back to reading when a live connection takes no more`() throws {
        var catchUp = try self.live()
        #expect(catchUp.nudged(try self.pushes.delivery(11), canWrite: false) == .wait)
        #expect(catchUp.isBlocked && !catchUp.isLive)
        #expect(catchUp.nudged(try self.pushes.delivery(12), canWrite: true) == .wait)
        #expect(catchUp.beginPage() == MessageID(10))
        #expect(catchUp.deal(try self.pushes.stored(11, 12), at: self.pushes.start) == [11, 12])
        #expect(catchUp.pageDone(isLast: true) == false)
    }

    @Test func `sends a share once, whichever way it comes first`() throws {
        var byNudge = try self.live()
        #expect(byNudge.nudged(try self.pushes.share(3), canWrite: true) == .send)
        #expect(byNudge.nudged(try self.pushes.share(3), canWrite: true) == .skip)
        #expect(byNudge.cursor == MessageID(10))
        #expect(byNudge.nudged(try self.pushes.share(20), canWrite: true) == .send)
        #expect(byNudge.nudged(try self.pushes.delivery(21), canWrite: false) == .wait)
        _ = byNudge.beginPage()
        #expect(byNudge.deal([try self.pushes.share(20), try self.pushes.delivery(21)], at: self.pushes.start) == [21])

        var byPage = CatchUp()
        _ = byPage.beginPage()
        #expect(byPage.deal([try self.pushes.share(3)], isLast: false, at: self.pushes.start) == [3])
        #expect(byPage.beginPage() == MessageID(3))
        #expect(byPage.deal([], at: self.pushes.start) == [])
        #expect(byPage.pageDone(isLast: true) == false)
        #expect(byPage.nudged(try self.pushes.share(3), canWrite: true) == .skip)
    }

    @Test func `moves past a page of nothing but shares that were sent`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        #expect(catchUp.nudged(try self.pushes.share(2), canWrite: true) == .wait)
        #expect(catchUp.deal([try self.pushes.share(2)], isLast: false, at: self.pushes.start) == [2])
        #expect(catchUp.beginPage() == MessageID(2))
    }

    @Test func `holds a share until the connection takes it, and ends rather than lose one`() throws {
        var catchUp = try self.live()
        for number in 1...Int64(CatchUp.heldMax) {
            #expect(catchUp.nudged(try self.pushes.share(number), canWrite: false) == .wait)
        }
        #expect(catchUp.nudged(try self.pushes.share(99), canWrite: false) == .overflow)
        _ = catchUp.beginPage()
        #expect(catchUp.deal([], at: self.pushes.start) == Array(1...Int64(CatchUp.heldMax)))
    }

    @Test func `makes room for shares by leaving stored pushes to the store`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        for number in 101...100 + Int64(CatchUp.heldMax) {
            #expect(catchUp.nudged(try self.pushes.delivery(number), canWrite: true) == .wait)
        }
        #expect(catchUp.nudged(try self.pushes.share(7), canWrite: true) == .wait)
        _ = catchUp.deal([], at: self.pushes.start)
        #expect(catchUp.pageDone(isLast: true) == true)
    }

    @Test func `sends a fleeting push late rather than never, but not after its moment`() throws {
        var catchUp = try self.live()
        // Its nudge was overtaken by a page that held a later number.
        #expect(catchUp.nudged(try self.pushes.fleeting(8), canWrite: true) == .send)
        #expect(catchUp.nudged(try self.pushes.fleeting(12), canWrite: false) == .wait)
        var late = catchUp
        _ = catchUp.beginPage()
        #expect(catchUp.deal([], at: self.pushes.start.adding(seconds: 5)) == [12])
        _ = late.beginPage()
        #expect(late.deal([], at: self.pushes.start.adding(seconds: 6)) == [])
        #expect(late.pageDone(isLast: true) == false)
    }

    @Test func `keeps the youngest fleeting pushes`() throws {
        var catchUp = try self.live()
        for number in 11...Int64(CatchUp.heldMax) + 13 {
            #expect(catchUp.nudged(try self.pushes.fleeting(number), canWrite: false) == .wait)
        }
        _ = catchUp.beginPage()
        #expect(catchUp.deal([], at: self.pushes.start) == Array(14...Int64(CatchUp.heldMax) + 13))
    }

    @Test func `never sends what has expired or was taken back`() throws {
        var catchUp = CatchUp()
        _ = catchUp.beginPage()
        #expect(catchUp.nudged(try self.pushes.delivery(6), canWrite: true) == .wait)
        #expect(catchUp.nudged(try self.pushes.delivery(7, timeToLive: 5), canWrite: true) == .wait)
        #expect(catchUp.nudged(try self.pushes.delivery(8), canWrite: true) == .wait)
        catchUp.withdraw(MessageID(6))
        let page = [try self.pushes.delivery(5, timeToLive: 5)]
        #expect(catchUp.deal(page, at: self.pushes.start.adding(seconds: 5)) == [8])
    }
}

@Suite struct `Any course of a catch-up` {
    /// A store and a connection that behave as badly as they may; the session must still send everything once and in
    /// order.
    private struct Course {
        var random: SplitMix64
        let pushes = Pushes()
        var catchUp = CatchUp()
        var committed: [Delivery] = []
        /// Committed, and not yet told to the session.
        var nudges: [Delivery] = []
        /// Read from the store, and not yet handed to the session.
        var page: [Delivery]?
        var canWrite = true
        var sent: [Int64] = []
        static let pageMax = 4

        mutating func beginPage() {
            let after = self.catchUp.beginPage()
            self.page = Array(self.committed.filter { $0.deliverable.id > after }.prefix(Self.pageMax))
        }

        mutating func endPage() {
            guard let page = self.page else { return }
            self.page = nil
            let isLast = page.count < Self.pageMax
            let batch = self.catchUp.merge(page, isLast: isLast, at: self.pushes.start)
            for (index, delivery) in batch.enumerated() {
                if Int.random(in: 0..<12, using: &self.random) == 0 { self.canWrite = false }
                guard self.canWrite else { return self.catchUp.block(batch[index...]) }
                if self.catchUp.sent(delivery) { self.sent.append(delivery.deliverable.id.number) }
            }
            if self.catchUp.pageDone(isLast: isLast) { self.beginPage() }
        }

        mutating func nudge() {
            guard !self.nudges.isEmpty else { return }
            let delivery = self.nudges.removeFirst()
            if self.catchUp.nudged(delivery, canWrite: self.canWrite) == .send {
                self.sent.append(delivery.deliverable.id.number)
            }
        }

        mutating func step(_ number: inout Int64) throws {
            switch Int.random(in: 0..<10, using: &self.random) {
            case 0..<4:
                number += 1
                self.committed.append(try self.pushes.delivery(number))
                self.nudges.append(self.committed[self.committed.count - 1])
            case 4..<7: self.nudge()
            case 7: self.canWrite = false
            case 8: self.writable()
            default: self.endPage()
            }
        }

        mutating func writable() {
            self.canWrite = true
            if self.catchUp.isBlocked, self.page == nil { self.beginPage() }
        }
    }

    @Test func `sends every push once and in order`() throws {
        for seed in 0..<300 as Range<UInt64> {
            var course = Course(random: SplitMix64(seed: seed))
            var number: Int64 = 0
            course.beginPage()
            for _ in 0..<400 { try course.step(&number) }
            while !course.nudges.isEmpty { course.nudge() }
            while !course.catchUp.isLive || !course.canWrite {
                course.writable()
                course.endPage()
            }
            #expect(number > 100)
            #expect(course.sent == Array(1...number), "seed \(seed)")
        }
    }
}
