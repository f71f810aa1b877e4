internal import ApusCore
internal import GRDB

/// The rows of `files`, of `image_sets` with their pictures, and the bytes of both.
enum Uploads {
    /// How long an upload may take from its first chunk until something refers to it.
    static let strayMilliseconds: Int64 = 3_600_000

    static let table = """
        CREATE TABLE files (
            id TEXT PRIMARY KEY,
            app INTEGER,       -- either this or `developer`
            developer INTEGER,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            count INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX files_by_app ON files (app, created_at);
        CREATE INDEX files_by_developer ON files (developer, created_at);
        CREATE INDEX files_by_expiry ON files (expires_at);
        CREATE TABLE image_sets (
            id TEXT PRIMARY KEY,
            app INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            urls TEXT NOT NULL, -- JSON object: key of the wire, URL
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX image_sets_by_app ON image_sets (app, id);
        CREATE INDEX image_sets_by_expiry ON image_sets (expires_at);
        CREATE TABLE pictures (
            id TEXT PRIMARY KEY,
            image_set TEXT NOT NULL
        ) STRICT;
        CREATE INDEX pictures_by_image_set ON pictures (image_set);
        -- The bytes of a file or a picture in pieces. What nothing refers to is a remain of an upload that was cut off.
        CREATE TABLE upload_chunks (
            upload TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (upload, sequence)
        ) STRICT;
        CREATE INDEX upload_chunks_by_age ON upload_chunks (created_at);
        """

    static func keepChunk(
        _ bytes: [UInt8], _ sequence: Int, of id: UploadID, at now: Timestamp, in db: Database
    ) throws {
        try db.run(
            "INSERT INTO upload_chunks (upload, sequence, created_at, bytes) VALUES (?, ?, ?, ?)", id.text, sequence,
            now.milliseconds, DatabaseValue.blob(bytes))
    }

    /// Drops the bytes of what was given up, unless something refers to them after all.
    static func dropChunks(of ids: [UploadID], in db: Database) throws {
        for id in ids {
            try db.run("DELETE FROM upload_chunks WHERE upload = ? AND \(Self.isStray)", id.text)
        }
    }

    /// Drops bytes that nothing refers to.
    ///
    /// - Parameter instant: only those that came by then; all when nil.
    /// - Returns: how many rows went.
    static func dropStrays(before instant: Int64?, limit: Int, in db: Database) throws -> Int {
        try db.run(
            """
            DELETE FROM upload_chunks WHERE rowid IN (
                SELECT rowid FROM upload_chunks WHERE created_at <= ? AND \(Self.isStray) LIMIT ?)
            """,
            instant ?? .max, limit)
    }

    private static let isStray = """
        NOT EXISTS (SELECT 1 FROM files WHERE files.id = upload_chunks.upload)
        AND NOT EXISTS (SELECT 1 FROM pictures WHERE pictures.id = upload_chunks.upload)
        """

    /// - Throws: ``StoreError/conflict`` when not exactly so many chunks are there.
    private static func require(_ count: Int, chunksOf id: UploadID, in db: Database) throws {
        let found = try db.first("SELECT count(*) FROM upload_chunks WHERE upload = ?", id.text) {
            try Cells($0, of: "upload_chunks").integer(0)
        }
        guard found == Int64(count) else { throw StoreError.conflict }
    }

    static func content(of id: UploadID, in db: Database) throws -> [UInt8]? {
        let chunks = try db.all(
            "SELECT upload, sequence, bytes FROM upload_chunks WHERE upload = ? ORDER BY sequence", id.text
        ) { row in try Cells(row, of: "upload_chunks", keyWidth: 2).bytes(2) }
        return chunks.isEmpty ? nil : Array(chunks.joined())
    }

    static func removeContent(of id: String, in db: Database) throws {
        try db.run("DELETE FROM upload_chunks WHERE upload = ?", id)
    }

    /// Removes every list of an owner.
    static func removeAll(of owner: UploadOwner, in db: Database) throws {
        let ids = try db.all("SELECT id FROM files WHERE \(owner.column) = ?", owner.number) {
            try Cells($0, of: "files").text(0)
        }
        for id in ids { try Self.remove(file: id, in: db) }
    }

