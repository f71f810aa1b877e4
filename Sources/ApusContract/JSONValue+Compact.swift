extension JSONValue {
    /// The value as compact JSON: no spaces, non-ASCII and `/` unescaped, numbers as sent, members that are null or
    /// have a later duplicate dropped (elements of arrays stay).
    package func compact() -> [UInt8] { self.compact(omitting: []) }

    /// Appends ``compact()``.
    package func write(to bytes: inout [UInt8]) {
        // A text without escapes, as nearly all are, is one piece of its source.
        guard self.kind == .string, !self.token.isEscaped else { return self.write(to: &bytes, omitting: []) }
        bytes.append(contentsOf: self.document.bytes[Int(self.token.start) - 1..<Int(self.token.end) + 1])
    }

    /// How many bytes ``compact()`` has: what the contract's sizes are measured in.
    package var compactSize: Int { self.compact().count }

    /// The value as compact JSON, without the members and elements whose tape indices are listed.
    func compact(omitting omitted: Set<Int>) -> [UInt8] {
        // As it was sent, without a copy.
        if self.index == 0, self.document.isTerse, omitted.isEmpty, !self.document.mayRepeatNames() {
            return self.document.bytes
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.text.count + 2)
        self.write(to: &bytes, omitting: omitted)
        return bytes
    }

    /// The value as compact JSON, with other JSON text in place of the values at some tape indices.
    func compact(replacing replaced: [Int: [UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        self.withWriter(to: &bytes, omitting: [], replacing: replaced) { $0.write(self.index) }
        return bytes
    }

    private func write(to bytes: inout [UInt8], omitting omitted: Set<Int>) {
        self.withWriter(to: &bytes, omitting: omitted) { $0.write(self.index) }
    }

    /// Appends the members of an object behind what stands there of another, with a comma where that has some already.
    ///
    /// - Parameter rewrite: JSON text to write in place of a member's value; nil to write the value.
    func writeMembers(to bytes: inout [UInt8], rewriting rewrite: (JSONValue) -> [UInt8]?) {
        guard self.kind == .object else { return }
        let isFirst = bytes.last == UInt8(ascii: "{")
        self.withWriter(to: &bytes, omitting: []) { writer in
            writer.writeMembers(self.index, isFirst: isFirst) {
                rewrite(JSONValue(document: self.document, index: $0))
            }
        }
    }

    private func withWriter(
        to bytes: inout [UInt8], omitting omitted: Set<Int>, replacing replaced: [Int: [UInt8]] = [:],
        _ write: (inout CompactWriter) -> Void
    ) {
        self.document.bytes.withUnsafeBufferPointer { source in
            var writer = CompactWriter(
                document: self.document, source: source, omitted: omitted, replaced: replaced, written: bytes)
            // The writer must be the only owner, or its first append would copy.
            bytes = []
            write(&writer)
            bytes = writer.finish()
        }
    }
}

/// Copies a value in as few pieces as its source allows: a text that is compact already is one piece.
private struct CompactWriter {
    let document: JSONDocument
    let source: UnsafeBufferPointer<UInt8>
    let omitted: Set<Int>
    let replaced: [Int: [UInt8]]
    var written: [UInt8]
    /// What comes next and stands in the source as it is.
    var run = 0..<0

    mutating func write(_ index: Int) {
        if !self.replaced.isEmpty, let text = self.replaced[index] {
            self.flush()
            self.written += text
            return
        }
        let token = self.document.tape[index]
        switch token.kind {
        case .object: self.writeObject(index, token)
        case .array: self.writeArray(index, token)
        case .string: self.writeString(index, token)
        case .number, .boolean, .null: self.copy(Int(token.start)..<Int(token.end))
        }
    }

    mutating func finish() -> [UInt8] {
        self.flush()
        return self.written
    }

    /// - Parameter rewrite: JSON text in place of the value at a tape index, if any.
    mutating func writeMembers(_ index: Int, isFirst: Bool, rewriting rewrite: (Int) -> [UInt8]?) {
        var isFirst = isFirst
        for name in JSONMemberIndices(self.document, object: index) where !self.isOmitted(name + 1) {
            if !isFirst { self.append(UInt8(ascii: ",")) }
            isFirst = false
            self.writeString(name, self.document.tape[name])
            self.append(UInt8(ascii: ":"))
            if let text = rewrite(name + 1) {
                self.flush()
                self.written += text
            } else {
                self.write(name + 1)
            }
        }
    }

    private mutating func writeObject(_ index: Int, _ token: JSONDocument.Token) {
        self.copy(Int(token.start)..<Int(token.start) + 1)
        self.writeMembers(index, isFirst: true) { _ in nil }
        self.append(UInt8(ascii: "}"))
    }

    private mutating func writeArray(_ index: Int, _ token: JSONDocument.Token) {
        self.copy(Int(token.start)..<Int(token.start) + 1)
        var isFirst = true
        var (element, end) = (index + 1, Int(token.next))
        while element < end {
            if !self.isOmitted(element) {
                if !isFirst { self.append(UInt8(ascii: ",")) }
                isFirst = false
                self.write(element)
            }
            element = self.document.next(element)
        }
        self.append(UInt8(ascii: "]"))
    }

    private mutating func writeString(_ index: Int, _ token: JSONDocument.Token) {
        guard token.isEscaped else { return self.copy(Int(token.start) - 1..<Int(token.end) + 1) }
        self.append(UInt8(ascii: "\""))
        self.flush()
        self.document.unescaped(index).withUnsafeBufferPointer { self.written.appendEscaped($0) }
        self.append(UInt8(ascii: "\""))
    }

    private func isOmitted(_ index: Int) -> Bool { !self.omitted.isEmpty && self.omitted.contains(index) }

    private mutating func copy(_ range: Range<Int>) {
        if range.lowerBound != self.run.upperBound || self.run.isEmpty {
            self.flush()
            self.run = range
        } else {
            self.run = self.run.lowerBound..<range.upperBound
        }
    }

    private mutating func append(_ byte: UInt8) {
        let next = self.run.upperBound
        if !self.run.isEmpty, next < self.source.count, self.source[next] == byte {
            self.run = self.run.lowerBound..<next + 1
        } else {
            self.flush()
            self.written.append(byte)
        }
    }

    private mutating func flush() {
        self.written.append(contentsOf: self.source[self.run])
        self.run = 0..<0
    }
}
