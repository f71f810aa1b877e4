/// One device among those of all apps.
package struct DeviceKey: Hashable, Sendable {
    package let app: AppID
    package let ordinal: Ordinal

    package init(app: AppID, ordinal: Ordinal) {
        self.app = app
        self.ordinal = ordinal
    }
}
