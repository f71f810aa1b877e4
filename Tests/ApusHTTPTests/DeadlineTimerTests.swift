import NIOCore
import NIOEmbedded
import Testing

@testable import ApusHTTP

@Suite struct `The timer of a deadline` {
    @Test func `fires once, at the last instant that was set`() {
        let loop = EmbeddedEventLoop()
        var fired = 0
        let deadline = Deadline(on: loop) { fired += 1 }
        deadline.set(loop.now + .seconds(75))
        deadline.set(loop.now + .seconds(20))
        deadline.set(loop.now + .seconds(50))
        loop.advanceTime(by: .seconds(49))
        #expect(fired == 0)
        loop.advanceTime(by: .seconds(1))
        #expect(fired == 1)
        loop.advanceTime(by: .hours(1))
        #expect(fired == 1)
    }

    @Test func `goes on when it is set again`() {
        let loop = EmbeddedEventLoop()
        var fired = 0
        let deadline = Deadline(on: loop) { fired += 1 }
        for _ in 0..<100 {
            deadline.set(loop.now + .seconds(30))
            loop.advanceTime(by: .seconds(1))
            deadline.set(loop.now + .seconds(10))
            loop.advanceTime(by: .seconds(9))
        }
        #expect(fired == 0)
        loop.advanceTime(by: .seconds(1))
        #expect(fired == 1)
    }

    @Test func `never fires once it was discarded`() {
        let loop = EmbeddedEventLoop()
        var fired = 0
        let deadline = Deadline(on: loop) { fired += 1 }
        deadline.set(loop.now + .seconds(1))
        deadline.discard()
        deadline.set(loop.now + .seconds(2))
        loop.advanceTime(by: .hours(1))
        #expect(fired == 0)
    }

    @Test func `keeps nobody alive whose deadline was discarded`() {
        final class Owner {}
        let loop = EmbeddedEventLoop()
        var owner: Owner? = Owner()
        weak let remembered = owner
        let deadline = Deadline(on: loop) { [owner] in _ = owner }
        deadline.set(loop.now + .seconds(1))
        owner = nil
        #expect(remembered != nil)
        deadline.discard()
        #expect(remembered == nil)
    }
}
