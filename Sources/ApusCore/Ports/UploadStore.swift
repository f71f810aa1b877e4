/// The part of the store that holds what was uploaded: lists as audiences, and images.
package protocol UploadStore: Sendable {
    /// Keeps the next piece of something that is being uploaded, under a name that nothing refers to yet.
    ///
    /// A piece that nothing refers to an hour later is dropped by the sweep.
    ///
    /// - Parameter sequence: 0 for the first.
    func keepPiece(
        _ bytes: [UInt8], _ sequence: Int, of id: UploadID, at now: Timestamp
    ) async throws(StoreError)
    /// Drops the pieces of what was given up; harmless for what is kept meanwhile.
    func dropPieces(of ids: [UploadID]) async throws(StoreError)

    /// Keeps a list whose pieces are there, unless its owner has too many valid ones.
    ///
    /// - Parameters:
    ///   - pieces: how many its content is in; ``StoreError/conflict`` when that is not what is there.
    ///   - validMax: how many an owner may have that have not expired.
    func keepFile(
        _ file: UploadedFile, pieces: Int, validMax: Int, at now: Timestamp
    ) async throws(StoreError) -> UploadOutcome
    /// The lists of an owner that have not expired, newest first.
    func files(of owner: UploadOwner, at now: Timestamp) async throws(StoreError) -> [UploadedFile]
    /// A list that has not expired, whoever owns it.
    func file(_ id: UploadID, at now: Timestamp) async throws(StoreError) -> UploadedFile?
    /// Deletes a list of an owner. Harmless when it has none of that name.
    func deleteFile(_ id: UploadID, of owner: UploadOwner) async throws(StoreError)

    /// Keeps an image set in place of an older one of the same name, with new pictures whose pieces are there.
    ///
    /// Pictures that were replaced stay, because pushes that wait may name them; where there is no room, the oldest of
    /// them make some.
    ///
    /// - Parameters:
    ///   - pictures: with how many pieces each is in; ``StoreError/conflict`` when that is not what is there.
    ///   - keptMax: how many sets, and how many pictures, an app may have.
    func keepImages(
        _ images: ImageSet, pictures: [(id: UploadID, pieces: Int)], keptMax: Int
    ) async throws(StoreError) -> UploadOutcome
    /// An image set of an app that has not expired.
    func images(_ id: UploadID, of app: AppID, at now: Timestamp) async throws(StoreError) -> ImageSet?

    /// A picture of an image set that has not expired.
    func picture(_ id: UploadID, at now: Timestamp) async throws(StoreError) -> [UInt8]?
    /// The bytes that were kept with a list; nil when there are none.
    func content(of id: UploadID) async throws(StoreError) -> [UInt8]?
}

/// What became of an upload.
package enum UploadOutcome: Sendable, Equatable {
    case kept
    /// Its owner has as much as it may have.
    case full
    /// Its owner was deleted while it came.
    case ownerGone
}

/// The name of something that was uploaded: a list, an image set, or a picture in one.
///
/// - Shape: ours are UUIDs in lower case, which nobody guesses.
package struct UploadID: Hashable, Sendable {
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil for what cannot be a name of ours.
    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(\.isIdentifier) else { return nil }
        self.text = text
    }

    /// Draws a fresh one.
    package init() { self.text = RandomText.uuid() }
}

/// Who uploaded something, and alone may name it.
package enum UploadOwner: Hashable, Sendable {
    case app(AppID)
    /// For pushes of the developer's groups.
    case developer(DeveloperID)
}

/// A list of aliases or registration ids that stands for an audience.
package struct UploadedFile: Sendable, Equatable {
    /// What the lines are.
    package enum Kind: String, Sendable, CaseIterable {
        case alias
        case registrationID = "registration_id"
    }

    /// Unique in the store.
    package let id: UploadID
    /// Who alone may name it.
    package let owner: UploadOwner
    /// What its lines are.
    package let kind: Kind
    /// As it was uploaded.
    package let name: String
    /// Lines of the content.
    package let count: Int
    /// When it was uploaded first.
    package let createdAt: Timestamp
    /// When it stops being valid.
    package let expiresAt: Timestamp

    package init(
        id: UploadID, owner: UploadOwner, kind: Kind, name: String, count: Int, createdAt: Timestamp,
        expiresAt: Timestamp
    ) {
        self.id = id
        self.owner = owner
        self.kind = kind
        self.name = name
        self.count = count
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

/// One media id with the URLs in force.
package struct ImageSet: Sendable, Equatable {
    /// Unique in the store.
    package let id: UploadID
    /// Whose it is.
    package let app: AppID
    /// 1 big picture, 2 big icon, 3 small icon.
    package let kind: Int
    /// By the key of the wire, as in `oppo_image_url`.
    package var urls: [String: String]
    /// When it was uploaded first.
    package let createdAt: Timestamp
    /// When the media id and its pictures end.
    package let expiresAt: Timestamp

    /// The URL that stands for the media id in a push: the channel's own, or that of our channel, or, where the app
    /// gave pictures for some vendors alone, the first of those.
    package func url(for channel: PictureChannel) -> String? {
        var keys = ["jiguang", "xiaomi", "oppo", "huawei", "honor", "fcm", "hmos"]
        if case .vendor(let name) = channel { keys.insert(name, at: 0) }
        return keys.lazy.compactMap { self.urls["\($0)_image_url"] }.first { !$0.isEmpty }
    }

    package init(
        id: UploadID, app: AppID, kind: Int, urls: [String: String], createdAt: Timestamp, expiresAt: Timestamp
    ) {
        self.id = id
        self.app = app
        self.kind = kind
        self.urls = urls
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}
