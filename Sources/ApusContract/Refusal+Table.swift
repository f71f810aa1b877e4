extension Refusal.Kind {
    private static let noAudience = "cannot find user by this audience or has been inactive for more than 255 days"

    /// Status, business code, general sentence and advice: the one table of refusals.
    ///
    /// Source: the HTTP status code norm; JPush Push, Report, Device, Schedule and Admin API v3, tables of returns.
    /// Where a family documents no code for a situation, the code is the number of the status.
    package func row(for family: Family) -> Refusal.Row {
        switch self {
        case .missingValue: .bad(family, 1002, 3002, 7002, 8100, 4002, "Missing parameter")
        case .badValue: .bad(family, 1003, 3002, 7002, 8100, 4003, "A parameter value is not legal")
        case .unsupportedKey: .bad(family, 1009, 3002, 7002, 8100, 4003, "A key is not supported")
        case .tooLarge: .bad(family, 1005, 3002, 7002, 8100, 4003, "Message body is too large")
        case .emptyAudience: .bad(family, 1011, 3002, 7002, 8100, 4003, Self.noAudience)
        case .kindLimitExceeded: .bad(family, 1012, 3002, 7002, 8100, 4003, "Exceeds the limit of this kind of push")
        case .activePushConflict: .bad(family, 1035, 3002, 7002, 8100, 4003, "active_push takes a notification alone")
        case .aliasLimitExceeded: .bad(family, 1003, 3002, 7015, 8100, 4003, "Alias exceeds the limit of devices")
        case .someBadValues: .bad(family, 1003, 3002, 7013, 8100, 4003, "Some parameters are invalid")
        case .badPeriod: .bad(family, 1003, 3004, 7002, 8100, 4003, "start does not fit time_unit")
        case .periodTooOld: .bad(family, 1003, 3005, 7002, 8100, 4003, "start is more than 60 days ago")
        case .certificateInvalid: .bad(family, 1003, 3002, 7002, 8100, 1012, "certificate invalid")
        case .certificateExists: .bad(family, 1003, 3002, 7002, 8100, 1010, "certificate already exists")
        case .certificateMissing: .bad(family, 1002, 3002, 7002, 8100, 1014, "no certificate file")
        case .appNotDeleted: .bad(family, 1003, 3002, 7002, 8100, 1015, "app delete fail")
        case .appKeyInvalid: .bad(family, 1008, 3002, 7008, 8100, 1013, "app_key invalid")

        case .missingCredentials: .unauthorized(family, 1004, 3001, 7001, 8101, 4006, family.credentialsMissing)
        case .malformedCredentials: .unauthorized(family, 1004, 3001, 7004, 8101, 4006, family.credentialsMalformed)
        case .badSecret: .unauthorized(family, 1004, 3001, 7004, 8101, 4005, family.credentialsRefused)
        case .unknownKey:
            switch family {
            case .push, .device: .bad(family, 1008, 3001, 7008, 8101, 4004, family.keyUnknown)
            case .report, .schedule, .admin, .node:
                .unauthorized(family, 1008, 3001, 7008, 8101, 4004, family.keyUnknown)
            }

        case .blacklisted: .every(.forbidden, 2003, "The appKey is in black list.")
        case .addressNotAllowed: .every(.forbidden, 2004, "The source IP is not allowed")
        case .tooManyToDevice: .every(.forbidden, 2005, "Too many messages to the target users today")
        case .vipOnly: .forbidden(family, 2006, 2003, 2006, 2007, 2007, "VIP only")
        case .groupFileNotPermitted: .forbidden(family, 1105, 2003, 2006, 2007, 2007, "No permission")
        case .notPermitted:
            switch family {
            case .push, .report, .device, .schedule, .node:
                .forbidden(family, 2007, 2003, 2006, 2007, 4007, "No permission")
            case .admin: .unauthorized(family, 2007, 2003, 2006, 2007, 4007, "No permission")
            }

        case .pathUnknown: .every(.notFound, 404, "The requested path does not exist")
        case .formatNotSupported: .every(.notFound, 404, "The requested format is not supported, use application/json")
        case .httpsOnly: .every(.notFound, 1020, "Only HTTPS is supported")
        case .messageUnknown: .of(.notFound, family, 1003, 404, 7002, 8104, 404, family.objectUnknown)
        case .deviceUnknown: .of(.notFound, family, 404, 404, 7002, 404, 404, "The registration_id does not exist")
        case .nameUnknown: .every(.notFound, 404, "There is nothing of this name")
        case .objectUnknown: .every(.notFound, 404, "The requested object does not exist")
        case .appUnknown: .of(.notFound, family, 404, 404, 404, 404, 1013, "app_key invalid")
        case .methodNotAllowed:
            .of(.methodNotAllowed, family, 1001, 405, 405, 405, 4001, "The method is not supported here")
        case .retired: .every(.gone, 410, "This API version is retired, use /v3/push")

        case .rateLimited: .every(.tooManyRequests, 2002, "Rate limit exceeded", .afterReset)
        case .broadcastsUsedUp: .every(.tooManyRequests, 2008, "Broadcast limit exceeded", .afterReset)

        case .internalFault: .of(.internalServerError, family, 1000, 10, 7000, 8200, 10, family.internalFault, .later)
        case .backendDown: .every(.badGateway, 502, "The push service is down or being upgraded, retry later", .later)
        case .backendSlow: .unavailable(family, 1030, 503, 7030, 8203, 503, family.backendSlow)
        case .overloaded: .unavailable(family, 1030, 503, 7030, 8203, 503, "System busy, please retry later")
        case .starting: .unavailable(family, 1030, 503, 7030, 8203, 503, "The server is starting, retry later")
        case .draining: .unavailable(family, 1030, 503, 7030, 8203, 503, "The server is shutting down, retry later")
        case .deadlineExceeded: .every(.gatewayTimeout, 504, "The server did not answer in time, retry later", .later)
        }
    }
}

