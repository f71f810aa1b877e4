internal import ApusCore
internal import GRDB

/// The rows of `certificates`.
enum Certificates {
    static let table = """
        CREATE TABLE certificates (
            app INTEGER NOT NULL,
            environment TEXT NOT NULL,
            fingerprint BLOB NOT NULL,
            expires_at INTEGER NOT NULL,
            sealed BLOB NOT NULL, -- encrypted with the key file of the data folder
            PRIMARY KEY (app, environment)
        ) STRICT;
        """

    static func keep(_ certificates: [SealedCertificate], in db: Database) throws -> Bool {
        for certificate in certificates {
            let isStored = try db.has(
                "SELECT 1 FROM certificates WHERE app = ? AND environment = ? AND fingerprint = ?",
                certificate.app.number, certificate.environment.rawValue,
                DatabaseValue.blob(certificate.fingerprint))
            if isStored { return false }
        }
        for certificate in certificates {
            try db.run(
                """
                INSERT OR REPLACE INTO certificates (app, environment, fingerprint, expires_at, sealed)
                SELECT id, ?2, ?3, ?4, ?5 FROM apps WHERE id = ?1
                """,
                certificate.app.number, certificate.environment.rawValue,
                DatabaseValue.blob(certificate.fingerprint), certificate.expiresAt.milliseconds,
                DatabaseValue.blob(certificate.sealed))
        }
        return true
    }

    static func all(of app: AppID, in db: Database) throws -> [SealedCertificate] {
        try db.all(
            """
            SELECT app, environment, fingerprint, expires_at, sealed FROM certificates WHERE app = ?
            ORDER BY environment
            """,
            app.number
        ) { row in
            let cells = Cells(row, of: "certificates", keyWidth: 2)
            return SealedCertificate(
                app: app,
                environment: try cells.value(1, SealedCertificate.Environment(rawValue: cells.text(1))),
                fingerprint: try cells.bytes(2), expiresAt: try cells.timestamp(3), sealed: try cells.bytes(4))
        }
    }
}
