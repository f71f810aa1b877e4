import Testing

@testable import ApusContract

@Suite struct `The table of refusals` {
    /// The documented codes of the families, with the status of each and the refusals that carry it.
    private static let documented: [(family: Family, code: Int, status: StatusCode, kinds: [Refusal.Kind])] = [
        (.push, 1000, .internalServerError, [.internalFault]), (.push, 1001, .methodNotAllowed, [.methodNotAllowed]),
        (.push, 1002, .badRequest, [.missingValue]), (.push, 1003, .badRequest, [.badValue]),
        (.push, 1003, .notFound, [.messageUnknown]),
        (.push, 1004, .unauthorized, [.missingCredentials, .malformedCredentials, .badSecret]),
        (.push, 1005, .badRequest, [.tooLarge]), (.push, 1008, .badRequest, [.unknownKey]),
        (.push, 1009, .badRequest, [.unsupportedKey]), (.push, 1011, .badRequest, [.emptyAudience]),
        (.push, 1012, .badRequest, [.kindLimitExceeded]), (.push, 1020, .notFound, [.httpsOnly]),
        (.push, 1030, .serviceUnavailable, [.backendSlow, .overloaded, .starting, .draining]),
        (.push, 1035, .badRequest, [.activePushConflict]), (.push, 2002, .tooManyRequests, [.rateLimited]),
        (.push, 2003, .forbidden, [.blacklisted]), (.push, 2004, .forbidden, [.addressNotAllowed]),
        (.push, 2005, .forbidden, [.tooManyToDevice]), (.push, 2006, .forbidden, [.vipOnly]),
        (.push, 1105, .forbidden, [.groupFileNotPermitted]), (.push, 2007, .forbidden, [.notPermitted]),
        (.push, 2008, .tooManyRequests, [.broadcastsUsedUp]),
        (.push, 404, .notFound, [.pathUnknown, .formatNotSupported]), (.push, 410, .gone, [.retired]),
        (.push, 502, .badGateway, [.backendDown]), (.push, 504, .gatewayTimeout, [.deadlineExceeded]),
        (.report, 10, .internalServerError, [.internalFault]),
        (.report, 2003, .forbidden, [.blacklisted, .vipOnly, .notPermitted]),
        (.report, 3001, .unauthorized, [.missingCredentials, .malformedCredentials, .unknownKey, .badSecret]),
        (.report, 3002, .badRequest, [.missingValue, .badValue]),
        (.report, 405, .methodNotAllowed, [.methodNotAllowed]),
        (.device, 7000, .internalServerError, [.internalFault]), (.device, 7001, .unauthorized, [.missingCredentials]),
        (.device, 7002, .badRequest, [.badValue, .missingValue]), (.device, 7002, .notFound, [.deviceUnknown]),
        (.device, 7004, .unauthorized, [.malformedCredentials, .badSecret]),
        (.device, 7008, .badRequest, [.unknownKey]),
        (.report, 3004, .badRequest, [.badPeriod]), (.report, 3005, .badRequest, [.periodTooOld]),
        (.device, 7013, .badRequest, [.someBadValues]), (.device, 7015, .badRequest, [.aliasLimitExceeded]),
        (.device, 7030, .serviceUnavailable, [.backendSlow, .overloaded]),
        (.schedule, 8100, .badRequest, [.badValue, .missingValue]),
        (.schedule, 8200, .internalServerError, [.internalFault]),
        (.schedule, 8101, .unauthorized, [.missingCredentials, .malformedCredentials, .unknownKey, .badSecret]),
        (.schedule, 8203, .serviceUnavailable, [.backendSlow]), (.schedule, 8104, .notFound, [.messageUnknown]),
        (.admin, 4001, .methodNotAllowed, [.methodNotAllowed]), (.admin, 4002, .badRequest, [.missingValue]),
        (.admin, 4003, .badRequest, [.badValue]), (.admin, 4004, .unauthorized, [.unknownKey]),
        (.admin, 4005, .unauthorized, [.badSecret]),
        (.admin, 4006, .unauthorized, [.missingCredentials, .malformedCredentials]),
        (.admin, 4007, .unauthorized, [.notPermitted]), (.admin, 10, .internalServerError, [.internalFault]),
    ]

    @Test func `has every documented code with its status`() {
        for row in Self.documented {
            for kind in row.kinds {
                let found = kind.row(for: row.family)
                #expect(found.code == row.code && found.status == row.status, "\(row.family) \(kind)")
            }
        }
    }

    @Test(arguments: Family.allCases)
    func `answers every refusal of a family`(_ family: Family) {
        for kind in Refusal.Kind.allCases {
            let row = kind.row(for: family)
            #expect(!row.message.isEmpty)
            #expect(row.status != .ok)
            #expect(row.code > 0)
            #expect(Refusal(kind).message(for: family) == row.message)
            #expect(Refusal(kind, "told").message(for: family) == "told")
            switch row.status {
            case .tooManyRequests: #expect(row.retry == .afterReset)
            case .internalServerError, .badGateway, .serviceUnavailable, .gatewayTimeout: #expect(row.retry == .later)
            case .ok, .badRequest, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .gone:
                #expect(row.retry == .afterFix)
            }
        }
    }

    @Test func `uses the number of the status where no code is documented`() {
        for family in Family.allCases {
            for kind in [Refusal.Kind.pathUnknown, .formatNotSupported, .retired, .backendDown, .deadlineExceeded] {
                #expect(kind.row(for: family).code == kind.row(for: family).status.rawValue)
            }
        }
    }

    @Test(arguments: [
        (
            Refusal.Kind.emptyAudience, Family.push,
            "cannot find user by this audience or has been inactive for more than 255 days"
        ),
        (.badSecret, .push, "Authen failed"), (.unknownKey, .push, "app_key does not exist"),
        (.rateLimited, .device, "Rate limit exceeded"), (.blacklisted, .report, "The appKey is in black list."),
        (.badSecret, .report, "Basic authentication failed"), (.badSecret, .schedule, "Basic authentication failed."),
        (.unknownKey, .admin, "Authentication failed: dev_key does not exist"),
        (.badSecret, .admin, "Authentication failed: dev_key and dev_secret are not matched"),
        (.missingCredentials, .admin, "Authentication failed: it is not a valid authorization string"),
        (.internalFault, .schedule, "Server internal error."), (.internalFault, .admin, "System error"),
        (.messageUnknown, .schedule, "Request schedule operation doesn't exist"),
        (.backendSlow, .schedule, "Execute action timeout, please try later again"),
    ])
    func `speaks in the vendor's words where they are known`(_ kind: Refusal.Kind, _ family: Family, _ message: String)
    {
        #expect(kind.row(for: family).message == message)
    }
}
