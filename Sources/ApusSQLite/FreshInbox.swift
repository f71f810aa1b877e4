internal import ApusCore
private import Synchronization

/// The direct messages that `inbox` does not list yet, by the devices that they wait for: see ``Inbox``.
///
/// An index over what is durable already, and never more than that. The writer changes it when a transaction is done;
/// readers look here first and at the rows after, so that a message which is being listed is seen on one side at least.
/// It may name a message that has ended otherwise than by a receipt: whoever reads asks the message itself.
final class FreshInbox: Sendable {
    typealias Lists = [DeviceKey: [Entry]]

    struct Entry {
        let message: MessageID
        /// Here too, so that what is over costs a login no look at the message.
        let expiresAt: Timestamp
    }

    /// What one transaction does to it, once it is durable.
    struct Changes {
        /// Messages that were kept and are not listed.
        var messages = 0
        var added: [(device: DeviceKey, entry: Entry)] = []
        /// After all that were added.
        var removed: [(device: DeviceKey, message: MessageID)] = []
    }

    fileprivate struct State {
        var lists: Lists = [:]
        var messages = 0
        var entries = 0
    }

    private let state = Mutex(State())

    /// How many messages were kept since the last listing began, whether they wait for anybody or not.
    var messages: Int { self.state.withLock { $0.messages } }

    /// How many entries there are, one per message and device.
    var entries: Int { self.state.withLock { $0.entries } }

    /// Every device that has an entry, in the order of the rows of `inbox`.
    var devices: [DeviceKey] {
        self.state.withLock { Array($0.lists.keys) }.sorted {
            ($0.app.number, $0.ordinal) < ($1.app.number, $1.ordinal)
        }
    }

    /// What waits for a device, oldest first.
    ///
    /// - Parameter now: nil for what has expired as well.
    func messages(for device: DeviceKey, at now: Timestamp? = nil) -> [MessageID] {
        let list = self.state.withLock { $0.lists[device] } ?? []
        return list.lazy.filter { entry in now.map { $0 < entry.expiresAt } ?? true }.map(\.message).sorted()
    }

    func replace(_ lists: Lists, messages: Int) {
        let entries = lists.values.reduce(0) { $0 + $1.count }
        self.state.withLock { $0 = State(lists: lists, messages: messages, entries: entries) }
    }

    func apply(_ changes: Changes) {
        self.state.withLock { state in
            state.messages += changes.messages
            for added in changes.added { state.lists[added.device, default: []].append(added.entry) }
            state.entries += changes.added.count
            for entry in changes.removed { state.remove(from: entry.device) { $0.message == entry.message } }
        }
    }

    /// Lets go of what has been listed.
    func drop(_ listing: Inbox.Listing) {
        self.state.withLock { state in
            state.messages -= listing.messages
            for device in listing.devices { state.remove(from: device) { $0.message <= listing.through } }
        }
    }
}

extension FreshInbox.State {
    fileprivate mutating func remove(from device: DeviceKey, where isGone: (FreshInbox.Entry) -> Bool) {
        // Taken out while it is changed: it must not be copied.
        guard var list = self.lists.removeValue(forKey: device) else { return }
        self.entries -= list.count
        list.removeAll(where: isGone)
        self.entries += list.count
        if !list.isEmpty { self.lists[device] = list }
    }
}
