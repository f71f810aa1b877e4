import Foundation
import GRDB
import Testing

@testable import ApusSQLite

/// A store as a version of the past left it: its tables with rows in them, as SQL in `Tests/Schemas/`.
///
/// One file for each migration that ever landed, numbered in their order. A file is never edited, as its migration is
/// not.
struct LandedSchema: CustomTestStringConvertible {
    /// 1 for the first.
    let number: Int
    let migration: String

    static let all = Schema.migrator.migrations.enumerated().map { LandedSchema(number: $0 + 1, migration: $1) }

    var testDescription: String { self.migration }

    private var path: String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Schemas/\(self.number)-\(self.migration).sql").path(percentEncoded: false)
    }

    /// The SQL; where it is missing, the test fails and says how it is made.
    func text() throws -> String {
        try #require(
            try? String(contentsOfFile: self.path, encoding: .utf8),
            """
            \(self.path) is missing: write it with APUS_WRITE_DOCS=1 swift test --filter ApusSQLiteTests, and add rows \
            for what is new in it
            """)
    }

    /// Makes the store of that time.
    func make(in folder: String) throws {
        let connection = try DatabaseQueue(path: "\(folder)/apus.db")
        let text = try self.text()
        try connection.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA application_id = \(Schema.applicationID);")
            try db.execute(sql: text)
        }
        try connection.close()
    }

    /// Writes the file out of the one before and today's migrator, unless it is there already.
    func writeIfMissing() throws {
        guard !FileManager.default.fileExists(atPath: self.path), self.number > 1 else { return }
        let connection = try DatabaseQueue()
        let before = try Self.all[self.number - 2].text()
        try connection.writeWithoutTransaction { db in try db.execute(sql: before) }
        try Schema.migrator.migrate(connection, upTo: self.migration)
        let text = try connection.read { db in try Self.dump(db) }
        try text.write(toFile: self.path, atomically: true, encoding: .utf8)
    }

    private static func dump(_ db: Database) throws -> String {
        let masters = "FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        var lines = try String.fetchAll(db, sql: "SELECT sql || ';' \(masters) ORDER BY rowid")
        for table in try String.fetchAll(db, sql: "SELECT name \(masters) AND type = 'table' ORDER BY rowid") {
            let cells = try db.columns(in: table).map { "quote(\"\($0.name)\")" }.joined(separator: " || ', ' || ")
            lines += try String.fetchAll(
                db, sql: "SELECT 'INSERT INTO \(table) VALUES (' || \(cells) || ');' FROM \(table)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Database {
    /// What tables and indexes there are, without regard to comments and line breaks.
    func shape() throws -> [String] {
        try String.fetchAll(
            self, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        ).map { sql in
            let code = sql.split(separator: "\n").map { line -> Substring in
                guard let mark = line.firstRange(of: "--") else { return line }
                return line[..<mark.lowerBound]
            }
            return code.joined(separator: " ").split(separator: " ").joined(separator: " ") as String
        }.sorted()
    }

    /// Every row of every table, as texts, with the columns given by table.
    func rows(of columns: [String: [String]]) throws -> [String: Set<String>] {
        try columns.reduce(into: [:]) { rows, table in
            let cells = table.value.map { "quote(\"\($0)\")" }.joined(separator: " || ',' || ")
            rows[table.key] = Set(try String.fetchAll(self, sql: "SELECT \(cells) FROM \(table.key)"))
        }
    }

    /// The names of the columns by table.
    func tableColumns() throws -> [String: [String]] {
        let tables = try String.fetchAll(
            self, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return try tables.reduce(into: [:]) { $0[$1] = try self.columns(in: $1).map(\.name) }
    }
}
