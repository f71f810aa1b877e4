extension JSONValue {
    /// The names of this object's members that are null, for the places where null says more than absence. Of members
    /// with one name the last counts. None for every other kind.
    ///
    /// - Parameter size: longer names, in bytes of UTF-8, are passed over: as texts they would take long to compare.
    package func nullNames(upTo size: Int) -> Set<String> {
        guard self.kind == .object else { return [] }
        var names: Set<String> = []
        var name = self.index + 1
        let end = self.document.next(self.index)
        while name < end {
            defer { name = self.document.next(name + 1) }
            let bytes = self.document.unescaped(name)
            guard bytes.count <= size else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            if self.document.tape[name + 1].kind == .null { names.insert(text) } else { names.remove(text) }
        }
        return names
    }
}
