import ApusContract

/// What a caller can ask for, by path and method.
enum Endpoint: Equatable, Sendable {
    case push, validate, cid
    case withdraw(id: String)
    case received, receivedDetail, messageStatus, messages, messagesDetail
    case health

    /// What lies at a path.
    enum Place: Equatable, Sendable {
        /// One endpoint per method that is offered.
        case offers([String: Endpoint])
        /// An API version that was taken out of service.
        case retired
        case unknown
    }

    /// Finds what lies at a path, given as decoded segments.
    static func place(_ segments: [String]) -> Place {
        switch segments.first {
        case "v2", "sendmsg": .retired
        case "healthz" where segments.count == 1: .offers(["GET": .health])
        case "v3": Self.place(v3: segments.dropFirst())
        default: .unknown
        }
    }

    private static func place(v3 segments: ArraySlice<String>) -> Place {
        switch Array(segments.prefix(4)) {
        case ["push"]: .offers(["POST": .push])
        case ["push", "validate"]: .offers(["POST": .validate])
        case ["push", "cid"]: .offers(["GET": .cid])
        case let path where path.count == 2 && path[0] == "push" && path[1].utf8.allSatisfy(\.isDigit):
            .offers(["DELETE": .withdraw(id: path[1])])
        case let path where path.first == "report": Self.place(report: Array(path.dropFirst()))
        case let path: Self.place(report: path)
        }
    }

    /// The report family, without `/v3` or, in the Beijing form, `/v3/report` before it.
    private static func place(report path: [String]) -> Place {
        switch path {
        case ["received"]: .offers(["GET": .received])
        case ["received", "detail"]: .offers(["GET": .receivedDetail])
        case ["status", "message"]: .offers(["POST": .messageStatus])
        case ["messages"]: .offers(["GET": .messages])
        case ["messages", "detail"]: .offers(["GET": .messagesDetail])
        default: .unknown
        }
    }

    /// The family whose codes answer at a path, known or not.
    static func family(_ segments: [String]) -> Family {
        switch segments.first {
        case "v1": .admin
        case "healthz": .node
        case "v3":
            switch segments.dropFirst().first {
            case "received", "status", "messages", "users", "report", "group": .report
            case "device", "devices", "tags", "aliases", "test": .device
            case "schedules": .schedule
            default: .push
            }
        default: .push
        }
    }
}
