import ApusContract

/// `docs/errors.md`: the table of refusals, for callers.
enum ErrorsPage {
    static var text: String {
        ([self.head] + StatusCode.allCases.compactMap(self.section)).joined(separator: "\n\n") + "\n"
    }

    private static let head = """
        # Errors

        This page is printed from the table of refusals (`Sources/ApusContract/Refusal+Table.swift`).

        Every failure has one of eleven statuses, and a body of JSON that says what was wrong:

        ```json
        {"error": {"code": 1003, "message": "audience.tag[2] must be 1 to 40 bytes of …"}}
        ```

        - `error.code` is an integer, unique **within its family** only: look it up in the column of the endpoint's
          family. Where the vendor documents no code for a situation, it is the number of the status.
        - `error.message` is a sentence for people. Where Apus knows more than the general sentence below, it names the
          place in the request and what would be right instead. Programs should look at the status and the code.
        - `error.illegal_rids` lists the registration ids at fault, where there are any.
        - Success is always 200. Nothing that failed has a `msg_id`, and nothing of it was sent or kept.

        | Family | Paths |
        |---|---|
        | push | `/v3/push…`, and every path that belongs to no other family |
        | report | `/v3/received…`, `/v3/messages…`, `/v3/status/…`, `/v3/users`, and all of them below `/v3/report` |
        | device | `/v3/devices…`, `/v3/tags…`, `/v3/aliases…`; the edge, in its answers and its `error` frames |
        | schedule | `/v3/schedules…`, `/v3/push/schedules…` |
        | admin | `/v1/…` |
        | node | `/healthz`, `/pictures/…` |

        A cell below is the business code, with its status before it where that is another than the section's.
        Situations of endpoints that this release does not serve yet are listed as well
        (see [compatibility.md](compatibility.md)).
        """

    /// - Returns: nil for a status that no refusal has.
    private static func section(_ status: StatusCode) -> String? {
        let kinds = Refusal.Kind.allCases.filter { $0.row(for: .push).status == status }
        guard !kinds.isEmpty else { return nil }
        let heads = ["What happened", "General sentence"] + Family.allCases.map(self.name) + ["Again"]
        let rows = kinds.map { kind in
            [self.meaning(kind), self.messages(kind)] + Family.allCases.map { self.cell(kind, $0, status) }
                + [self.advice(kind.row(for: .push).retry)]
        }
        return """
            ## \(status.rawValue) \(status.reason)

            \(self.introduction(status))

            \(MarkdownTable.text(heads, rows))
            """
    }

    private static func cell(_ kind: Refusal.Kind, _ family: Family, _ status: StatusCode) -> String {
        let row = kind.row(for: family)
        return row.status == status ? "\(row.code)" : "\(row.status.rawValue) / \(row.code)"
    }

    /// The distinct general sentences, in the order of the families.
    private static func messages(_ kind: Refusal.Kind) -> String {
        Family.allCases.map { kind.row(for: $0).message }.reduce(into: [String]()) { seen, message in
            if !seen.contains(message) { seen.append(message) }
        }.joined(separator: "<br>")
    }

    static func name(_ family: Family) -> String {
        switch family {
        case .push: "push"
        case .report: "report"
        case .device: "device"
        case .schedule: "schedule"
        case .admin: "admin"
        case .node: "node"
        }
    }

    private static func advice(_ retry: Refusal.Retry) -> String {
        switch retry {
        case .afterFix: "after a fix"
        case .afterReset: "after `Retry-After`"
        case .later: "later, unchanged"
        }
    }

