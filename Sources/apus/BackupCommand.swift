import ApusContract
import ApusSQLite
import ArgumentParser

/// `apus backup`: the store in one file, while the server runs.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the store into one file, also while a server runs on it.",
        discussion: """
            The copy is the store of the moment when the command began, checked and on the disk when it gets its name. \
            An existing file is not overwritten. While the copy is written it is called FILE.part.
            """)

    @OptionGroup var place: StorePlace
    @Argument(help: ArgumentHelp("The copy.", valueName: "file"))
    var file: String

    func validate() throws {
        guard !self.file.isEmpty, self.file.last != "/" else { throw ValidationError("name a file for the copy") }
    }

    func run() async throws {
        let settings = try self.place.settings()
        var bar: ProgressBar?
        let size: UInt64
        do {
            size = try SQLiteStore.backUp(folder: settings.data, to: self.file) { done, total in
                if bar == nil { bar = ProgressBar(total: total) }
                bar?.show(done, "\(ByteCount.text(done)) of \(ByteCount.text(total))")
            }
        } catch {
            bar?.clear()
            throw Failure(error.sentence)
        }
        bar?.end()
        if self.place.json {
            var text = Array(#"{"file":"#.utf8)
            text.appendJSON(string: self.file)
            Terminal.print(String(decoding: text + ",\"bytes\":\(size)}".utf8, as: UTF8.self))
        } else {
            Terminal.print("\(self.file): \(ByteCount.text(size))")
        }
    }
}
