package import ApusContract

/// One frame of a device, decoded and checked: good everywhere.
///
/// Source: contract, edge §2.
package struct ClientFrame: Sendable, Equatable {
    /// Echoed in the answer.
    package let ref: FrameRef?
    /// What is asked for.
    package let request: Request

    package init(ref: FrameRef?, request: Request) {
        self.ref = ref
        self.request = request
    }

    /// What a device asks for, one case per `op`.
    package enum Request: Sendable, Equatable {
        case register(Registration)
        case login(Login)
        /// `ack`: 1 to ``ClientFrame/messageIDsMax`` ids, without duplicates, in their order.
        case acknowledge([MessageID])
        case click(MessageID, ClickKind)
        case display(MessageID)
        case tags(TagChange)
        /// Nil unbinds.
        case alias(Alias?)
        /// Nil clears.
        case mobile(String?)
        case tokens(Tokens)
        case active
        case ping
    }

    /// Most ids of one `ack`.
    package static let messageIDsMax = 1000

    /// Vendor tokens by name; nil removes one.
    package typealias Tokens = [VendorToken: String?]

    /// What the user opened.
    package enum ClickKind: Sendable, Equatable {
        case notification, message
    }

    /// How the tags of a device change.
    package enum TagChange: Sendable, Equatable {
        case set([Tag])
        /// Removed first, then added.
        case change(add: [Tag], remove: [Tag])
    }

    /// A new install.
    package struct Registration: Sendable, Equatable {
        /// The app that the install is of; whether there is one is decided elsewhere.
        package let appKey: AppKey
        /// The system it runs on; it never changes.
        package let platform: Platform
        /// At most 1000, as they were sent.
        package let tags: [Tag]
        /// Nil for none.
        package let alias: Alias?
        /// Digits with an optional `+`, 1 to 20 characters; nil for none.
        package let mobile: String?
        /// Vendor tokens; empty for none.
        package let tokens: Tokens
        /// `model`, `os` and `app_version`, where they were told; nil without `device`.
        package let details: [String: String]?
    }

    /// A known install. Whether id and secret hold is decided elsewhere.
    package struct Login: Sendable, Equatable {
        /// As the device sent it, well-formed or not.
        package let registrationID: String
        /// As the device sent it; never logged.
        package let secret: String
        /// Vendor tokens that have changed; empty for none.
        package let tokens: Tokens
        /// As in ``Registration/details``.
        package let details: [String: String]?
    }
}

/// What a client frame's answer is matched by: an integer or a string of the client's choice.
package enum FrameRef: Sendable, Equatable {
    case integer(Int64)
    case text(String)
}

/// The names of vendor tokens that a device may tell.
package enum VendorToken: String, CaseIterable, Sendable {
    case apns, voip, fcm, huawei, honor, xiaomi, oppo, vivo, meizu, webpush
    case apnsSandbox = "apns_sandbox"

    /// Longer names are none of these.
    static let nameMaxBytes = 16
}

/// Why a frame was not understood.
package struct ClientFrameFault: Error, Equatable {
    /// Nil also where the frame was too broken to have one.
    package let ref: FrameRef?
    /// Told in the `error` frame, with the codes of the device family.
    package let refusal: Refusal
    /// Whether it was no frame of this protocol at all: the third of those ends the connection.
    /// A known `op` with a bad field is no violation.
    package let isViolation: Bool

    package init(ref: FrameRef?, refusal: Refusal, isViolation: Bool) {
        self.ref = ref
        self.refusal = refusal
        self.isViolation = isViolation
    }
}
