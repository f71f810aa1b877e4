private import Synchronization

/// Lets uploads into the store while they arrive, a bounded number at a time.
///
/// The store is where they are spooled: piece by piece under names that nothing refers to, until one last transaction
/// does. So no upload is ever held in memory or on the disk twice, and one that is cut off was never there.
package final class UploadIntake: Sendable {
    private let store: any Store
    private let clocks: Clocks
    /// Uploads under way. Beyond it new ones are refused with ``Refusal/Kind/overloaded``, before their body is read:
    /// each holds a piece in memory, and as much as its limit allows in the store.
    private let runningMax: Int
    private let running = Mutex(0)

    init(store: any Store, clocks: Clocks, runningMax: Int) {
        self.store = store
        self.clocks = clocks
        self.runningMax = runningMax
    }

    /// Runs one upload. When it throws, whatever it has put into the store is taken out again.
    ///
    /// - Throws: what the upload throws, and ``Refusal/Kind/overloaded`` without running it when too many are under
    ///   way.
    package func admit<Value>(
        _ body: (inout Upload) async throws(Refusal) -> Value
    ) async throws(Refusal) -> Value {
        let isAdmitted = self.running.withLock { running in
            guard running < self.runningMax else { return false }
            running += 1
            return true
        }
        guard isAdmitted else { throw Refusal(.overloaded) }
        defer { self.running.withLock { $0 -= 1 } }
        var upload = Upload(store: self.store, clocks: self.clocks)
        do throws(Refusal) {
            return try await body(&upload)
        } catch {
            // Where even this fails, on a full disk, the sweep tries again.
            if !upload.drafts.isEmpty { try? await self.store.dropPieces(of: upload.drafts) }
            throw error
        }
    }

    /// How many are under way.
    package var runningCount: Int { self.running.withLock { $0 } }
}

/// One upload that is under way.
package struct Upload: Sendable {
    fileprivate let store: any Store
    fileprivate let clocks: Clocks
    fileprivate var drafts: [UploadID] = []

    /// Begins the next thing in it.
    package mutating func begin() -> UploadDraft {
        let draft = UploadDraft(store: self.store, clocks: self.clocks)
        self.drafts.append(draft.id)
        return draft
    }
}

/// A list or a picture on its way into the store: bytes in, pieces out.
package struct UploadDraft: Sendable {
    /// Bytes of one piece: few enough that other writes get their turn soon, and enough that they are few.
    static let pieceBytes = 256 << 10
    private static let headBytes = 16

    /// What it will be called.
    package let id = UploadID()
    /// How many bytes were appended.
    package private(set) var bytes = 0
    /// The first of them, enough to tell what it is.
    package private(set) var head: [UInt8] = []
    /// How many pieces are in the store.
    private(set) var pieces = 0

    private let store: any Store
    private let clocks: Clocks
    /// What is not in the store yet, less than a piece.
    private var rest: [UInt8] = []

    fileprivate init(store: any Store, clocks: Clocks) {
        self.store = store
        self.clocks = clocks
    }

    /// Appends bytes, and returns when every whole piece is in the store.
    package mutating func append(_ bytes: [UInt8]) async throws(Refusal) {
        self.bytes += bytes.count
        self.head.append(contentsOf: bytes.prefix(Self.headBytes - self.head.count))
        self.rest.append(contentsOf: bytes)
        while self.rest.count >= Self.pieceBytes {
            try await self.keep(Array(self.rest.prefix(Self.pieceBytes)))
            self.rest.removeFirst(Self.pieceBytes)
        }
    }

    /// Puts what is left into the store.
    package mutating func finish() async throws(Refusal) {
        guard !self.rest.isEmpty else { return }
        try await self.keep(self.rest)
        self.rest = []
    }

    private mutating func keep(_ piece: [UInt8]) async throws(Refusal) {
        do {
            try await self.store.keepPiece(piece, self.pieces, of: self.id, at: self.clocks.now())
        } catch {
            throw Refusal(error)
        }
        self.pieces += 1
    }
}
