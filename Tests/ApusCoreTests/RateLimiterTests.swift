import ApusTesting
import Synchronization
import Testing

@testable import ApusCore

@Suite struct `A rate limiter` {
    @Test func `counts calls in a window of 60 seconds that starts with the first one`() {
        let clock = StoppedClock()
        let limiter = RateLimiter<String>(clocks: clock.clocks)
        clock.advance(seconds: 17)
        for left in [2, 1, 0] {
            let budget = limiter.take("a", limit: 3)
            #expect(budget == .init(limit: 3, remaining: left, resetSeconds: 60, isWithin: true))
        }
        clock.advance(seconds: 20)
        #expect(limiter.take("a", limit: 3) == .init(limit: 3, remaining: 0, resetSeconds: 40, isWithin: false))
        clock.advance(milliseconds: 39_999)
        #expect(limiter.take("a", limit: 3) == .init(limit: 3, remaining: 0, resetSeconds: 1, isWithin: false))
        clock.advance(milliseconds: 1)
        #expect(limiter.take("a", limit: 3) == .init(limit: 3, remaining: 2, resetSeconds: 60, isWithin: true))
    }

    @Test func `looks without counting, and begins no window by looking`() {
        let clock = StoppedClock()
        let limiter = RateLimiter<String>(clocks: clock.clocks)
        #expect(limiter.peek("a", limit: 2).remaining == 2)
        clock.advance(seconds: 59)
        _ = limiter.take("a", limit: 2)
        for _ in 0..<5 { #expect(limiter.peek("a", limit: 2).remaining == 1) }
        #expect(limiter.peek("a", limit: 2).resetSeconds == 60)
    }

    @Test func `counts each key by itself`() {
        let limiter = RateLimiter<Int>(clocks: StoppedClock().clocks)
        for key in 0..<100 { #expect(limiter.take(key, limit: 1).isWithin) }
        for key in 0..<100 { #expect(!limiter.take(key, limit: 1).isWithin) }
    }

    @Test func `follows a limit that changes within a window`() {
        let limiter = RateLimiter<Int>(clocks: StoppedClock().clocks)
        for _ in 0..<5 { _ = limiter.take(1, limit: 10) }
        #expect(limiter.take(1, limit: 3) == .init(limit: 3, remaining: 0, resetSeconds: 60, isWithin: false))
        #expect(limiter.take(1, limit: .max).isWithin)
    }

    /// The wall clock may be set by an operator; a rate is not measured by it.
    @Test func `does not care about the wall clock`() {
        let clock = StoppedClock()
        let limiter = RateLimiter<Int>(clocks: clock.clocks)
        _ = limiter.take(1, limit: 1)
        clock.set(clock.now.adding(seconds: 86_400))
        #expect(!limiter.take(1, limit: 1).isWithin)
        clock.set(Timestamp(milliseconds: 0))
        #expect(!limiter.take(1, limit: 1).isWithin)
    }

    /// One caller reads the clock, another one does so a little later and begins the window first.
    @Test func `takes a caller who read the clock before the window began`() {
        let moments = Mutex<[UInt64]>([2_000_000_001, 2_000_000_000, 1, 62_000_000_001])
        let clocks = Clocks(
            now: { Timestamp(milliseconds: 0) }, monotonicNanoseconds: { moments.withLock { $0.removeFirst() } })
        let limiter = RateLimiter<Int>(clocks: clocks)
        #expect(limiter.take(1, limit: 2) == .init(limit: 2, remaining: 1, resetSeconds: 60, isWithin: true))
        #expect(limiter.take(1, limit: 2) == .init(limit: 2, remaining: 0, resetSeconds: 60, isWithin: true))
        #expect(!limiter.take(1, limit: 2).isWithin)
        #expect(limiter.take(1, limit: 2) == .init(limit: 2, remaining: 1, resetSeconds: 60, isWithin: true))
    }

    @Test func `counts every call when many come at once`() async {
        let limiter = RateLimiter<Int>(clocks: StoppedClock().clocks)
        let within = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<1000 { group.addTask { limiter.take(1, limit: 600).isWithin } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(within == 600)
    }

    /// Keys that a flood makes up: windows that have ended go, and where none has, all begin anew.
    @Test func `holds a bounded number of windows under a flood of keys`() {
        let clock = StoppedClock()
        let limiter = RateLimiter<Int>(clocks: clock.clocks)
        for key in 0..<32_768 { _ = limiter.take(key, limit: 1) }
        clock.advance(seconds: 30)
        for key in 32_768..<65_536 { _ = limiter.take(key, limit: 1) }
        #expect(!limiter.peek(0, limit: 0).isWithin)
        clock.advance(seconds: 30)
        // The first half has ended and makes room; the second is still counted.
        _ = limiter.take(65_536, limit: 1)
        #expect(!limiter.take(40_000, limit: 1).isWithin)
        for key in 100_000..<140_000 { _ = limiter.take(key, limit: 1) }
        #expect(limiter.take(40_000, limit: 1).isWithin)
    }
}

@Suite struct `A quota` {
    @Test func `counts each bucket of each app by itself, within the app's own limit`() async throws {
        let node = try await TestCore.open(limits: Limits([.pushPerMinute: 5]))
        let (app, other) = (
            try await node.createApp("a", limits: Limits([.pushPerMinute: 2])), try await node.createApp("b")
        )
        let quota = node.core.quota
        #expect(quota.take(.push, of: app.id) == .init(limit: 2, remaining: 1, resetSeconds: 60, isWithin: true))
        #expect(quota.take(.push, of: app.id).isWithin)
        #expect(!quota.take(.push, of: app.id).isWithin)
        #expect(quota.take(.push, of: other.id) == .init(limit: 5, remaining: 4, resetSeconds: 60, isWithin: true))
        let standard: [(Quota.Bucket, Int)] = [(.report, 2400), (.device, 600), (.schedule, 100), (.file, 20)]
        for (bucket, limit) in standard {
            #expect(
                quota.take(bucket, of: app.id)
                    == .init(limit: limit, remaining: limit - 1, resetSeconds: 60, isWithin: true))
        }
    }

    @Test func `shows an unlimited bucket as the greatest number that every client can hold`() async throws {
        let node = try await TestCore.open(limits: Limits([.pushPerMinute: 0]))
        let app = try await node.createApp()
        for _ in 0..<3 {
            #expect(
                node.core.quota.take(.push, of: app.id)
                    == .init(limit: 2_147_483_647, remaining: 2_147_483_647, resetSeconds: 60, isWithin: true))
        }
    }
}
