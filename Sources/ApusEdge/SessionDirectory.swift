package import ApusCore
private import Synchronization

/// Which session of this node stands for which device: the newest one that was opened.
///
/// Its lock also orders the notes in ``Presence``, which is a leaf and takes no other lock: otherwise the end of an old
/// session could be noted after the beginning of a new one, and the device would count as offline while it is here.
package final class SessionDirectory: Sendable {
    /// Where a session is: the index of its event loop, and its name there.
    package struct Place: Equatable, Sendable {
        /// The index of the event loop.
        package let loop: Int
        /// The session's name there.
        package let session: SessionID
    }

    private let places = Mutex<[DeviceKey: Place]>([:])
    private let presence: Presence

    /// An empty directory.
    package init(presence: Presence) { self.presence = presence }

    /// A session went live.
    ///
    /// - Returns: the older session that it replaces.
    package func open(_ device: DeviceKey, at place: Place) -> Place? {
        self.places.withLock { places in
            let old = places.updateValue(place, forKey: device)
            self.presence.opened(device)
            return old == place ? nil : old
        }
    }

    /// A session ended. The device stays online when another one has replaced it.
    package func close(_ device: DeviceKey, at place: Place) {
        self.places.withLock { places in
            guard places[device] == place else { return }
            places[device] = nil
            self.presence.closed(device)
        }
    }

    /// How many devices are here.
    package var count: Int { self.places.withLock { $0.count } }
}
