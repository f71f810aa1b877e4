internal import ApusCore
internal import GRDB

extension StoreError {
    /// What a failure inside SQLite means to the callers of the store.
    init(_ error: any Error) {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self = .corrupt("\(error)")
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_PERM:
            self = .full
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_INTERRUPT:
            self = .timeout
        case .SQLITE_CONSTRAINT:
            self = .conflict
        // GRDB answers with MISUSE on a connection that was closed.
        case .SQLITE_CANTOPEN, .SQLITE_MISUSE, .SQLITE_NOMEM, .SQLITE_ABORT:
            self = .unavailable
        default:
            self = .corrupt(error.message ?? "SQLite code \(error.extendedResultCode.rawValue)")
        }
    }

    /// Whether trying the next write of the batch is pointless, because the file as a whole cannot be written.
    var endsBatch: Bool {
        switch self {
        case .unavailable, .timeout: true
        case .conflict, .full, .corrupt: false
        }
    }
}
