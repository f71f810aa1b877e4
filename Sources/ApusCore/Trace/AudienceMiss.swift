/// Something that a push asked for and a device does not meet.
///
/// Platform, and registration after the push, were true when the push was accepted; a device's other traits are
/// compared as they are today.
package indirect enum AudienceMiss: Sendable, Equatable {
    /// The device did not exist yet.
    case registeredLater(Timestamp)
    /// The push names other platforms.
    case otherPlatform(Platform)
    /// The push says nothing to the device's platform.
    case noContent(Platform)
    /// A live activity is for a vendor's channel.
    case liveActivity
    /// Out of touch for longer than an audience reaches back, ``AppAudience/activityHorizonDays``.
    case silent(since: Timestamp)
    /// The push was for test devices.
    case noTestDevice
    /// It carries none of them.
    case tag([Tag])
    /// It lacks these of `tag_and`.
    case tagAnd([Tag])
    /// It carries these of `tag_not`.
    case tagNot([Tag])
    /// It has another alias, or none.
    case alias(Alias?)
    /// The push names registration ids, and not its own.
    case registrationID
    /// The push went to an uploaded list.
    case list(String)
    /// What the push named is not saved any more, so nobody can tell.
    case gone(String)
    /// It is outside of a saved segment or the audience of an A/B test.
    case saved(String, [AudienceMiss])
    /// It is in another part of an A/B test, or in none.
    case part(String)
}

/// What operators saved under the names that a push uses, as it is today.
package struct SavedAudiences: Sendable {
    /// Of `audience.segment`; nil when the push names none, or it is gone.
    package var segment: Segment?
    /// Of `audience.abtest`; nil when the push names none, or it is gone.
    package var test: ABTest?

    package init(segment: Segment? = nil, test: ABTest? = nil) {
        self.segment = segment
        self.test = test
    }
}

extension PushRequest {
    /// Why a device is outside the target of this push.
    ///
    /// - Returns: the first certain reason alone, else all that hold today; empty for a device that would be reached
    ///   today.
    package func misses(
        _ device: Device, acceptedAt: Timestamp, saved: SavedAudiences = SavedAudiences()
    ) -> [AudienceMiss] {
        if device.registeredAt > acceptedAt { return [.registeredLater(device.registeredAt)] }
        if !self.platforms.contains(device.platform) { return [.otherPlatform(device.platform)] }
        if self.content.isLiveActivity { return [.liveActivity] }
        if !self.content.platforms.contains(device.platform) { return [.noContent(device.platform)] }
        var misses: [AudienceMiss] = []
        if device.isSilent(at: acceptedAt) { misses.append(.silent(since: device.activeAt)) }
        if self.options.testModel, !device.isTest { misses.append(.noTestDevice) }
        guard case .matching(let kinds) = self.audience else { return misses }
        misses += kinds.misses(device, saved)
        if let list = kinds.fileID, misses.isEmpty { misses.append(.list(list)) }
        return misses
    }
}

extension Audience.Kinds {
    fileprivate func misses(_ device: Device, _ saved: SavedAudiences) -> [AudienceMiss] {
        var misses: [AudienceMiss] = []
        let tags = Set(device.tags)
        if !self.tag.isEmpty, tags.isDisjoint(with: self.tag) { misses.append(.tag(self.tag)) }
        let lacking = self.tagAnd.filter { !tags.contains($0) }
        if !lacking.isEmpty { misses.append(.tagAnd(lacking)) }
        let unwanted = self.tagNot.filter { tags.contains($0) }
        if !unwanted.isEmpty { misses.append(.tagNot(unwanted)) }
        if !self.alias.isEmpty, !(device.alias.map { self.alias.contains($0) } ?? false) {
            misses.append(.alias(device.alias))
        }
        if !self.registrationID.isEmpty, !self.registrationID.contains(device.registrationID) {
            misses.append(.registrationID)
        }
        return misses + self.missesOfSaved(device, saved)
    }

    private func missesOfSaved(_ device: Device, _ saved: SavedAudiences) -> [AudienceMiss] {
        var misses: [AudienceMiss] = []
        if let name = self.segment {
            let title = "the segment \(name)"
            misses += saved.segment?.audience.misses(device, named: title) ?? [.gone(title)]
        }
        if let text = self.abtest, let part = ABTest.Part(text) {
            let title = "the A/B test \(part.test)"
            misses += saved.test?.audience.misses(device, named: title) ?? [.gone(title)]
            if let test = saved.test, test.membership(of: part)?.includes(device.ordinal) != true {
                misses.append(.part(text))
            }
        }
        return misses
    }
}

extension Audience {
    /// For a saved audience, which names no other.
    fileprivate func misses(_ device: Device, named name: String) -> [AudienceMiss] {
        guard case .matching(let kinds) = self else { return [] }
        let misses = kinds.misses(device, SavedAudiences())
        return misses.isEmpty ? [] : [.saved(name, misses)]
    }
}
