extension JSONValue {
    /// The names of this object's members that are null, for the places where null says more than absence. Of members
    /// with one name the last counts. None for every other kind.
    package var nullNames: Set<String> {
        guard self.kind == .object else { return [] }
        var names: Set<String> = []
        var name = self.index + 1
        let end = self.document.next(self.index)
        while name < end {
            let text = String(decoding: self.document.unescaped(name), as: UTF8.self)
            if self.document.tape[name + 1].kind == .null { names.insert(text) } else { names.remove(text) }
            name = self.document.next(name + 1)
        }
        return names
    }
}
