package import ApusCore
internal import GRDB

// MARK: - Developers, groups, certificates

extension SQLiteStore {
    package func developers() async throws(StoreError) -> [Developer] {
        try await self.read { db in try Developers.all(in: db) }
    }

    package func createDeveloper(_ developer: Developer) async throws(StoreError) -> Developer {
        try await self.write { db in try Developers.create(developer, in: db) }
    }

    package func updateDeveloper(
        _ id: DeveloperID, assigning apps: [AppID], _ change: @Sendable (inout Developer) -> Void
    ) async throws(StoreError) -> Developer? {
        try await self.write { db in
            guard var developer = try Developers.all(in: db).first(where: { $0.id == id }) else { return nil }
            change(&developer)
            developer.id = id
            try Developers.update(developer, in: db)
            for app in apps { try Developers.assign(app, to: id, in: db) }
            return developer
        }
    }

    package func deleteDeveloper(_ id: DeveloperID) async throws(StoreError) -> Bool {
        try await self.write { db in try Developers.delete(id, in: db) }
    }

    package func groups() async throws(StoreError) -> [AppGroup] {
        try await self.read { db in try Groups.all(in: db) }
    }

    package func createGroup(_ group: AppGroup) async throws(StoreError) -> AppGroup {
        try await self.write { db in try Groups.create(group, in: db) }
    }

    package func updateGroup(
        _ id: GroupID, _ change: @Sendable (inout AppGroup) -> Void
    ) async throws(StoreError) -> AppGroup? {
        try await self.write { db in
            guard var group = try Groups.all(in: db).first(where: { $0.id == id }) else { return nil }
            change(&group)
            group.id = id
            try Groups.update(group, in: db)
            return group
        }
    }

    package func deleteGroup(_ id: GroupID) async throws(StoreError) -> Bool {
        try await self.write { db in try Groups.delete(id, in: db) }
    }

    package func createApp(_ order: AppOrder) async throws(StoreError) -> AppOrder.Outcome {
        try await self.write { db in try Developers.createApp(order, in: db) }
    }

    package func owner(of app: AppID) async throws(StoreError) -> DeveloperID? {
        try await self.read { db in try Developers.owner(of: app, in: db) }
    }

    package func assign(_ app: AppID, to developer: DeveloperID) async throws(StoreError) {
        try await self.write { db in try Developers.assign(app, to: developer, in: db) }
    }

    package func keepGroupPush(_ push: GroupPush) async throws(StoreError) {
        try await self.write { db in try Groups.keep(push, in: db) }
    }

    package func groupPushes(
        _ ids: [GroupMessageID], of group: GroupID
    ) async throws(StoreError) -> [GroupPush] {
        try await self.read { db in try ids.compactMap { try Groups.push($0, of: group, in: db) } }
    }

    package func groupPush(
        cid: CID, of group: GroupID, since: Timestamp
    ) async throws(StoreError) -> GroupPush? {
        try await self.read { db in try Groups.push(cid: cid, of: group, since: since, in: db) }
    }

    package func keepCertificates(_ certificates: [SealedCertificate]) async throws(StoreError) -> Bool {
        try await self.write { db in try Certificates.keep(certificates, in: db) }
    }

    package func certificates(of app: AppID) async throws(StoreError) -> [SealedCertificate] {
        try await self.read { db in try Certificates.all(of: app, in: db) }
    }

    /// Removes what has expired of groups and uploads.
    func sweepAccounts(at now: Timestamp) async throws(StoreError) -> Int {
        try await self.inSteps { db in
            let cutoff = now.adding(seconds: -GroupPushService.retentionSeconds)
            let pushes = try Groups.expirePushes(before: cutoff, limit: Self.stepMax, in: db)
            let uploads = try Uploads.expire(at: now, limit: Self.stepMax, in: db)
            return (pushes + uploads, pushes + uploads > 0)
        }
    }
}

// MARK: - Uploads

extension SQLiteStore {
    package func keepPiece(
        _ bytes: [UInt8], _ sequence: Int, of id: UploadID, at now: Timestamp
    ) async throws(StoreError) {
        try await self.write { db in try Uploads.keepChunk(bytes, sequence, of: id, at: now, in: db) }
    }

    package func dropPieces(of ids: [UploadID]) async throws(StoreError) {
        try await self.write { db in try Uploads.dropChunks(of: ids, in: db) }
    }

    /// Drops what is left of uploads that a crash cut off. For the start of a node, when none is under way.
    ///
    /// - Returns: how many pieces went.
    package func dropStrayPieces() async throws(StoreError) -> Int {
        try await self.inSteps { db in
            let rows = try Uploads.dropStrays(before: nil, limit: Self.stepMax, in: db)
            return (rows, rows == Self.stepMax)
        }
    }

    package func keepFile(
        _ file: UploadedFile, pieces: Int, validMax: Int, at now: Timestamp
    ) async throws(StoreError) -> UploadOutcome {
        try await self.write { db in try Uploads.keep(file, pieces: pieces, validMax: validMax, at: now, in: db) }
    }

    package func files(of owner: UploadOwner, at now: Timestamp) async throws(StoreError) -> [UploadedFile] {
        try await self.read { db in try Uploads.files(of: owner, at: now, in: db) }
    }

    package func file(_ id: UploadID, at now: Timestamp) async throws(StoreError) -> UploadedFile? {
        try await self.read { db in try Uploads.file(id, at: now, in: db) }
    }

    package func deleteFile(_ id: UploadID, of owner: UploadOwner) async throws(StoreError) {
        try await self.write { db in try Uploads.delete(id, of: owner, in: db) }
    }

    package func keepImages(
        _ images: ImageSet, pictures: [(id: UploadID, pieces: Int)], keptMax: Int
    ) async throws(StoreError) -> UploadOutcome {
        try await self.write { db in try Uploads.keep(images, pictures: pictures, keptMax: keptMax, in: db) }
    }

    package func images(
        _ id: UploadID, of app: AppID, at now: Timestamp
    ) async throws(StoreError) -> ImageSet? {
        try await self.read { db in try Uploads.images(id, of: app, at: now, in: db) }
    }

    package func picture(_ id: UploadID, at now: Timestamp) async throws(StoreError) -> [UInt8]? {
        try await self.read { db in
            try Uploads.isPicture(id, at: now, in: db) ? Uploads.content(of: id, in: db) : nil
        }
    }

    package func content(of id: UploadID) async throws(StoreError) -> [UInt8]? {
        try await self.read { db in try Uploads.content(of: id, in: db) }
    }
}
