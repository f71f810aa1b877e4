/// Uploaded images: media ids with the URLs in force.
package final class ImageService: Sendable {
    /// How long a media id lives from its creation: 30 days.
    package static let lifeSeconds = 30 * 86_400

    private let store: any Store
    private let clocks: Clocks
    private let directory: AppDirectory

    init(store: any Store, clocks: Clocks, directory: AppDirectory) {
        self.store = store
        self.clocks = clocks
        self.directory = directory
    }

    /// A picture that stands for a URL until it has one.
    package struct Picture: Sendable {
        /// The URL's key on the wire.
        package let key: String
        /// JPEG or PNG, finished.
        package let content: UploadDraft

        package init(key: String, content: UploadDraft) {
            self.key = key
            self.content = content
        }
    }

    /// Keeps a new media id. Durable when it returns.
    ///
    /// - Parameters:
    ///   - kind: 1 to 3.
    ///   - address: makes the URL under which a picture is served.
    /// - Throws: ``Refusal/Kind/kindLimitExceeded`` when the app has as many as it may.
    package func create(
        kind: Int, urls: [String: String], pictures: [Picture], of app: App, address: (UploadID) -> String
    ) async throws(Refusal) -> ImageSet {
        let now = self.clocks.now()
        let images = ImageSet(
            id: UploadID(), app: app.id, kind: kind, urls: urls, createdAt: now,
            expiresAt: now.adding(seconds: Self.lifeSeconds))
        return try await self.keep(images, pictures, address)
    }

    /// Replaces the URLs of a media id that are given; the others stay.
    ///
    /// - Throws: ``Refusal/Kind/objectUnknown`` for a media id that the app does not have,
    ///   ``Refusal/Kind/kindLimitExceeded`` when the app has as many pictures in force as it may.
    package func update(
        _ name: String, pictures: [Picture], of app: App, address: (UploadID) -> String,
        change: (inout [String: String]) -> Void
    ) async throws(Refusal) -> ImageSet {
        guard var images = try await self.images(name, of: app) else {
            throw Refusal(.objectUnknown, "The media_id does not exist")
        }
        change(&images.urls)
        return try await self.keep(images, pictures, address)
    }

    /// The URLs of a media id; nil for one that the app does not have.
    func images(_ name: String, of app: App) async throws(Refusal) -> ImageSet? {
        guard let id = UploadID(name) else { return nil }
        do { return try await self.store.images(id, of: app.id, at: self.clocks.now()) } catch { throw Refusal(error) }
    }

    /// The bytes of a picture, for whoever knows its name.
    ///
    /// - Throws: ``Refusal/Kind/pathUnknown`` when there is none.
    package func picture(_ name: String) async throws(Refusal) -> [UInt8] {
        guard let id = UploadID(name) else { throw Refusal(.pathUnknown) }
        let content: [UInt8]?
        do { content = try await self.store.picture(id, at: self.clocks.now()) } catch { throw Refusal(error) }
        guard let content else { throw Refusal(.pathUnknown) }
        return content
    }

    private func keep(
        _ images: ImageSet, _ pictures: [Picture], _ address: (UploadID) -> String
    ) async throws(Refusal) -> ImageSet {
        var images = images
        for picture in pictures { images.urls[picture.key] = address(picture.content.id) }
        let keptMax = self.directory.limits(of: images.app).ceiling(.imagesKept)
        let outcome: UploadOutcome
        do {
            outcome = try await self.store.keepImages(
                images, pictures: pictures.map { ($0.content.id, $0.content.pieces) }, keptMax: keptMax)
        } catch {
            throw Refusal(error)
        }
        switch outcome {
        case .kept: return images
        case .full: throw Refusal(.kindLimitExceeded, "Exceeds the limit of \(keptMax) images")
        case .ownerGone: throw Refusal(.unknownKey)
        }
    }
}
