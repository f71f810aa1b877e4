/// The messages of an app that wait by bitmap, in order of their numbers.
///
/// A login asks which of them wait for its device. Most devices have received nearly all, so it does not look at each
/// message: the older ones stand in runs, and a run knows for which devices nothing of it waits.
struct WideMessages: Sendable {
    /// A message that waits by bitmap.
    struct Entry: Sendable {
        /// Without its payload.
        let message: Message
        let pace: Pace?
        /// Received, or dropped: it waits for them no more.
        var done = Ordinals()
        /// How many devices of a timed-speed push have been nudged, by rank.
        var pacedCount = 0
    }

    private struct Run: Sendable {
        /// The greatest number that belongs to it. It begins behind that of the run before.
        let last: MessageID
        /// Whoever something of the run waits for, and perhaps others; nil until it is worth to be worked out.
        var hopeful: Ordinals?
        /// How many devices were looked for in vain since.
        var vain = 0
    }

    /// Messages of one run.
    static let runLength = 64
    /// Working out for whom a run waits costs about as much as looking through it for so many devices.
    static let vainMax = 256

    private var entries: [Entry] = []
    private var runs: [Run] = []
    /// How many entries belong to runs.
    private var runEnd = 0

    init() {}

    /// - Parameter entries: in order of their numbers.
    init(_ entries: [Entry]) {
        for entry in entries { self.append(entry) }
    }

    var isEmpty: Bool { self.entries.isEmpty }

    var indices: Range<Int> { self.entries.indices }

    subscript(index: Int) -> Entry { self.entries[index] }

    /// - Parameter entry: with a greater number than all others.
    mutating func append(_ entry: Entry) {
        self.entries.append(entry)
        guard self.entries.count - self.runEnd >= Self.runLength else { return }
        self.runEnd = self.entries.count
        self.runs.append(Run(last: entry.message.id))
    }

    /// Where a message stands.
    func index(of id: MessageID) -> Int? {
        let index = self.count { $0 < id }
        return index < self.entries.count && self.entries[index].message.id == id ? index : nil
    }

    mutating func remove(at index: Int) -> Message {
        if index < self.runEnd { self.runEnd -= 1 }
        return self.entries.remove(at: index).message
    }

    /// The message waits for these no more.
    mutating func markDone(_ ordinals: Ordinals, at index: Int) { self.entries[index].done.formUnion(ordinals) }

    mutating func notePaced(_ count: Int, at index: Int) { self.entries[index].pacedCount = count }

    /// Lets go of what has expired.
    mutating func trim(at now: Timestamp) {
        guard self.entries.contains(where: { $0.message.expiresAt < now }) else { return }
        self.entries.removeAll { $0.message.expiresAt < now }
        var (left, start): ([Run], Int) = ([], 0)
        for run in self.runs {
            let end = self.count { $0 <= run.last }
            if end > start { left.append(run) }
            start = end
        }
        (self.runs, self.runEnd) = (left, start)
    }

    /// The messages behind a number that wait for a device, due or not.
    ///
    /// Keeps count of where that was asked in vain.
    mutating func waiting(for ordinal: Ordinal, after: MessageID) -> [Entry] {
        var found: [Entry] = []
        let first = self.count { $0 <= after }
        // One run at most is worked out on the way: others wait for this login.
        var mayWork = true
        var start = 0
        for run in self.runs.indices {
            let last = self.runs[run].last
            let end = self.count { $0 <= last }
            defer { start = end }
            guard end > first, self.runs[run].hopeful?.contains(ordinal) ?? true else { continue }
            let isNew = self.look(for: ordinal, in: max(start, first)..<end, &found)
            if !isNew, first <= start { self.noteVain(run, start..<end, &mayWork) }
        }
        _ = self.look(for: ordinal, in: max(start, first)..<max(self.entries.count, first), &found)
        return found
    }

    /// - Returns: whether there was any.
    private func look(for ordinal: Ordinal, in range: Range<Int>, _ found: inout [Entry]) -> Bool {
        let count = found.count
        // By place: an entry that is taken out is copied.
        for index in range
        where self.entries[index].message.target.contains(ordinal) && !self.entries[index].done.contains(ordinal) {
            found.append(self.entries[index])
        }
        return found.count > count
    }

    private mutating func noteVain(_ run: Int, _ range: Range<Int>, _ mayWork: inout Bool) {
        self.runs[run].vain += 1
        guard self.runs[run].vain >= Self.vainMax, mayWork else { return }
        mayWork = false
        var hopeful = Ordinals()
        for index in range {
            hopeful.formUnion(self.entries[index].message.target.subtracting(self.entries[index].done))
        }
        (self.runs[run].hopeful, self.runs[run].vain) = (hopeful, 0)
    }

    /// How many messages stand before some place in the order of their numbers.
    private func count(where isBefore: (MessageID) -> Bool) -> Int {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self.entries[middle].message.id) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
