/// Every configurable limit, by its name in `--limit NAME=VALUE`. 0 means unlimited.
///
/// Source: contract, limits; the vendor's free values where callers rely on them, ours elsewhere.
package enum LimitName: String, CaseIterable, Sendable {
    case pushPerMinute = "push_per_minute"
    case reportPerMinute = "report_per_minute"
    case devicePerMinute = "device_per_minute"
    case schedulePerMinute = "schedule_per_minute"
    case filePerMinute = "file_per_minute"
    case adminPerMinute = "admin_per_minute"
    case failedAuthPerMinute = "failed_auth_per_minute"
    case registrationsPerMinute = "registrations_per_minute"
    case broadcastsPerDay = "broadcasts_per_day"
    case devicesPerAlias = "devices_per_alias"
    case timeToLiveMaxSeconds = "time_to_live_max_seconds"
    case offlinePerDevice = "offline_per_device"
    case cidPerCall = "cid_per_call"
    case schedulesLive = "schedules_live"
    case timedPushesRunning = "timed_pushes_running"
    case pushesPerDevicePerDay = "pushes_per_device_per_day"
    case framesPerSecond = "frames_per_second"
    case bodyBytes = "body_bytes"
    case fileBytes = "file_bytes"
    case imageBytes = "image_bytes"
    case imagesKept = "images_kept"
    case uploadsRunning = "uploads_running"
    case requestSeconds = "request_seconds"
    case receiveSeconds = "receive_seconds"

    /// What holds when nobody set it.
    package var standard: Int {
        switch self {
        case .pushPerMinute: 600
        case .reportPerMinute: 2400
        case .devicePerMinute: 600
        case .schedulePerMinute: 100
        case .filePerMinute: 20
        case .adminPerMinute: 60
        case .failedAuthPerMinute: 600
        case .registrationsPerMinute: 0
        case .broadcastsPerDay: 0
        case .devicesPerAlias: 0
        case .timeToLiveMaxSeconds: 864_000
        case .offlinePerDevice: 1000
        case .cidPerCall: 1000
        case .schedulesLive: 2000
        case .timedPushesRunning: 20
        case .pushesPerDevicePerDay: 0
        case .framesPerSecond: 100
        case .bodyBytes: 1_048_576
        case .fileBytes: 10_485_760
        case .imageBytes: 2_097_152
        case .imagesKept: 1000
        case .uploadsRunning: 16
        case .requestSeconds: 30
        case .receiveSeconds: 20
        }
    }

    /// Whether one app may have a value of its own. The others act before the app is known, or on every app at once.
    package var isPerApp: Bool {
        switch self {
        case .failedAuthPerMinute, .registrationsPerMinute, .bodyBytes, .fileBytes, .imageBytes, .uploadsRunning,
            .requestSeconds, .receiveSeconds, .adminPerMinute:
            false
        case .pushPerMinute, .reportPerMinute, .devicePerMinute, .schedulePerMinute, .filePerMinute,
            .broadcastsPerDay, .devicesPerAlias, .timeToLiveMaxSeconds, .offlinePerDevice, .cidPerCall,
            .schedulesLive, .imagesKept, .timedPushesRunning, .pushesPerDevicePerDay, .framesPerSecond:
            true
        }
    }
}

/// A set of limits: those that were given, over the standard ones.
package struct Limits: Sendable, Equatable {
    /// Values that differ from the standard, by name; never negative.
    package private(set) var given: [LimitName: Int]

    /// Takes values by name, none of them negative.
    package init(_ given: [LimitName: Int] = [:]) { self.given = given }

    /// The value as it was configured: 0 means unlimited.
    package subscript(_ name: LimitName) -> Int {
        get {
            // A few at most: going through them takes less than hashing a name, which every request would do again.
            for (given, value) in self.given where given == name { return value }
            return name.standard
        }
        set { self.given[name] = newValue }
    }

    /// The value to compare against: `Int.max` where it is unlimited.
    package func ceiling(_ name: LimitName) -> Int {
        let value = self[name]
        return value == 0 ? .max : value
    }

    /// These limits with another set laid over them.
    package func overlaid(by other: Limits) -> Limits {
        Limits(self.given.merging(other.given) { $1 })
    }

    /// Reads `NAME=VALUE`.
    ///
    /// - Throws: ``LimitError`` with a sentence that names what is wrong and what would be right.
    package static func parse(_ assignment: String) throws(LimitError) -> (LimitName, Int) {
        guard let equals = assignment.firstIndex(of: "=") else {
            throw LimitError(sentence: "'\(assignment)' is not NAME=VALUE, as in push_per_minute=1200")
        }
        let name = String(assignment[..<equals])
        let value = String(assignment[assignment.index(after: equals)...])
        guard let limit = LimitName(rawValue: name) else {
            let known = LimitName.allCases.map(\.rawValue).joined(separator: ", ")
            throw LimitError(sentence: "unknown limit '\(name)'; known are \(known)")
        }
        guard let number = Int(value), (0...Int(Int32.max)).contains(number) else {
            throw LimitError(
                sentence: "\(name) takes a whole number from 0 (unlimited) to \(Int32.max), not '\(value)'")
        }
        return (limit, number)
    }
}

/// Why a limit was not understood.
package struct LimitError: Error, Equatable {
    /// For the operator: what is wrong and what would be right.
    package let sentence: String
}
