import Testing

@Suite struct `The arrows between targets` {
    @Test func `lead only where the table says`() throws {
        for file in Repository.shared.sources {
            let table = try #require(TargetTable.targets[file.target], "\(file.path) is in a target without a row")
            for (line, module) in file.imports where !table.all.contains(module) {
                Issue.record("\(file.place(line)): \(file.target) must not import \(module)")
            }
        }
    }

    @Test func `lead down: nobody reaches himself`() {
        func reached(from target: String, _ seen: Set<String> = []) -> Set<String> {
            (TargetTable.targets[target]?.ours ?? []).reduce(into: seen) { seen, next in
                if seen.insert(next).inserted { seen = reached(from: next, seen) }
            }
        }
        for target in TargetTable.targets.keys { #expect(!reached(from: target).contains(target), "\(target)") }
    }

    @Test func `are all used`() {
        for (target, table) in TargetTable.targets {
            let imported = Set(
                Repository.shared.sources.filter { $0.target == target }.flatMap { $0.imports.map(\.module) })
            #expect(table.all.subtracting(imported) == [], "\(target) does not import what it may")
        }
    }

    @Test func `are those of the package manifest`() throws {
        let manifest = Manifest(try #require(Repository.shared.text("Package.swift")))
        #expect(Set(manifest.dependencies.keys) == Set(TargetTable.targets.keys))
        for (target, named) in manifest.dependencies {
            let table = try #require(TargetTable.targets[target])
            #expect(named == table.ours.union(table.theirs), "\(target)")
        }
    }

    @Test func `are drawn for every folder of the sources`() {
        let folders = Set(
            Repository.shared.files.filter { $0.path.hasPrefix("Sources/") }.map { file in
                String(file.path.split(separator: "/")[1])
            })
        #expect(folders == Set(TargetTable.targets.keys))
    }
}

extension SwiftFile {
    /// Every imported module, with the line that names it.
    fileprivate var imports: [(line: Int, module: String)] {
        self.declarations.filter { $0.keyword == "import" }.map { declaration in
            let words = (declaration.name + declaration.rest).split(separator: " ")
            // `import struct Module.Name`: the module is the first part of the last word.
            let module = words.last?.split(separator: ".").first ?? ""
            return (declaration.line, String(module))
        }
    }
}