    private static func introduction(_ status: StatusCode) -> String {
        switch status {
        case .ok: ""
        case .badRequest: "The request cannot be carried out as it is. Sending it again changes nothing."
        case .unauthorized: "The credentials do not hold. `WWW-Authenticate: Basic` comes along."
        case .forbidden:
            "The credentials hold, and the call is not allowed: the operator of the server can change that."
        case .notFound: "Nothing is there: the path, or the object that it names."
        case .methodNotAllowed: "The path exists. `Allow` lists the methods that it offers."
        case .gone: "It existed once, and will not come back."
        case .tooManyRequests:
            "`Retry-After` has the seconds to wait; the `X-Rate-Limit-…` headers tell the whole budget."
        case .internalServerError: "A fault of the server, or a disk that is full or broken. Its log has the details."
        case .badGateway: "The server is there and its store is not, or the store is just being upgraded."
        case .serviceUnavailable: "The server cannot take the request now. `Retry-After` says when to come again."
        case .gatewayTimeout:
            "The request's own deadline (`request_seconds`) has passed. A push may have been accepted all the same: "
                + "send it again with a `cid`, and it is carried out once."
        }
    }

    static func meaning(_ kind: Refusal.Kind) -> String {
        switch kind {
        case .missingValue: "a required key or the whole body is missing"
        case .badValue:
            "a value has the wrong type, format or range; the body is not JSON; the request is not legal HTTP"
        case .unsupportedKey: "a key that the push object does not have"
        case .tooLarge: "the body, or a part of the push, is larger than its limit"
        case .emptyAudience: "no device matches the audience"
        case .kindLimitExceeded: "too many of this kind of push at a time"
        case .activePushConflict: "`active_push` or `need_backup` beside what they exclude"
        case .aliasLimitExceeded: "the alias names as many devices as the app allows (`devices_per_alias`)"
        case .someBadValues: "some of several values are wrong; nothing was changed"
        case .badPeriod: "the start of the period does not fit its unit"
        case .certificateInvalid:
            "a certificate without its password, not PKCS#12, with a wrong password, or not valid today"
        case .certificateExists: "the same certificate is stored already"
        case .certificateMissing: "the form has no certificate file"
        case .appNotDeleted: "the app was deleted by somebody else just now"
        case .appKeyInvalid: "what stands in the path is no app key"
        case .periodTooOld: "the period begins too long ago"
        case .missingCredentials: "no `Authorization`, or an empty one"
        case .malformedCredentials: "`Authorization` is not Basic, or not base64, or has no colon"
        case .unknownKey: "nobody has this key"
        case .badSecret: "the secret does not belong to the key"
        case .blacklisted: "the app is blocked (`apus app update K --block`)"
        case .addressNotAllowed: "the call comes from outside the app's allow-list (`--allow-ip`)"
        case .tooManyToDevice: "a device has had its pushes of the day (`pushes_per_device_per_day`)"
        case .vipOnly: "the app's VIP endpoints are closed (`--vip off`)"
        case .notPermitted: "the key has no right to this call"
        case .groupFileNotPermitted: "the key has no right to files for groups"
        case .pathUnknown: "there is no such path"
        case .formatNotSupported: "`Accept` excludes JSON"
        case .httpsOnly: "plain HTTP, where `https-only` is on"
        case .messageUnknown: "the app has no push, or other object, with this id"
        case .objectUnknown: "the addressed file or media id does not exist, has expired, or belongs to another caller"
        case .appUnknown: "the developer has no app with this key"
        case .deviceUnknown: "the app has no device with this registration id"
        case .nameUnknown: "the app has no template, or push plan, of this name"
        case .methodNotAllowed: "the path does not offer this method"
        case .retired: "API version 2, or a push for Windows Phone alone"
        case .rateLimited:
            "more calls in a minute than the app may make, or too many failed authentications from one address"
        case .broadcastsUsedUp: "the app's broadcasts of the day (UTC+8) are used up (`broadcasts_per_day`)"
        case .internalFault: "something that should not happen"
        case .backendDown: "the store cannot be reached, or is being upgraded"
        case .backendSlow: "the store did not answer within its own limit"
        case .overloaded: "a bounded queue is full"
        case .starting: "the server has not finished its start"
        case .draining: "the server is shutting down"
        case .deadlineExceeded: "no answer within `request_seconds`"
        }
    }
}
