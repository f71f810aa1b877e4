/// How often one source address may fail to log devices in, and register new ones.
///
/// Thousands of devices may stand behind one address. Beyond the limit a login that fails is told to come later, and
/// that device is not checked again in this minute; a login that holds is let in all the same, so that one bad device
/// does not lock out its neighbours. Failures of callers are counted elsewhere (``Authenticator``), so that a device
/// does not lock out the application server beside it either.
final class DeviceAdmission: Sendable {
    private struct Attempt: Hashable {
        let source: IPAddress
        let device: RegistrationID
    }

    private let failures: RateLimiter<IPAddress>
    private let failedDevices: RateLimiter<Attempt>
    private let registrations: RateLimiter<IPAddress>
    private let failedPerMinute: Int
    private let registrationsPerMinute: Int
    private let incidents: IncidentLog

    init(serverLimits: Limits, clocks: Clocks, incidents: IncidentLog) {
        self.failures = RateLimiter(clocks: clocks)
        self.failedDevices = RateLimiter(clocks: clocks)
        self.registrations = RateLimiter(clocks: clocks)
        self.failedPerMinute = serverLimits.ceiling(.failedAuthPerMinute)
        self.registrationsPerMinute = serverLimits.ceiling(.registrationsPerMinute)
        self.incidents = incidents
    }

    /// Before a device's credentials are checked.
    ///
    /// - Returns: ``Refusal/Kind/rateLimited`` when logins from there have failed too often, this device's among them;
    ///   nil when it may try.
    func refusal(of device: RegistrationID, from source: IPAddress?) -> Refusal? {
        guard let source, self.failedPerMinute < .max else { return nil }
        let budget = self.failures.peek(source, limit: self.failedPerMinute)
        guard budget.remaining == 0,
            self.failedDevices.peek(Attempt(source: source, device: device), limit: 1).remaining == 0
        else { return nil }
        return self.tooManyFailures(budget, from: source)
    }

    /// A login has failed.
    ///
    /// - Parameter device: nil when the registration id is unknown, which is told in the same words.
    /// - Returns: what to answer.
    func failedLogin(of device: RegistrationID?, from source: IPAddress?) -> Refusal {
        guard let source, self.failedPerMinute < .max else { return Refusal(.badSecret) }
        if let device { _ = self.failedDevices.take(Attempt(source: source, device: device), limit: 1) }
        let budget = self.failures.take(source, limit: self.failedPerMinute)
        return budget.isWithin ? Refusal(.badSecret) : self.tooManyFailures(budget, from: source)
    }

    /// A device wants to be registered.
    ///
    /// - Throws: ``Refusal/Kind/rateLimited``.
    func checkRegistration(from source: IPAddress?) throws(Refusal) {
        guard let source, self.registrationsPerMinute < .max else { return }
        let budget = self.registrations.take(source, limit: self.registrationsPerMinute)
        guard !budget.isWithin else { return }
        self.incidents.note("too many registrations from one address", from: source.text)
        throw Self.limited("Rate limit exceeded: too many registrations from this address", budget.resetSeconds)
    }

    private func tooManyFailures(_ budget: RateLimiter<IPAddress>.Budget, from source: IPAddress) -> Refusal {
        self.incidents.note("too many failed logins of devices from one address", from: source.text)
        return Self.limited(
            "Rate limit exceeded: too many failed authentications from this address", budget.resetSeconds)
    }

    private static func limited(_ sentence: String, _ resetSeconds: Int) -> Refusal {
        var refusal = Refusal(.rateLimited, sentence)
        refusal.retryAfterSeconds = resetSeconds
        return refusal
    }
}
