import ApusCore
import ApusSQLite
import ApusWire

/// One import of devices: lines in, batches of writes out.
struct DeviceImport {
    /// Devices of one transaction: long enough to share an fsync, short enough that a server on the same store waits
    /// for milliseconds only.
    private static let batchMax = 500
    private static let tokenNames = Set(VendorToken.allCases.map(\.rawValue))

    /// What came of the lines.
    struct Counts {
        var imported = 0
        var updated = 0
        var refused = 0

        var json: String { #"{"imported":\#(self.imported),"updated":\#(self.updated),"refused":\#(self.refused)}"# }
    }

    private struct Entry {
        let number: Int
        let line: DeviceLine
    }

    private let app: AppID
    private let store: SQLiteStore
    private let credentials: CredentialsFile?
    private let now: Timestamp
    private var counts = Counts()
    private var batch: [Entry] = []
    private var namesOfBatch: Set<RegistrationID> = []
    /// Where the next new device would like to stand; the store knows better.
    private var nextOrdinal: Ordinal = 0

    /// - Parameter credentials: where made ids and secrets go; without it no secrets are made.
    init(of app: AppID, into store: SQLiteStore, credentials: CredentialsFile?, at now: Timestamp) {
        self.app = app
        self.store = store
        self.credentials = credentials
        self.now = now
    }

    /// Imports every line of a file, telling on standard error of each that is refused.
    ///
    /// - Throws: a ``Failure`` when the file or the store gives up; what was imported by then stays.
    mutating func importAll(_ file: LineFile) async throws -> Counts {
        var file = file
        var progress = ProgressBar(total: file.sizeBytes)
        defer { progress.end() }
        while let line = try file.next() {
            switch line {
            case .tooLong(let number):
                self.refuse(number, "it is longer than \(LineFile.lineMaxBytes) bytes", &progress)
            case .text(let number, let text): try await self.take(text, number, &progress)
            }
            if self.batch.count == Self.batchMax {
                try await self.flush(&progress)
                progress.show(file.readBytes, "\(self.counts.imported + self.counts.updated) devices")
            }
        }
        try await self.flush(&progress)
        progress.show(file.readBytes, "\(self.counts.imported + self.counts.updated) devices")
        return self.counts
    }

    private mutating func take(_ text: [UInt8], _ number: Int, _ progress: inout ProgressBar) async throws {
        // An empty line, as at the end of many files, is nobody's.
        guard text.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\t") })
        else { return }
        do {
            let line = try DeviceLine(decoding: text, tokenNames: Self.tokenNames)
            if let name = line.registrationID, !self.namesOfBatch.insert(name).inserted {
                // The later line changes what the earlier one made.
                try await self.flush(&progress)
                self.namesOfBatch.insert(name)
            }
            self.batch.append(Entry(number: number, line: line))
        } catch let refusal as Refusal {
            self.refuse(number, refusal.message(for: .device), &progress)
        }
    }

    private mutating func refuse(_ number: Int, _ reason: String, _ progress: inout ProgressBar) {
        self.counts.refused += 1
        progress.clear()
        Terminal.warn("line \(number): \(reason)")
    }
}

// MARK: - Batches

extension DeviceImport {
    private mutating func flush(_ progress: inout ProgressBar) async throws {
        guard !self.batch.isEmpty else { return }
        let start = ContinuousClock.now
        let known = try await self.store.devices(named: self.batch.compactMap(\.line.registrationID))
        let byName = Dictionary(known.map { ($0.registrationID, $0) }) { first, _ in first }
        var writes: [(number: Int, write: Write)] = []
        var made: [UInt8] = []
        for entry in self.batch {
            do throws(Refusal) {
                let device = entry.line.registrationID.flatMap { byName[$0] }
                writes.append((entry.number, try self.write(entry.line, over: device, making: &made)))
            } catch {
                self.refuse(entry.number, error.message(for: .device), &progress)
            }
        }
        // Before the commit: a secret that nobody was told could never be used. One that was not kept harms nobody.
        if !made.isEmpty { try self.credentials?.append(made) }
        let outcomes = await self.store.commit(writes.map(\.write))
        for (write, outcome) in zip(writes, outcomes) { try self.count(write.number, outcome, write.write, &progress) }
        self.batch.removeAll(keepingCapacity: true)
        self.namesOfBatch.removeAll(keepingCapacity: true)
        // A server on the same store, which may just be waiting for its turn to write, gets one.
        try await Task.sleep(for: (ContinuousClock.now - start) / 4)
    }

    private mutating func count(
        _ number: Int, _ outcome: WriteOutcome, _ write: Write, _ progress: inout ProgressBar
    ) throws {
        let isNew = if case .register = write { true } else { false }
        switch outcome {
        case .done, .changed, .changedAll, .adopted:
            if isNew { self.counts.imported += 1 } else { self.counts.updated += 1 }
            if isNew, case .changed(_, let kept) = outcome {
                self.nextOrdinal = max(self.nextOrdinal, kept.ordinal + 1)
            }
        case .refused(let refusal): self.refuse(number, refusal.message(for: .device), &progress)
        case .failed(.conflict): self.refuse(number, "the registration_id was taken a moment ago", &progress)
        case .failed(let error):
            throw Failure(
                "the store failed at line \(number) (\(error)); the lines before it are imported, import the rest again"
            )
        }
    }

    private mutating func write(
        _ line: DeviceLine, over known: Device?, making made: inout [UInt8]
    ) throws(Refusal) -> Write {
        if let known {
            guard known.app == self.app else { throw Refusal(.badValue, "the registration_id belongs to another app") }
            guard known.platform == line.platform else {
                throw Refusal(.badValue, "the device is known on \(known.platform.name), which never changes")
            }
        }
        let name = known?.registrationID ?? line.registrationID ?? Self.freshName()
        guard let name else { throw Refusal(.internalFault) }
        let makesSecret = line.secret == nil && known?.secret == nil && self.credentials != nil
        let secret = line.secret ?? (makesSecret ? RandomText.hex(digits: 32) : nil)
        if self.credentials != nil, makesSecret || line.registrationID == nil, let secret {
            made.append(contentsOf: #"{"registration_id":"\#(name.text)","secret":"\#(secret)"}"#.utf8)
            made.append(UInt8(ascii: "\n"))
        }
        let change = self.change(line, secret: secret)
        if let known { return .change(change, of: known.ordinal, in: self.app) }
        defer { self.nextOrdinal += 1 }
        let device = Device(
            app: self.app, ordinal: self.nextOrdinal, registrationID: name, secret: nil, platform: line.platform,
            registeredAt: self.now)
        return .register(try device.applying(change))
    }

    private func change(_ line: DeviceLine, secret: String?) -> DeviceChange {
        var change = DeviceChange()
        change.tags = line.tags.map { .set($0) }
        change.alias = line.alias
        change.mobile = line.mobile
        for (vendor, token) in line.tokens { change.tokens[vendor] = .some(token.isEmpty ? nil : token) }
        change.secret = secret.map { SecretHash(hashing: $0) }
        change.importedAt = self.now
        return change
    }

    private static func freshName() -> RegistrationID? { RegistrationID("1" + RandomText.hex(digits: 18)) }
}
