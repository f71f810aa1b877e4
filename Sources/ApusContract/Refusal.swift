/// The API families of the contract. A business code is unique within its family only.
package enum Family: CaseIterable, Sendable {
    /// Push, validate, cid, withdraw; also file and image, which have no code table of their own.
    case push
    case report
    case device
    case schedule
    case admin
    /// What belongs to no API, as `/healthz`: its business codes are the numbers of the status codes.
    case node
}

/// A refusal the caller sees.
///
/// Its row decides the status, the business code and the advice; see `Refusal.Kind.row(for:)`.
package struct Refusal: Error, Equatable, Sendable {
    /// The row of the table.
    package let kind: Kind
    /// What was wrong with *this* request (a JSON path, a limit, a count), never a secret or a payload.
    /// Replaces the row's general sentence.
    package let detail: String?
    /// The registration ids at fault, sent as `error.illegal_rids` when there are any.
    package var illegalRegistrationIDs: [String] = []
    /// Seconds for `Retry-After`, where this refusal knows better than its row.
    package var retryAfterSeconds: Int?

    /// Refuses with a row and what is to be said in place of its sentence.
    package init(_ kind: Kind, _ detail: String? = nil) {
        self.kind = kind
        self.detail = detail
    }

    /// Why: one row of the table each.
    package enum Kind: CaseIterable, Sendable {
        // 400
        case missingValue, badValue, unsupportedKey, tooLarge
        case emptyAudience, kindLimitExceeded, activePushConflict, aliasLimitExceeded
        case someBadValues, badPeriod, periodTooOld
        case certificateInvalid, certificateExists, certificateMissing, appNotDeleted, appKeyInvalid
        // 401, or 400 for an unknown key where the vendor documents it
        case missingCredentials, malformedCredentials, unknownKey, badSecret
        // 403
        case blacklisted, addressNotAllowed, tooManyToDevice, vipOnly, notPermitted, groupFileNotPermitted
        // 404
        case pathUnknown, formatNotSupported, httpsOnly, messageUnknown, deviceUnknown, nameUnknown
        case objectUnknown, appUnknown
        // 405, 410
        case methodNotAllowed, retired
        // 429
        case rateLimited, broadcastsUsedUp
        // 5xx
        case internalFault, backendDown, backendSlow, overloaded, starting, draining, deadlineExceeded
    }

    /// When the caller may try again.
    package enum Retry: Sendable, Equatable {
        /// Not before the request, the credentials or the operator's settings have changed.
        case afterFix
        /// After the window that `Retry-After` names.
        case afterReset
        /// After a short while, unchanged.
        case later
    }

    /// One row of the table of refusals.
    package struct Row: Sendable, Equatable {
        /// The HTTP status, the same in every family but for unknown keys and rights.
        package let status: StatusCode
        /// The business code, unique within its family.
        package let code: Int
        /// The general sentence; never empty.
        package let message: String
        /// What the caller is advised.
        package let retry: Retry
    }

    /// The row of this refusal in the family that answers.
    package func row(for family: Family) -> Row { self.kind.row(for: family) }

    /// The sentence for `error.message`: never empty.
    package func message(for family: Family) -> String { self.detail ?? self.row(for: family).message }
}

extension Refusal {
    /// Refuses with ``Kind/badValue``, naming the place and what would be right.
    ///
    /// - Parameters:
    ///   - path: JSON path of the value, as in `audience.tag[2]`.
    ///   - expectation: what the value must be, as a phrase that follows "must be".
    package static func bad(_ path: String, _ expectation: String) -> Refusal {
        Refusal(.badValue, "\(path) must be \(expectation)")
    }

    /// Refuses with ``Kind/missingValue``, naming the key.
    package static func missing(_ path: String) -> Refusal {
        Refusal(.missingValue, "Missing parameter: \(path) is required")
    }
}
