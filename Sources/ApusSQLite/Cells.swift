internal import ApusCore
internal import GRDB

/// The cells of one row, read by position.
///
/// Nothing is taken on trust: a cell that cannot be what its column says throws ``StoreError/corrupt(_:)`` with the
/// table, the key and the column.
struct Cells {
    private let row: Row
    private let table: StaticString
    /// How many of the first columns are the key.
    private let keyWidth: Int

    init(_ row: Row, of table: StaticString, keyWidth: Int = 1) {
        self.row = row
        self.table = table
        self.keyWidth = keyWidth
    }

    func integer(_ column: Int) throws(StoreError) -> Int64 {
        guard case .int64(let number) = self.storage(column) else { throw self.broken(column) }
        return number
    }

    func optionalInteger(_ column: Int) throws(StoreError) -> Int64? {
        self.row.hasNull(atIndex: column) ? nil : try self.integer(column)
    }

    /// An integer that fits the type, as in a count of seconds or an ordinal.
    func number<Number: FixedWidthInteger>(_ column: Int) throws(StoreError) -> Number {
        try self.value(column, Number(exactly: self.integer(column)))
    }

    func timestamp(_ column: Int) throws(StoreError) -> Timestamp {
        Timestamp(milliseconds: try self.integer(column))
    }

    func flag(_ column: Int) throws(StoreError) -> Bool { try self.integer(column) != 0 }

    func text(_ column: Int) throws(StoreError) -> String {
        guard case .string(let text) = self.storage(column) else { throw self.broken(column) }
        return text
    }

    func optionalText(_ column: Int) throws(StoreError) -> String? {
        self.row.hasNull(atIndex: column) ? nil : try self.text(column)
    }

    func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        guard case .blob = self.storage(column) else { throw self.broken(column) }
        do {
            return try self.row.withUnsafeData(atIndex: column) { $0.map([UInt8].init) ?? [] }
        } catch {
            throw self.broken(column)
        }
    }

    func ordinals(_ column: Int) throws(StoreError) -> Ordinals {
        try self.value(column, Ordinals(portableBytes: self.bytes(column)))
    }

    /// A list of tags, in order of binding.
    func tags(_ column: Int) throws(StoreError) -> [Tag] {
        guard let tags = CellJSON.list(try self.text(column))?.map(Tag.init) else { throw self.broken(column) }
        return try self.value(column, tags.contains(nil) ? nil : tags.compactMap(\.self))
    }

    /// A list of tags, one after another, without making a text of each.
    ///
    /// - Parameter body: says whether the bytes are a tag.
    func eachTag(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) throws(StoreError) {
        var text = try self.text(column)
        let isDone = text.withUTF8 { CellJSON.eachPlain($0, body) }
        if let isDone { return try self.value(column, isDone ? () : nil) }
        for tag in try self.tags(column) {
            var text = tag.text
            _ = text.withUTF8(body)
        }
    }

    /// A salt and a digest in neighbouring columns, both there or both null.
    func secret(_ column: Int) throws(StoreError) -> SecretHash? {
        switch (self.row.hasNull(atIndex: column), self.row.hasNull(atIndex: column + 1)) {
        case (true, true): return nil
        case (false, false): return SecretHash(salt: try self.bytes(column), digest: try self.bytes(column + 1))
        case (true, false), (false, true): throw self.broken(column)
        }
    }

    /// A value that was made from a cell; nil says that the cell is malformed.
    func value<Value>(_ column: Int, _ value: Value?) throws(StoreError) -> Value {
        guard let value else { throw self.broken(column) }
        return value
    }

    private func storage(_ column: Int) -> DatabaseValue.Storage { (self.row[column] as DatabaseValue).storage }

    private func broken(_ column: Int) -> StoreError {
        let key = (0..<self.keyWidth).map { (self.row[$0] as DatabaseValue).description }.joined(separator: "/")
        return .corrupt("\(self.table) \(key): column \(Array(self.row.columnNames)[column]) is malformed")
    }
}
