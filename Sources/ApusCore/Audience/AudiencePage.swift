/// What the audience index keeps of some devices, in columns: a start reads it of every device there is.
package struct AudiencePage: Sendable {
    /// One device, but for its tags.
    package struct Entry: Sendable, Equatable {
        /// As ``Device/ordinal``.
        package let ordinal: Ordinal
        /// As ``Device/registrationID``.
        package let registrationID: RegistrationID
        /// As ``Device/platform``.
        package let platform: Platform
        /// As ``Device/alias``.
        package let alias: Alias?
        /// As ``Device/isTest``.
        package let isTest: Bool
        /// As ``Device/activeAt``.
        package let activeAt: Timestamp

        package init(
            ordinal: Ordinal, registrationID: RegistrationID, platform: Platform, alias: Alias?, isTest: Bool,
            activeAt: Timestamp
        ) {
            self.ordinal = ordinal
            self.registrationID = registrationID
            self.platform = platform
            self.alias = alias
            self.isTest = isTest
            self.activeAt = activeAt
        }
    }

    /// A tag with the devices of the page that carry it.
    package struct Bearing: Sendable, Equatable {
        /// What they carry.
        package let tag: Tag
        /// In the order in which they were appended.
        package fileprivate(set) var bearers: [Ordinal]
    }

    /// In the order in which they were appended.
    package private(set) var entries: [Entry] = []
    /// In the order in which the tags were first met.
    package private(set) var bearings: [Bearing] = []
    /// Where in ``bearings`` each tag is.
    private var tags = SlotTable()

    package init() {}

    /// The page of devices that are at hand as a whole.
    package init(_ devices: some Sequence<Device>) {
        for device in devices {
            self.append(
                Entry(
                    ordinal: device.ordinal, registrationID: device.registrationID, platform: device.platform,
                    alias: device.alias, isTest: device.isTest, activeAt: device.activeAt))
            for tag in device.tags { _ = tag.text.withBytes { self.bind($0) } }
        }
    }

    /// Adds a device, each at most once.
    package mutating func append(_ entry: Entry) { self.entries.append(entry) }

    /// Gives the device that was appended last a tag, which it does not carry yet.
    ///
    /// - Parameter text: the tag's bytes. There are millions of bindings to few tags, so no text is made of them.
    /// - Returns: false when they are no legal tag.
    package mutating func bind(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let ordinal = self.entries.last?.ordinal else { return false }
        let place = self.tags.place(of: KeyedHash.hash(text)) { number in
            self.bearings[Int(number)].tag.text.withBytes { $0.hasEqualBytes(as: text) }
        }
        if let number = place.number {
            self.bearings[Int(number)].bearers.append(ordinal)
            return true
        }
        guard let tag = String(validating: text, as: UTF8.self).flatMap(Tag.init) else { return false }
        self.tags.keep(UInt32(self.bearings.count), at: place)
        self.bearings.append(Bearing(tag: tag, bearers: [ordinal]))
        return true
    }
}
