/// The part of the store that holds who else may call: developers and groups.
package protocol AccountStore: Sendable {
    /// All developers, by number.
    func developers() async throws(StoreError) -> [Developer]
    /// - Returns: the developer with its number.
    /// - Throws: ``StoreError/conflict`` when the key is taken.
    func createDeveloper(_ developer: Developer) async throws(StoreError) -> Developer
    /// Changes a developer and gives it apps, which takes them from others; in one transaction, so that two operators
    /// at once both count. Its number, key and creation time stay as they are.
    ///
    /// - Returns: the developer as it is now; nil when there is no such developer, and nothing has changed then.
    func updateDeveloper(
        _ id: DeveloperID, assigning apps: [AppID], _ change: @Sendable (inout Developer) -> Void
    ) async throws(StoreError) -> Developer?
    /// Deletes a developer and its uploads. Its apps and groups stay, and belong to nobody.
    ///
    /// - Returns: false when there is no such developer.
    func deleteDeveloper(_ id: DeveloperID) async throws(StoreError) -> Bool

    /// All groups with their members, by number.
    func groups() async throws(StoreError) -> [AppGroup]
    /// - Returns: the group with its number.
    /// - Throws: ``StoreError/conflict`` when the key is taken, or the name by another group of the developer.
    func createGroup(_ group: AppGroup) async throws(StoreError) -> AppGroup
    /// Changes a group in one transaction, so that two operators at once both count; its number, key and creation time
    /// stay as they are.
    ///
    /// - Returns: the group as it is now; nil when there is no such group.
    func updateGroup(
        _ id: GroupID, _ change: @Sendable (inout AppGroup) -> Void
    ) async throws(StoreError) -> AppGroup?
    /// Deletes a group; its apps stay.
    ///
    /// - Returns: false when there is no such group.
    func deleteGroup(_ id: GroupID) async throws(StoreError) -> Bool

    /// Makes an app for a developer, unless the developer has one with the same package, and puts it into the group
    /// that was asked for; all of it or nothing.
    ///
    /// - Throws: ``StoreError/conflict`` when the app's key, or the group's, is taken.
    func createApp(_ order: AppOrder) async throws(StoreError) -> AppOrder.Outcome
    /// The developer that an app belongs to; nil for an app that the operator made.
    func owner(of app: AppID) async throws(StoreError) -> DeveloperID?
    /// Gives an app to a developer, which takes it from another one.
    func assign(_ app: AppID, to developer: DeveloperID) async throws(StoreError)

    /// Keeps a group's push; an earlier one with the same cid gives way.
    func keepGroupPush(_ push: GroupPush) async throws(StoreError)
    /// Those of the group's pushes that there are, in no order.
    func groupPushes(_ ids: [GroupMessageID], of group: GroupID) async throws(StoreError) -> [GroupPush]
    /// The group's push with this cid, when it was accepted after `since`.
    func groupPush(cid: CID, of group: GroupID, since: Timestamp) async throws(StoreError) -> GroupPush?

    /// Keeps a certificate in place of the app's older one for the same environment.
    ///
    /// - Returns: false when any of them is stored for the app already; nothing is kept then.
    func keepCertificates(_ certificates: [SealedCertificate]) async throws(StoreError) -> Bool
    /// The certificates of an app, at most one per environment.
    func certificates(of app: AppID) async throws(StoreError) -> [SealedCertificate]
}

/// What a developer asked for when it created an app.
package struct AppOrder: Sendable {
    /// The app to be made, should there be none yet.
    package let app: App
    /// Unique among the apps of the developer.
    package let androidPackage: String
    /// Who asks.
    package let developer: DeveloperID
    /// The group to be made, should the developer have none of that name yet; nil for no group.
    package let group: AppGroup?

    package init(app: App, androidPackage: String, developer: DeveloperID, group: AppGroup?) {
        self.app = app
        self.androidPackage = androidPackage
        self.developer = developer
        self.group = group
    }

    /// What became of it.
    package struct Outcome: Sendable, Equatable {
        /// The app that there is now.
        package let key: AppKey
        /// Whether it was made just now.
        package let isNew: Bool

        package init(key: AppKey, isNew: Bool) {
            self.key = key
            self.isNew = isNew
        }
    }
}
