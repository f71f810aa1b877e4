internal import ApusCore
private import Foundation
internal import GRDB

extension Database {
    /// Runs one statement that changes rows; it is prepared once per connection.
    ///
    /// - Returns: how many rows it inserted, updated or deleted.
    @discardableResult
    func run(_ sql: String, _ values: (any DatabaseValueConvertible)?...) throws -> Int {
        let statement = try self.cachedStatement(sql: sql)
        try statement.execute(arguments: StatementArguments(values))
        return self.changesCount
    }

    /// The first row of an answer.
    func first<Value>(
        _ sql: String, _ values: (any DatabaseValueConvertible)?..., read: (Row) throws -> Value
    ) throws -> Value? {
        let statement = try self.cachedStatement(sql: sql)
        let rows = try Row.fetchCursor(statement, arguments: StatementArguments(values))
        // A row is a view of its cursor, which resets the statement when it goes.
        return try withExtendedLifetime(rows) { try rows.next().map(read) }
    }

    /// Every row of an answer, in its order.
    func all<Value>(
        _ sql: String, _ values: (any DatabaseValueConvertible)?..., read: (Row) throws -> Value
    ) throws -> [Value] {
        var answer: [Value] = []
        try self.each(sql, values) { answer.append(try read($0)) }
        return answer
    }

    /// Reads every row of an answer, in its order.
    func each(_ sql: String, _ values: (any DatabaseValueConvertible)?..., read: (Row) throws -> Void) throws {
        try self.each(sql, values, read: read)
    }

    private func each(
        _ sql: String, _ values: [(any DatabaseValueConvertible)?], read: (Row) throws -> Void
    ) throws {
        let statement = try self.cachedStatement(sql: sql)
        let rows = try Row.fetchCursor(statement, arguments: StatementArguments(values))
        while let row = try rows.next() { try read(row) }
    }

    /// Reads with several statements in one transaction: they see one state of the store, and its locks are taken once
    /// for all of them.
    func atOnce<Value>(_ body: () throws -> Value) throws -> Value {
        var answer: Value?
        try self.inTransaction(.deferred) {
            answer = try body()
            return .commit
        }
        // There is one: the body ran to its end, or threw past this.
        guard let answer else { throw StoreError.unavailable }
        return answer
    }

    /// Whether there is any row.
    func has(_ sql: String, _ values: (any DatabaseValueConvertible)?...) throws -> Bool {
        let statement = try self.cachedStatement(sql: sql)
        return try Row.fetchCursor(statement, arguments: StatementArguments(values)).next() != nil
    }
}

extension DatabaseValue {
    static func blob(_ bytes: [UInt8]) -> DatabaseValue { Data(bytes).databaseValue }

    static func blob(_ ordinals: Ordinals) -> DatabaseValue { .blob(ordinals.portableBytes) }
}
