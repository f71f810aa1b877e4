/// Who shows a picture, and therefore which URL of a media id stands for it.
package enum PictureChannel: Sendable, Equatable {
    /// A device over its own connection.
    case own
    /// A vendor, by its key in `options.third_party_channel`.
    case vendor(String)
}

// Contract, push §1.5 and §1.10; image §3: in the place of a picture stands a URL, something that the app on the device
// knows, or a media id.
extension PushRequest {
    private static let mediaIDBytes = 36

    /// The same push with URLs in place of media ids.
    ///
    /// - Parameter url: the URL of a media id for a channel; nil for what is none, which stays.
    /// - Throws: ``Refusal/Kind/tooLarge`` where the URLs make it so.
    package func showing(_ url: (String, PictureChannel) -> String?) throws(Refusal) -> PushRequest {
        let root: JSONValue
        do { root = try JSONValue(parsing: self.kept) } catch { throw Refusal(.internalFault) }
        var replaced: [Int: [UInt8]] = [:]
        for picture in Self.pictures(root["notification"], root["options"]) {
            guard let url = url(picture.id, picture.channel) else { continue }
            var text: [UInt8] = []
            text.appendJSON(string: url)
            replaced[picture.index] = text
        }
        guard !replaced.isEmpty else { return self }
        return try PushRequest(
            try JSONValue.requestBody(root.compact(replacing: replaced)), audience: .devicesOrFile
        ).with(cid: self.cid)
    }

    static func mediaIDs(_ notification: JSONValue?, _ options: JSONValue?) -> Set<String> {
        Set(self.pictures(notification, options).map(\.id))
    }

    /// Everything in the place of a picture that has the shape of a media id.
    private static func pictures(
        _ notification: JSONValue?, _ options: JSONValue?
    ) -> [(id: String, index: Int, channel: PictureChannel)] {
        var pictures: [(id: String, index: Int, channel: PictureChannel)] = []
        func look(in object: JSONValue?, _ channel: PictureChannel) {
            guard let object else { return }
            for value in [object["large_icon"], object["small_icon_uri"], object["big_pic_path"]] {
                guard let value, value.stringSize == Self.mediaIDBytes, let text = value.string,
                    ScheduleID(text)?.text == text
                else { continue }
                pictures.append((text, value.index, channel))
            }
        }
        look(in: notification?["android"], .own)
        look(in: notification?["hmos"], .vendor("hmos"))
        if let vendors = options?["third_party_channel"]?.members {
            for (name, vendor) in vendors { look(in: vendor, .vendor(name.string ?? "")) }
        }
        return pictures
    }
}