extension Refusal.Row {
    /// A row whose business code differs by family: push, report, device, schedule, admin, in this order.
    fileprivate static func of(
        _ status: StatusCode, _ family: Family,
        _ push: Int, _ report: Int, _ device: Int, _ schedule: Int, _ admin: Int,
        _ message: String, _ retry: Refusal.Retry = .afterFix
    ) -> Self {
        let code =
            switch family {
            case .push: push
            case .report: report
            case .device: device
            case .schedule: schedule
            case .admin: admin
            case .node: status.rawValue
            }
        return .init(status: status, code: code, message: message, retry: retry)
    }

    fileprivate static func bad(
        _ family: Family, _ push: Int, _ report: Int, _ device: Int, _ schedule: Int, _ admin: Int, _ message: String
    ) -> Self { .of(.badRequest, family, push, report, device, schedule, admin, message) }

    fileprivate static func unauthorized(
        _ family: Family, _ push: Int, _ report: Int, _ device: Int, _ schedule: Int, _ admin: Int, _ message: String
    ) -> Self { .of(.unauthorized, family, push, report, device, schedule, admin, message) }

    fileprivate static func forbidden(
        _ family: Family, _ push: Int, _ report: Int, _ device: Int, _ schedule: Int, _ admin: Int, _ message: String
    ) -> Self { .of(.forbidden, family, push, report, device, schedule, admin, message) }

    fileprivate static func unavailable(
        _ family: Family, _ push: Int, _ report: Int, _ device: Int, _ schedule: Int, _ admin: Int, _ message: String
    ) -> Self { .of(.serviceUnavailable, family, push, report, device, schedule, admin, message, .later) }

    /// A row whose business code is the same in every family.
    fileprivate static func every(
        _ status: StatusCode, _ code: Int, _ message: String, _ retry: Refusal.Retry = .afterFix
    ) -> Self {
        .init(status: status, code: code, message: message, retry: retry)
    }
}

extension Family {
    /// The vendor's sentence for an id that nobody knows, where it is known.
    fileprivate var objectUnknown: String {
        switch self {
        case .push, .report, .device, .admin, .node: "The msg_id does not exist"
        case .schedule: "Request schedule operation doesn't exist"
        }
    }

    /// The vendor's sentence for a key that nobody has.
    fileprivate var keyUnknown: String {
        switch self {
        case .push, .device: "app_key does not exist"
        case .report, .schedule, .node: self.credentialsRefused
        case .admin: "Authentication failed: dev_key does not exist"
        }
    }

    /// The vendor's sentence for credentials that cannot be read.
    fileprivate var credentialsMalformed: String {
        switch self {
        case .push, .report, .device, .schedule, .node: self.credentialsRefused
        case .admin: self.credentialsMissing
        }
    }

    /// The vendor's sentence for a request without credentials.
    fileprivate var credentialsMissing: String {
        switch self {
        case .push, .node: "Authen failed"
        case .report: "Basic authentication failed"
        case .device: "Authorization is empty"
        case .schedule: "Basic authentication failed."
        case .admin: "Authentication failed: it is not a valid authorization string"
        }
    }

    /// The vendor's sentence for credentials that do not hold.
    fileprivate var credentialsRefused: String {
        switch self {
        case .push, .node: "Authen failed"
        case .report: "Basic authentication failed"
        case .device: "Authentication failed"
        case .schedule: "Basic authentication failed."
        case .admin: "Authentication failed: dev_key and dev_secret are not matched"
        }
    }

    /// The vendor's sentence for a fault of the server, where it is known.
    fileprivate var internalFault: String {
        switch self {
        case .push, .device, .node: "Internal error"
        case .report, .admin: "System error"
        case .schedule: "Server internal error."
        }
    }

    /// The vendor's sentence for a back end that is late, where it is known.
    fileprivate var backendSlow: String {
        switch self {
        case .push, .report, .admin, .node: "Internal timeout, retry later"
        case .device: "System busy, please retry later"
        case .schedule: "Execute action timeout, please try later again"
        }
    }
}
