import ApusContract

/// Building answers as text, in order, without an intermediate tree.
extension [UInt8] {
    /// Appends an object.
    mutating func object(_ write: (inout [UInt8]) -> Void) {
        self.append(UInt8(ascii: "{"))
        write(&self)
        self.append(UInt8(ascii: "}"))
    }

    /// Appends a member that is an object.
    mutating func object(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
        self.name(name)
        self.object(write)
    }

    /// Appends a counter; nil becomes null.
    mutating func member(_ name: StaticString, _ count: Int?) {
        guard let count else { return self.null(name) }
        self.name(name)
        self.appendJSON(integer: count)
    }

    mutating func member(_ name: StaticString, _ text: String) {
        self.name(name)
        self.appendJSON(string: text)
    }

    mutating func member(_ name: StaticString, _ flag: Bool) {
        self.name(name)
        self.append(json: flag ? "true" : "false")
    }

    mutating func member(_ name: StaticString, _ texts: [String]) {
        self.name(name)
        self.appendJSON(strings: texts)
    }

    /// Appends a member that is a list of objects.
    mutating func array<Item>(
        _ name: StaticString, of elements: [Item], _ write: (Item, inout [UInt8]) -> Void
    ) {
        self.name(name)
        self.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { self.append(UInt8(ascii: ",")) }
            self.object { write(element, &$0) }
        }
        self.append(UInt8(ascii: "]"))
    }

    mutating func null(_ name: StaticString) {
        self.name(name)
        self.append(json: "null")
    }

    /// Appends a member that is a list, its elements one by one.
    mutating func list<Item>(
        _ name: StaticString, of items: some Sequence<Item>, _ write: (inout [UInt8], Item) -> Void
    ) {
        self.name(name)
        self.append(UInt8(ascii: "["))
        var isFirst = true
        for item in items {
            if !isFirst { self.append(UInt8(ascii: ",")) }
            isFirst = false
            write(&self, item)
        }
        self.append(UInt8(ascii: "]"))
    }

    /// Appends a member's name, and a comma before it unless it is the first.
    mutating func name(_ name: StaticString) {
        self.comma()
        self.append(UInt8(ascii: "\""))
        self.append(json: name)
        self.append(json: "\":")
    }

    /// Appends a member's name that comes from a caller.
    mutating func name(_ name: String) {
        self.comma()
        self.appendJSON(string: name)
        self.append(UInt8(ascii: ":"))
    }

    private mutating func comma() {
        if self.last != UInt8(ascii: "{") { self.append(UInt8(ascii: ",")) }
    }
}
