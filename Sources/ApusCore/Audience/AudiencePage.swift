/// What the audience index keeps of some devices, in columns: a start reads it of every device there is.
package struct AudiencePage: Sendable {
    /// One device, but for its tags.
    package struct Entry: Sendable, Equatable {
        package let ordinal: Ordinal
        package let registrationID: RegistrationID
        package let platform: Platform
        package let alias: Alias?
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
        package let tag: Tag
        /// In the order in which they were appended.
        package fileprivate(set) var bearers: [Ordinal]
    }

    /// In the order in which they were appended.
    package private(set) var entries: [Entry] = []
    /// In the order in which the tags were first met.
    package private(set) var bearings: [Bearing] = []
    /// Open addressing with linear probing: half of a tag's hash above its place in ``bearings`` plus one; 0 is free.
    private var slots = [UInt64](repeating: 0, count: 64)

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
        let hash = KeyedHash.hash(text) & ~0xFFFF_FFFF
        let mask = self.slots.count - 1
        var index = Int(hash >> 32) & mask
        while self.slots[index] != 0 {
            let slot = self.slots[index]
            let place = Int(slot & 0xFFFF_FFFF) - 1
            if slot & ~0xFFFF_FFFF == hash, self.bearings[place].tag.text.withBytes({ $0.hasEqualBytes(as: text) }) {
                self.bearings[place].bearers.append(ordinal)
                return true
            }
            index = (index + 1) & mask
        }
        guard let tag = String(validating: text, as: UTF8.self).flatMap(Tag.init) else { return false }
        self.bearings.append(Bearing(tag: tag, bearers: [ordinal]))
        self.slots[index] = hash | UInt64(self.bearings.count)
        if self.bearings.count * 2 > self.slots.count { self.grow() }
        return true
    }

    private mutating func grow() {
        let old = self.slots
        self.slots = [UInt64](repeating: 0, count: old.count * 2)
        let mask = self.slots.count - 1
        for slot in old where slot != 0 {
            var index = Int(slot >> 32) & mask
            while self.slots[index] != 0 { index = (index + 1) & mask }
            self.slots[index] = slot
        }
    }
}
