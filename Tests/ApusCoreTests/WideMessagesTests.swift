import ApusContract
import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `The wide messages of an app` {
    private static let start = Timestamp(milliseconds: 1_700_000_000_000)

    private static func entry(_ id: Int64, for target: Ordinals, lifeSeconds: Int = 86_400) -> WideMessages.Entry {
        let message = Message(
            id: MessageID(id), app: AppID(1), acceptedAt: self.start, timeToLiveSeconds: lifeSeconds, spreadMinutes: 0,
            payload: [], target: target, targeted: PlatformCounts(), online: PlatformCounts(), isBroadcast: false,
            overrides: nil)
        return WideMessages.Entry(message: message, pace: nil)
    }

    private static func waiting(_ wide: inout WideMessages, _ ordinal: Ordinal, after: Int64 = 0) -> [Int64] {
        wide.waiting(for: ordinal, after: MessageID(after)).map(\.message.id.number)
    }

    /// What they should know, kept as plainly as it can be.
    private struct Plain {
        let id: Int64
        var waiting: Set<Ordinal>
        let lifeSeconds: Int
    }

    @Test(arguments: [41, 42, 43] as [UInt64])
    func `wait for whom a plain list says they do, whatever was asked before`(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var (wide, plain): (WideMessages, [Plain]) = (WideMessages(), [])
        let devices = 12 as Ordinal
        for step in 1...4000 as ClosedRange<Int64> {
            switch Int.random(in: 0..<40, using: &random) {
            case 0..<4:
                let target = (0..<devices).filter { _ in Bool.random(using: &random) }
                let life = Int.random(in: 1...9, using: &random) * 1000
                wide.append(Self.entry(step, for: Ordinals(target), lifeSeconds: life))
                plain.append(Plain(id: step, waiting: Set(target), lifeSeconds: life))
            case 4..<12:
                guard let index = plain.indices.randomElement(using: &random) else { continue }
                let done = (0..<devices).filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
                plain[index].waiting.subtract(done)
                let place = try #require(wide.index(of: MessageID(plain[index].id)))
                wide.markDone(Ordinals(done), at: place)
            case 12:
                guard let index = plain.indices.randomElement(using: &random) else { continue }
                let id = MessageID(plain.remove(at: index).id)
                let place = try #require(wide.index(of: id))
                let removed = wide.remove(at: place)
                #expect(removed.id == id)
                #expect(wide.index(of: id) == nil)
            case 13 where step % 50 == 0:
                let seconds = Int.random(in: 0...4, using: &random) * 1000
                wide.trim(at: Self.start.adding(seconds: seconds))
                plain.removeAll { $0.lifeSeconds < seconds }
            default:
                let ordinal = Ordinal.random(in: 0..<devices, using: &random)
                let after = Bool.random(using: &random) ? 0 : Int64.random(in: 0...step, using: &random)
                let expected = plain.filter { $0.id > after && $0.waiting.contains(ordinal) }.map(\.id)
                // Often enough that it is worked out for whom the runs wait.
                for _ in 0..<9 {
                    let waiting = Self.waiting(&wide, ordinal, after: after)
                    #expect(waiting == expected, "seed \(seed), step \(step)")
                }
            }
        }
        #expect(wide.indices.count == plain.count)
        #expect(plain.count > WideMessages.runLength)
    }

    @Test func `are passed over in runs by whom nothing waits for, and found by all others`() {
        let everybody = Ordinals(0..<100 as Range<Ordinal>)
        var wide = WideMessages((1...130 as ClosedRange<Int64>).map { Self.entry($0, for: everybody) })
        for index in wide.indices { wide.markDone(Ordinals(0..<99 as Range<Ordinal>), at: index) }
        for _ in 0..<(3 * WideMessages.vainMax) {
            for ordinal in [0, 98] as [Ordinal] {
                let none = Self.waiting(&wide, ordinal)
                #expect(none.isEmpty)
            }
        }
        let all = Self.waiting(&wide, 99)
        #expect(all == Array(1...130))
        let some = Self.waiting(&wide, 99, after: 70)
        #expect(some == Array(71...130))
        wide.append(Self.entry(131, for: everybody))
        let newest = Self.waiting(&wide, 0)
        #expect(newest == [131])
        wide.trim(at: Self.start.adding(seconds: 90_000))
        let gone = Self.waiting(&wide, 99)
        #expect(wide.isEmpty && gone.isEmpty)
    }
}
