extension Refusal.Kind {
    /// Status, business code, general sentence and advice: the one table of refusals.
    ///
    /// Source: the HTTP status code norm; JPush Push, Report, Device, Schedule and Admin API v3, tables of returns.
    /// Where a family documents no code for a situation, the code is the number of the status.
    package func row(for family: Family) -> Refusal.Row {
        switch self {
        case .missingValue:
            .of(.badRequest, family, 1002, 3002, 7002, 8100, 4002, "Missing parameter")
        case .badValue:
            .of(.badRequest, family, 1003, 3002, 7002, 8100, 4003, "A parameter value is not legal")
        case .unsupportedKey:
            .of(.badRequest, family, 1009, 3002, 7002, 8100, 4003, "A key is not supported")
        case .tooLarge:
            .of(.badRequest, family, 1005, 3002, 7002, 8100, 4003, "Message body is too large")
        case .emptyAudience:
            .of(
                .badRequest, family, 1011, 3002, 7002, 8100, 4003,
                "cannot find user by this audience or has been inactive for more than 255 days")
        case .kindLimitExceeded:
            .of(.badRequest, family, 1012, 3002, 7002, 8100, 4003, "Exceeds the limit of this kind of push")
        case .activePushConflict:
            .of(
                .badRequest, family, 1035, 3002, 7002, 8100, 4003,
                "active_push takes a notification alone, without big_push_duration")

        case .aliasLimitExceeded:
            .of(.badRequest, family, 1003, 3002, 7015, 8100, 4003, "Alias exceeds the limit of devices")

        case .missingCredentials:
            .of(.unauthorized, family, 1004, 3001, 7001, 8101, 4006, family.credentialsMissing)
        case .malformedCredentials:
            .of(.unauthorized, family, 1004, 3001, 7004, 8101, 4006, family.credentialsRefused)
        case .unknownKey:
            switch family {
            case .push: .init(status: .badRequest, code: 1008, message: "app_key does not exist", retry: .afterFix)
            case .device: .init(status: .badRequest, code: 7008, message: "app_key does not exist", retry: .afterFix)
            case .report, .schedule:
                .of(.unauthorized, family, 1004, 3001, 7004, 8101, 4004, family.credentialsRefused)
            case .admin:
                .of(
                    .unauthorized, family, 1004, 3001, 7004, 8101, 4004,
                    "Authentication failed: dev_key does not exist")
            }
        case .badSecret:
            .of(.unauthorized, family, 1004, 3001, 7004, 8101, 4005, family.credentialsRefused)

        case .blacklisted: .every(.forbidden, 2003, "The appKey is in black list.")
        case .addressNotAllowed: .every(.forbidden, 2004, "The source IP is not allowed")
        case .tooManyToDevice: .every(.forbidden, 2005, "Too many messages to the target users today")
        case .vipOnly: .of(.forbidden, family, 2006, 2003, 2006, 2007, 2007, "VIP only")
        case .notPermitted:
            switch family {
            case .admin: .init(status: .unauthorized, code: 4007, message: "No permission", retry: .afterFix)
            case .push, .report, .device, .schedule:
                .of(.forbidden, family, 2007, 2003, 2006, 2007, 4007, "No permission")
            }

        case .pathUnknown: .every(.notFound, 404, "The requested path does not exist")
        case .formatNotSupported:
            .every(.notFound, 404, "The requested format is not supported, use application/json")
        case .httpsOnly: .every(.notFound, 1020, "Only HTTPS is supported")
        case .messageUnknown: .of(.notFound, family, 1003, 404, 7002, 8104, 404, "The msg_id does not exist")
        case .deviceUnknown: .of(.notFound, family, 404, 404, 7002, 404, 404, "The registration_id does not exist")

        case .methodNotAllowed:
            .of(.methodNotAllowed, family, 1001, 405, 405, 405, 4001, "The method is not supported here")
        case .retired: .every(.gone, 410, "This API version is retired, use /v3/push")

        case .rateLimited: .every(.tooManyRequests, 2002, "Rate limit exceeded", .afterReset)
        case .broadcastsUsedUp: .every(.tooManyRequests, 2008, "Broadcast limit exceeded", .afterReset)

        case .internalFault:
            .of(.internalServerError, family, 1000, 10, 7000, 8200, 10, "Internal error", .later)
        case .backendDown:
            .every(.badGateway, 502, "The push service is down or being upgraded, retry later", .later)
        case .backendSlow:
            .of(.serviceUnavailable, family, 1030, 503, 7030, 8203, 503, "Internal timeout, retry later", .later)
        case .overloaded:
            .of(.serviceUnavailable, family, 1030, 503, 7030, 8203, 503, "System busy, please retry later", .later)
        case .starting:
            .of(.serviceUnavailable, family, 1030, 503, 7030, 8203, 503, "The server is starting, retry later", .later)
        case .draining:
            .of(
                .serviceUnavailable, family, 1030, 503, 7030, 8203, 503,
                "The server is shutting down, retry later", .later)
        case .deadlineExceeded:
            .every(.gatewayTimeout, 504, "The server did not answer in time, retry later", .later)
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
            }
        return .init(status: status, code: code, message: message, retry: retry)
    }

    /// A row whose business code is the same in every family.
    fileprivate static func every(
        _ status: StatusCode, _ code: Int, _ message: String, _ retry: Refusal.Retry = .afterFix
    ) -> Self {
        .init(status: status, code: code, message: message, retry: retry)
    }
}

extension Family {
    /// The vendor's sentence for a request without credentials.
    fileprivate var credentialsMissing: String {
        switch self {
        case .push: "Authen failed"
        case .report: "Basic authentication failed"
        case .device: "Authorization is empty"
        case .schedule: "Basic authentication failed."
        case .admin: "Authentication failed: it is not a valid authorization string"
        }
    }

    /// The vendor's sentence for credentials that do not hold.
    fileprivate var credentialsRefused: String {
        switch self {
        case .push: "Authen failed"
        case .report: "Basic authentication failed"
        case .device: "Authentication failed"
        case .schedule: "Basic authentication failed."
        case .admin: "Authentication failed: dev_key and dev_secret are not matched"
        }
    }
}
