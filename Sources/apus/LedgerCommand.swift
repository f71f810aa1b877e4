import ApusCore
import ApusSQLite
import ArgumentParser

/// `apus ledger`: whether the books balance.
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Counts where every push stands on every device, and checks that the counts balance.",
        discussion: """
            Reads the store, also while a server runs on it: targets = delivered + waiting + expired + withdrawn +
            overridden + dropped, for every push. Exit status 1 says that something in the store does not agree.
            """)

    /// Messages read at a time.
    private static let pageMax = 200
    /// Most faults that are told one by one.
    private static let toldMax = 20

    @OptionGroup var place: StorePlace
    @Option(help: ArgumentHelp("One app alone.", valueName: "K"))
    var app: String?
    @Flag(help: "With --json: a line for every push, in 'pushes'.")
    var each = false

    func run() async throws {
        let (books, faults) = try await self.place.withStore { store in
            let apps =
                if let key = self.app { [try await AppCommand.find(key, in: store)] } else { try await store.apps() }
            var books: [AppBook] = []
            for app in apps { books.append(try await self.book(of: app, in: store)) }
            return (books, books.flatMap(\.faults))
        }
        Terminal.print(self.place.json ? self.json(books) : Self.table(books))
        guard !faults.isEmpty else { return }
        for fault in faults.prefix(Self.toldMax) { Terminal.warn(fault.sentence) }
        throw Failure(
            "\(faults.count) faults: the store does not agree with itself; keep a copy of the data folder and report it"
        )
    }

    private func book(of app: App, in store: SQLiteStore) async throws -> AppBook {
        var book = AppBook(key: app.key.text)
        var after = MessageID(0)
        while true {
            let page = try await store.ledger(of: app.id, after: after, limit: Self.pageMax)
            let now = Clocks.system.now()
            for record in page { book.enter(LedgerLine(record, at: now), keeps: self.each) }
            guard let last = page.last?.message.id, page.count == Self.pageMax else { return book }
            after = last
        }
    }

    private func json(_ books: [AppBook]) -> String {
        let apps = books.map { book in
            let faults = book.faults.map { fault in
                var text = Array("{\"msg_id\":\"\(fault.id.text)\",\"fault\":".utf8)
                text.appendJSON(string: fault.reason)
                return String(decoding: text, as: UTF8.self) + "}"
            }
            let pushes = book.lines.map { "{\"msg_id\":\"\($0.id.text)\",\($0.counts.members)}" }
            return "{\"app_key\":\"\(book.key)\",\"messages\":\(book.messages),\(book.sums.members),"
                + "\"faults\":[\(faults.joined(separator: ","))]"
                + (self.each ? ",\"pushes\":[\(pushes.joined(separator: ","))]}" : "}")
        }
        let isBalanced = books.allSatisfy(\.faults.isEmpty)
        return "{\"balanced\":\(isBalanced),\"apps\":[\(apps.joined(separator: ","))]}"
    }

    private static func table(_ books: [AppBook]) -> String {
        var rows: [[String]] = [["app_key", "pushes"]]
        for cell in LedgerCounts().cells { rows[0].append(cell.name) }
        for book in books {
            var row = [book.key, String(book.messages)]
            for cell in book.sums.cells { row.append(String(cell.count)) }
            rows.append(row)
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines: [String] = []
        for row in rows {
            var line = row[0]
            for column in row.indices.dropFirst() {
                let before = column == 1 ? widths[0] - row[0].count : 0
                line += String(repeating: " ", count: before + 2 + widths[column] - row[column].count) + row[column]
            }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }
}

/// One app's pages of the ledger, summed up.
private struct AppBook: Sendable {
    struct Fault: Sendable {
        let id: MessageID
        let reason: String

        var sentence: String { "push \(self.id.text): \(self.reason)" }
    }

    let key: String
    var messages = 0
    var sums = LedgerCounts()
    var faults: [Fault] = []
    var lines: [LedgerLine] = []

    init(key: String) { self.key = key }

    mutating func enter(_ line: LedgerLine, keeps: Bool) {
        self.messages += 1
        self.sums += line.counts
        self.faults += line.faults.map { Fault(id: line.id, reason: $0) }
        if keeps { self.lines.append(line) }
    }
}

extension LedgerCounts {
    fileprivate var cells: [(name: String, count: Int)] {
        [
            ("targets", self.targets), ("delivered", self.delivered), ("waiting", self.waiting),
            ("expired", self.expired), ("withdrawn", self.withdrawn), ("overridden", self.overridden),
            ("dropped", self.dropped),
        ]
    }

    fileprivate var members: String {
        self.cells.map { "\"\($0.name)\":\($0.count)" }.joined(separator: ",")
    }
}
