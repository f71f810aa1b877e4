import ApusTesting
import Testing

@testable import ApusCore

@Suite struct `The daily book` {
    private static let midnight = Timestamp(milliseconds: 1_705_334_400_000)
    private static let limits = Limits([.broadcastsPerDay: 1, .pushesPerDevicePerDay: 1])

    /// What failed was yesterday's: giving it back must not make room today.
    @Test func `gives back nothing of today for a push of yesterday`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let book = DailyBook(store: node.store)
        let yesterday = try await Self.reserve(in: book, app, at: Self.midnight.adding(seconds: -1))
        _ = try await Self.reserve(in: book, app, at: Self.midnight)
        book.release(yesterday, of: app.id)
        await #expect(throws: Refusal.self) { _ = try await Self.reserve(in: book, app, at: Self.midnight) }
    }

    @Test func `gives back exactly what was taken`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let book = DailyBook(store: node.store)
        let taken = try await Self.reserve(in: book, app, at: Self.midnight)
        await #expect(throws: Refusal.self) { _ = try await Self.reserve(in: book, app, at: Self.midnight) }
        book.release(taken, of: app.id)
        _ = try await Self.reserve(in: book, app, at: Self.midnight)
        await #expect(throws: Refusal.self) { _ = try await Self.reserve(in: book, app, at: Self.midnight) }
        // Nothing was taken where nothing is limited, and there is nothing to give back.
        let free = try await book.reserve(
            AppID(99), isBroadcast: true, target: Ordinals([1]), limits: Limits(), at: Self.midnight)
        #expect(free == nil)
        book.release(free, of: app.id)
        await #expect(throws: Refusal.self) { _ = try await Self.reserve(in: book, app, at: Self.midnight) }
    }

    @Test func `says so when the store cannot tell it what was pushed today`() async throws {
        let node = try await TestCore.open()
        let app = try await node.createApp()
        let book = DailyBook(store: node.store)
        node.store.failReads(with: .unavailable)
        await #expect(throws: Refusal(.backendDown)) { _ = try await Self.reserve(in: book, app, at: Self.midnight) }
        node.store.failReads(with: nil)
        _ = try await Self.reserve(in: book, app, at: Self.midnight)
    }

    private static func reserve(
        in book: DailyBook, _ app: App, at now: Timestamp
    ) async throws -> DailyBook.Reservation? {
        try await book.reserve(app.id, isBroadcast: true, target: Ordinals([1, 2]), limits: Self.limits, at: now)
    }
}
