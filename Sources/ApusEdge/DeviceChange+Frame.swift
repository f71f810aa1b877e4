package import ApusCore
package import ApusWire

extension DeviceChange {
    /// What a device's frame changes on it; nothing for a frame that changes nothing.
    package init(_ request: ClientFrame.Request) {
        self.init()
        switch request {
        case .tags(.set(let tags)): self.tags = .set(tags)
        case .tags(.change(let add, let remove)): self.tags = .change(add: add, remove: remove)
        case .alias(let alias): self.alias = .some(alias)
        case .mobile(let mobile): self.mobile = .some(mobile)
        case .tokens(let tokens): self.tokens = Self.named(tokens)
        case .register(let registration): self.init(registration)
        case .login(let login):
            self.tokens = Self.named(login.tokens)
            self.details = login.details
        case .acknowledge, .click, .display, .active, .ping: break
        }
    }

    /// What a new device brings along.
    package init(_ registration: ClientFrame.Registration) {
        self.init()
        if !registration.tags.isEmpty { self.tags = .set(registration.tags) }
        if let alias = registration.alias { self.alias = .some(alias) }
        if let mobile = registration.mobile { self.mobile = .some(mobile) }
        self.tokens = Self.named(registration.tokens)
        self.details = registration.details
    }

    private static func named(_ tokens: ClientFrame.Tokens) -> [String: String?] {
        [String: String?](uniqueKeysWithValues: tokens.map { ($0.rawValue, $1) })
    }
}

extension DeviceService.Registration {
    /// What a device asks for, in the words of the core.
    package init(_ registration: ClientFrame.Registration) {
        self.init(
            appKey: registration.appKey, platform: registration.platform, change: DeviceChange(registration))
    }
}