    /// Drops what has expired and what nothing refers to.
    ///
    /// - Returns: how many rows went.
    static func expire(at now: Timestamp, limit: Int, in db: Database) throws -> Int {
        let files = try db.all("SELECT id FROM files WHERE expires_at <= ? LIMIT ?", now.milliseconds, limit) {
            try Cells($0, of: "files").text(0)
        }
        for id in files { try Self.remove(file: id, in: db) }
        let sets = try db.all("SELECT id FROM image_sets WHERE expires_at <= ? LIMIT ?", now.milliseconds, limit) {
            try Cells($0, of: "image_sets").text(0)
        }
        for id in sets { try Self.remove(imageSet: id, in: db) }
        var rows = files.count + sets.count
        rows += try Self.dropStrays(before: now.milliseconds - Self.strayMilliseconds, limit: limit, in: db)
        return rows
    }

    private static func remove(file id: String, in db: Database) throws {
        try Self.removeContent(of: id, in: db)
        try db.run("DELETE FROM files WHERE id = ?", id)
    }
}

// MARK: - Lists

extension Uploads {
    private static let fileColumns = "id, app, developer, kind, name, count, created_at, expires_at"

    static func keep(
        _ file: UploadedFile, pieces: Int, validMax: Int, at now: Timestamp, in db: Database
    ) throws -> UploadOutcome {
        guard try file.owner.exists(in: db) else { return .ownerGone }
        let valid = try db.first(
            "SELECT count(*) FROM files WHERE \(file.owner.column) = ? AND expires_at > ?", file.owner.number,
            now.milliseconds
        ) { try Cells($0, of: "files").integer(0) }
        guard (valid ?? 0) < validMax else { return .full }
        try Self.require(pieces, chunksOf: file.id, in: db)
        try db.run(
            """
            INSERT INTO files (id, \(file.owner.column), kind, name, count, created_at, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            file.id.text, file.owner.number, file.kind.rawValue, file.name, file.count,
            file.createdAt.milliseconds, file.expiresAt.milliseconds)
        return .kept
    }

    static func files(of owner: UploadOwner, at now: Timestamp, in db: Database) throws -> [UploadedFile] {
        try db.all(
            """
            SELECT \(Self.fileColumns) FROM files WHERE \(owner.column) = ? AND expires_at > ?
            ORDER BY created_at DESC, rowid DESC
            """,
            owner.number, now.milliseconds
        ) { row in try Self.file(Cells(row, of: "files")) }
    }

    static func file(_ id: UploadID, at now: Timestamp, in db: Database) throws -> UploadedFile? {
        try db.first(
            "SELECT \(Self.fileColumns) FROM files WHERE id = ? AND expires_at > ?", id.text, now.milliseconds
        ) { row in try Self.file(Cells(row, of: "files")) }
    }

    static func delete(_ id: UploadID, of owner: UploadOwner, in db: Database) throws {
        guard try db.has("SELECT 1 FROM files WHERE id = ? AND \(owner.column) = ?", id.text, owner.number) else {
            return
        }
        try Self.remove(file: id.text, in: db)
    }

    private static func file(_ cells: Cells) throws -> UploadedFile {
        let owner: UploadOwner =
            if let app = try cells.optionalInteger(1) {
                .app(AppID(app))
            } else {
                .developer(DeveloperID(try cells.integer(2)))
            }
        return UploadedFile(
            id: try cells.value(0, UploadID(cells.text(0))), owner: owner,
            kind: try cells.value(3, UploadedFile.Kind(rawValue: cells.text(3))), name: try cells.text(4),
            count: try cells.number(5), createdAt: try cells.timestamp(6), expiresAt: try cells.timestamp(7))
    }
}

extension UploadOwner {
    /// Whether it was not deleted.
    fileprivate func exists(in db: Database) throws -> Bool {
        switch self {
        case .app(let app): try Apps.exists(app, in: db)
        case .developer(let id): try db.has("SELECT 1 FROM developers WHERE id = ?", id.number)
        }
    }

    fileprivate var column: String {
        switch self {
        case .app: "app"
        case .developer: "developer"
        }
    }

    fileprivate var number: Int64 {
        switch self {
        case .app(let app): app.number
        case .developer(let developer): developer.number
        }
    }
}

// MARK: - Images

extension Uploads {
    static func keep(
        _ images: ImageSet, pictures: [(id: UploadID, pieces: Int)], keptMax: Int, in db: Database
    ) throws -> UploadOutcome {
        guard try Apps.exists(images.app, in: db) else { return .ownerGone }
        guard try Self.makeRoom(for: images, pictures.count, keptMax: keptMax, in: db) else { return .full }
        for picture in pictures { try Self.require(picture.pieces, chunksOf: picture.id, in: db) }
        try db.run(
            """
            INSERT OR REPLACE INTO image_sets (id, app, kind, urls, created_at, expires_at)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            images.id.text, images.app.number, images.kind, CellJSON.text(map: images.urls),
            images.createdAt.milliseconds, images.expiresAt.milliseconds)
        for picture in pictures {
            try db.run("INSERT INTO pictures (id, image_set) VALUES (?, ?)", picture.id.text, images.id.text)
        }
        return .kept
    }

