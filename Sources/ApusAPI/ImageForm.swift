import ApusCore

/// The pictures in a form, one for each channel that has one, and the type that they are meant for.
///
/// Source: contract, image §3. Older clients send more channels than the vendor's page names.
struct ImageForm {
    static let channels = ["xiaomi", "oppo", "huawei", "fcm", "jiguang"]

    /// As it was sent; nil where it was not.
    private(set) var type: String?
    /// By channel; without the empty ones.
    private var pictures: [String: UploadDraft] = [:]

    /// Reads the form, and writes its pictures into drafts of the upload.
    init(_ call: Call, into upload: inout Upload) async throws(Refusal) {
        var form = try FormReader(call.request, partMaxBytes: call.core.imageMaxBytes)
        // Of fields with one name the first counts, also when it is empty.
        var seen: Set<String> = []
        while let part = try await form.nextPart() {
            guard let name = part.name, seen.insert(name).inserted else { continue }
            if name == "image_type" {
                self.type = try await form.text()
            } else if let channel = Self.channels.first(where: { name == $0 + "_file" }) {
                var draft = upload.begin()
                while let bytes = try await form.nextContent() { try await draft.append(bytes) }
                try await draft.finish()
                self.pictures[channel] = draft.bytes > 0 ? draft : nil
            }
        }
    }

    /// - Throws: ``Refusal/Kind/badValue`` for what is no picture, ``Refusal/Kind/missingValue`` when neither of the
    ///   first two channels has one.
    func checkedPictures() throws(Refusal) -> [ImageService.Picture] {
        var pictures: [ImageService.Picture] = []
        for channel in Self.channels {
            guard let draft = self.pictures[channel] else { continue }
            guard PictureType(draft.head) != nil else { throw .bad("\(channel)_file", "a JPEG or PNG image") }
            pictures.append(ImageService.Picture(key: "\(channel)_image_url", content: draft))
        }
        guard self.pictures["xiaomi"] != nil || self.pictures["oppo"] != nil else {
            throw Refusal(.missingValue, "Missing parameter: xiaomi_file or oppo_file is required")
        }
        return pictures
    }
}

/// What an image is, told by its first bytes.
enum PictureType: Sendable {
    case jpeg, png

    init?(_ content: [UInt8]) {
        if content.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if content.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else {
            return nil
        }
    }

    var contentType: String {
        switch self {
        case .jpeg: "image/jpeg"
        case .png: "image/png"
        }
    }
}
