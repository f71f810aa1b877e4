package import ApusCore

// MARK: - Passed on

extension FaultyStore {
    package func developers() async throws(StoreError) -> [Developer] {
        try self.reading()
        return try await self.real.developers()
    }

    package func createDeveloper(_ developer: Developer) async throws(StoreError) -> Developer {
        try await self.real.createDeveloper(developer)
    }

    package func updateDeveloper(
        _ id: DeveloperID, assigning apps: [AppID], _ change: @Sendable (inout Developer) -> Void
    ) async throws(StoreError) -> Developer? {
        try await self.real.updateDeveloper(id, assigning: apps, change)
    }

    package func deleteDeveloper(_ id: DeveloperID) async throws(StoreError) -> Bool {
        try await self.real.deleteDeveloper(id)
    }

    package func groups() async throws(StoreError) -> [AppGroup] {
        try self.reading()
        return try await self.real.groups()
    }

    package func createGroup(_ group: AppGroup) async throws(StoreError) -> AppGroup {
        try await self.real.createGroup(group)
    }

    package func updateGroup(
        _ id: GroupID, _ change: @Sendable (inout AppGroup) -> Void
    ) async throws(StoreError) -> AppGroup? {
        try await self.real.updateGroup(id, change)
    }

    package func deleteGroup(_ id: GroupID) async throws(StoreError) -> Bool { try await self.real.deleteGroup(id) }

    package func createApp(_ order: AppOrder) async throws(StoreError) -> AppOrder.Outcome {
        try await self.real.createApp(order)
    }

    package func owner(of app: AppID) async throws(StoreError) -> DeveloperID? {
        try self.reading()
        return try await self.real.owner(of: app)
    }

    package func assign(_ app: AppID, to developer: DeveloperID) async throws(StoreError) {
        try await self.real.assign(app, to: developer)
    }

    package func keepGroupPush(_ push: GroupPush) async throws(StoreError) {
        try self.keeping()
        try await self.real.keepGroupPush(push)
    }

    package func groupPushes(
        _ ids: [GroupMessageID], of group: GroupID
    ) async throws(StoreError) -> [GroupPush] {
        try self.reading()
        return try await self.real.groupPushes(ids, of: group)
    }

    package func groupPush(
        cid: CID, of group: GroupID, since: Timestamp
    ) async throws(StoreError) -> GroupPush? {
        try self.reading()
        return try await self.real.groupPush(cid: cid, of: group, since: since)
    }

    package func keepCertificates(_ certificates: [SealedCertificate]) async throws(StoreError) -> Bool {
        try await self.real.keepCertificates(certificates)
    }

    package func certificates(of app: AppID) async throws(StoreError) -> [SealedCertificate] {
        try self.reading()
        return try await self.real.certificates(of: app)
    }

    package func keepPiece(
        _ bytes: [UInt8], _ sequence: Int, of id: UploadID, at now: Timestamp
    ) async throws(StoreError) {
        try await self.real.keepPiece(bytes, sequence, of: id, at: now)
    }

    package func dropPieces(of ids: [UploadID]) async throws(StoreError) {
        try await self.real.dropPieces(of: ids)
    }

    package func keepFile(
        _ file: UploadedFile, pieces: Int, validMax: Int, at now: Timestamp
    ) async throws(StoreError) -> UploadOutcome {
        try await self.real.keepFile(file, pieces: pieces, validMax: validMax, at: now)
    }

    package func files(of owner: UploadOwner, at now: Timestamp) async throws(StoreError) -> [UploadedFile] {
        try self.reading()
        return try await self.real.files(of: owner, at: now)
    }

    package func file(_ id: UploadID, at now: Timestamp) async throws(StoreError) -> UploadedFile? {
        try self.reading()
        return try await self.real.file(id, at: now)
    }

    package func deleteFile(_ id: UploadID, of owner: UploadOwner) async throws(StoreError) {
        try await self.real.deleteFile(id, of: owner)
    }

    package func keepImages(
        _ images: ImageSet, pictures: [(id: UploadID, pieces: Int)], keptMax: Int
    ) async throws(StoreError) -> UploadOutcome {
        try await self.real.keepImages(images, pictures: pictures, keptMax: keptMax)
    }

    package func images(
        _ id: UploadID, of app: AppID, at now: Timestamp
    ) async throws(StoreError) -> ImageSet? {
        try self.reading()
        return try await self.real.images(id, of: app, at: now)
    }

    package func picture(_ id: UploadID, at now: Timestamp) async throws(StoreError) -> [UInt8]? {
        try self.reading()
        return try await self.real.picture(id, at: now)
    }

    package func content(of id: UploadID) async throws(StoreError) -> [UInt8]? {
        try self.reading()
        return try await self.real.content(of: id)
    }
}