    /// Drops the oldest of the pictures that were replaced, where others need their place.
    ///
    /// - Returns: false when even that makes no room.
    private static func makeRoom(
        for images: ImageSet, _ pictures: Int, keptMax: Int, in db: Database
    ) throws -> Bool {
        let isNew = try !db.has("SELECT 1 FROM image_sets WHERE id = ?", images.id.text)
        let sets = try db.first("SELECT count(*) FROM image_sets WHERE app = ?", images.app.number) {
            try Cells($0, of: "image_sets").integer(0)
        }
        guard Int(sets ?? 0) + (isNew ? 1 : 0) <= keptMax, pictures <= keptMax else { return false }
        let kept = try db.first(
            """
            SELECT count(*) FROM image_sets JOIN pictures ON pictures.image_set = image_sets.id
            WHERE image_sets.app = ?
            """,
            images.app.number
        ) { try Cells($0, of: "pictures").integer(0) }
        let excess = Int(kept ?? 0) - (keptMax - pictures)
        guard excess > 0 else { return true }
        let replaced = try db.all(
            """
            SELECT pictures.id FROM image_sets JOIN pictures ON pictures.image_set = image_sets.id
            WHERE image_sets.app = ?1 AND instr(iif(image_sets.id = ?2, ?3, image_sets.urls), pictures.id) = 0
            ORDER BY pictures.rowid LIMIT ?4
            """,
            images.app.number, images.id.text, CellJSON.text(map: images.urls), excess
        ) { try Cells($0, of: "pictures").text(0) }
        guard replaced.count == excess else { return false }
        for id in replaced { try Self.remove(picture: id, in: db) }
        return true
    }

    /// Removes some image sets of an app with their pictures.
    ///
    /// - Returns: how many sets went.
    static func removeImages(of app: Int64, limit: Int, in db: Database) throws -> Int {
        let sets = try db.all("SELECT id FROM image_sets WHERE app = ? LIMIT ?", app, limit) {
            try Cells($0, of: "image_sets").text(0)
        }
        for id in sets { try Self.remove(imageSet: id, in: db) }
        return sets.count
    }

    private static func remove(imageSet id: String, in db: Database) throws {
        let pictures = try db.all("SELECT id FROM pictures WHERE image_set = ?", id) {
            try Cells($0, of: "pictures").text(0)
        }
        for picture in pictures { try Self.remove(picture: picture, in: db) }
        try db.run("DELETE FROM image_sets WHERE id = ?", id)
    }

    private static func remove(picture id: String, in db: Database) throws {
        try Self.removeContent(of: id, in: db)
        try db.run("DELETE FROM pictures WHERE id = ?", id)
    }

    static func images(_ id: UploadID, of app: AppID, at now: Timestamp, in db: Database) throws -> ImageSet? {
        try db.first(
            """
            SELECT id, kind, urls, created_at, expires_at FROM image_sets
            WHERE id = ? AND app = ? AND expires_at > ?
            """,
            id.text, app.number, now.milliseconds
        ) { row in
            let cells = Cells(row, of: "image_sets")
            return ImageSet(
                id: id, app: app, kind: try cells.number(1), urls: try cells.value(2, CellJSON.map(cells.text(2))),
                createdAt: try cells.timestamp(3), expiresAt: try cells.timestamp(4))
        }
    }

    static func isPicture(_ id: UploadID, at now: Timestamp, in db: Database) throws -> Bool {
        try db.has(
            """
            SELECT 1 FROM pictures JOIN image_sets ON image_sets.id = pictures.image_set
            WHERE pictures.id = ? AND image_sets.expires_at > ?
            """,
            id.text, now.milliseconds)
    }
}
