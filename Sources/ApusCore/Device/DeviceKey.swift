/// One device among those of all apps.
package struct DeviceKey: Hashable, Sendable {
    /// The app that the ordinal counts in.
    package let app: AppID
    /// The device's number within that app.
    package let ordinal: Ordinal

    package init(app: AppID, ordinal: Ordinal) {
        self.app = app
        self.ordinal = ordinal
    }
}
