/// Why a store could not be opened. Nothing of the file was changed.
package enum SQLiteOpenError: Error, Equatable, Sendable {
    /// The folder or the file cannot be made, read, written or locked.
    case unreachable(path: String, reason: String)
    /// The file is no SQLite database, or another program's.
    case foreign(path: String)
    /// A later version of Apus has been at work on it.
    case newer(path: String, migrations: [String])
    /// It was ours, and cannot be read any more.
    case damaged(path: String, reason: String)
    /// SQLite did not take the settings that durability rests on.
    case notDurable(path: String, reason: String)

    /// What is wrong and what to do, for an operator.
    package var sentence: String {
        switch self {
        case .unreachable(let path, let reason):
            "cannot open the store \(path): \(reason)"
        case .foreign(let path):
            "\(path) is not a store of Apus and was left as it is: choose another folder, or move the file away"
        case .newer(let path, let migrations):
            "\(path) was written by a later version of Apus (\(migrations.joined(separator: ", "))) and was left as it "
                + "is: run that version, or restore a copy from before the upgrade"
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)): restore a copy, or move the file away to start with an empty store"
        case .notDurable(let path, let reason):
            "\(path) cannot be written durably: \(reason)"
        }
    }
}
