/// Uploaded lists: what callers see of them, and what pushes read.
package final class FileService: Sendable {
    /// Valid lists of one owner.
    package static let validMax = 20
    /// Hours that a list may stay valid; the longest is the standard.
    package static let timeToLiveHours = 1...720

    private let store: any Store
    private let clocks: Clocks

    init(store: any Store, clocks: Clocks) {
        self.store = store
        self.clocks = clocks
    }

    /// Keeps a list that is finished. Durable when it returns.
    ///
    /// - Throws: ``Refusal/Kind/kindLimitExceeded`` when the owner has too many, and store refusals.
    package func keep(
        _ list: AudienceListDraft, named name: String, timeToLiveHours: Int, of owner: UploadOwner
    ) async throws(Refusal) -> UploadID {
        let now = self.clocks.now()
        let file = UploadedFile(
            id: list.draft.id, owner: owner, kind: list.kind, name: name, count: list.count, createdAt: now,
            expiresAt: now.adding(seconds: timeToLiveHours * 3600))
        let outcome: UploadOutcome
        do {
            outcome = try await self.store.keepFile(
                file, pieces: list.draft.pieces, validMax: Self.validMax, at: now)
        } catch {
            throw Refusal(error)
        }
        switch outcome {
        case .kept: return file.id
        case .full: throw Refusal(.kindLimitExceeded, "Exceeds the limit of \(Self.validMax) valid files")
        case .ownerGone: throw Refusal(.unknownKey)
        }
    }

    /// The valid lists of an owner, newest first.
    package func files(of owner: UploadOwner) async throws(Refusal) -> [UploadedFile] {
        do { return try await self.store.files(of: owner, at: self.clocks.now()) } catch { throw Refusal(error) }
    }

    /// One valid list of an owner.
    ///
    /// - Throws: ``Refusal/Kind/objectUnknown``.
    package func file(_ name: String, of owner: UploadOwner) async throws(Refusal) -> UploadedFile {
        guard let file = try await self.find(name), file.owner == owner else {
            throw Refusal(.objectUnknown, "The file_id does not exist")
        }
        return file
    }

    /// Deletes a list of an owner. Harmless when there is none.
    package func delete(_ name: String, of owner: UploadOwner) async throws(Refusal) {
        guard let id = UploadID(name) else { return }
        do { try await self.store.deleteFile(id, of: owner) } catch { throw Refusal(error) }
    }

    /// The content of a list that one of these owners has uploaded.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` when the audience of a push names no such list.
    package func list(named name: String, of owners: [UploadOwner]) async throws(Refusal) -> AudienceList {
        guard let file = try await self.find(name), owners.contains(file.owner) else { throw Self.unknownList }
        return try await self.content(of: file)
    }

    /// The content of a list for a push of a group.
    ///
    /// - Throws: ``Refusal/Kind/badValue`` for a list that the group cannot know of, ``Refusal/Kind/notPermitted`` for
    ///   one that an app of the group uploaded for itself, or whose developer lost the right.
    func list(
        named name: String, for group: AppGroup, of accounts: AccountDirectory
    ) async throws(Refusal) -> AudienceList {
        guard let file = try await self.find(name) else { throw Self.unknownList }
        switch file.owner {
        case .app(let app):
            guard group.members.contains(app) else { throw Self.unknownList }
            throw Refusal(.notPermitted, "A file for a group must be uploaded with the credentials of a developer")
        case .developer(let id):
            // A group that the operator made for nobody in particular takes every developer's: the ids are secrets.
            guard group.developer == nil || group.developer == id else { throw Self.unknownList }
            guard accounts.developer(id)?.mayUploadFiles == true else { throw Refusal(.notPermitted) }
            return try await self.content(of: file)
        }
    }

    private static var unknownList: Refusal { .bad("audience.file.file_id", "the id of a valid file of this caller") }

    private func find(_ name: String) async throws(Refusal) -> UploadedFile? {
        guard let id = UploadID(name) else { return nil }
        do { return try await self.store.file(id, at: self.clocks.now()) } catch { throw Refusal(error) }
    }

    private func content(of file: UploadedFile) async throws(Refusal) -> AudienceList {
        let content: [UInt8]?
        do { content = try await self.store.content(of: file.id) } catch { throw Refusal(error) }
        // Deleted between the two reads.
        guard let content else { throw Self.unknownList }
        return AudienceList(kind: file.kind, content: content)
    }
}
