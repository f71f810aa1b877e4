import ApusContract
import ApusCore
import ApusHTTP
import Glibc

/// Whether a listener could take its address.
struct PortCheck {
    enum Outcome: Equatable {
        case free
        case taken
        case forbidden
        case noSuchAddress
        case failed(String)

        /// What the system answered to the attempt.
        init(errorNumber: Int32, description: String) {
            switch errorNumber {
            case EADDRINUSE: self = .taken
            case EACCES, EPERM: self = .forbidden
            case EADDRNOTAVAIL: self = .noSuchAddress
            default: self = .failed(description)
            }
        }
    }

    /// `api` or `edge`.
    let listener: String
    let place: Settings.Endpoint
    let outcome: Outcome
    /// Then the address is taken, and rightly so.
    let isServerRunning: Bool
    /// Whether the other listener is to have the same address.
    let isShared: Bool

    var finding: Finding {
        let address = "\(self.place.host):\(self.place.port)"
        guard !self.isShared else {
            return Finding(
                self.listener, .problem,
                "api and edge are both to listen on \(address): give --\(self.listener) another")
        }
        switch self.outcome {
        case .free where self.isServerRunning && self.place.port != 0:
            return Finding(
                self.listener, .warning,
                "\(address) is free although a server runs on the folder: it listens elsewhere, so give this command "
                    + "the server's settings")
        case .free:
            return Finding(
                self.listener, .ok, self.place.port == 0 ? "\(address) takes any free port" : "\(address) is free")
        case .taken where self.isServerRunning:
            return Finding(self.listener, .ok, "\(address) is in use, as it is while the server of the folder runs")
        case .taken:
            return Finding(
                self.listener, .problem,
                "\(address) is taken by another program: end it, or name another with --\(self.listener)")
        case .forbidden:
            return Finding(
                self.listener, .problem,
                "this user may not listen on \(address): take a port from 1024 on, or give the service "
                    + "AmbientCapabilities=CAP_NET_BIND_SERVICE")
        case .noSuchAddress:
            return Finding(
                self.listener, .problem,
                "\(self.place.host) is no address of this machine: name one of its own, or 0.0.0.0 for all")
        case .failed(let reason):
            return Finding(self.listener, .problem, "cannot listen on \(address): \(reason)")
        }
    }
}

/// Whether clients will accept the certificate; without one, whether secrets leave the machine in the clear.
struct TLSCheck {
    enum State {
        /// The hosts that are listened on.
        case plain(hosts: [String])
        /// Why a start would be refused.
        case unusable(String)
        case read(TLSExamination, isKeyOpen: Bool)
    }

    let state: State
    let now: Timestamp

    /// Time enough to find out why a renewal failed.
    static let noticeDays: Int64 = 14

    var finding: Finding {
        switch self.state {
        case .plain(let hosts):
            let open = hosts.filter { !Self.isLoopback($0) }
            guard let host = open.first else {
                return Finding("tls", .ok, "no certificate; the listeners are on the loopback address only")
            }
            return Finding(
                "tls", .warning,
                "secrets and payloads go over \(host) in the clear: give tls-certificate and tls-key, or let a proxy "
                    + "end TLS and see that only it can connect")
        case .unusable(let sentence):
            return Finding("tls", .problem, sentence)
        case .read(let chain, let isKeyOpen):
            return self.finding(chain, isKeyOpen)
        }
    }

    private func finding(_ chain: TLSExamination, _ isKeyOpen: Bool) -> Finding {
        let now = self.now.milliseconds / 1000
        let end = TimeUTC8(epochMilliseconds: chain.validUntil * 1000).text
        if chain.validUntil <= now {
            return Finding("tls", .problem, "the certificate has expired on \(end) (UTC+8): renew it, and restart")
        }
        if chain.validFrom > now {
            let start = TimeUTC8(epochMilliseconds: chain.validFrom * 1000).text
            return Finding(
                "tls", .problem, "the certificate is not valid before \(start) (UTC+8): check it, and the clock")
        }
        guard chain.isInOrder else {
            return Finding(
                "tls", .problem,
                "the chain is out of order: put the server's own certificate first, and behind each the one that "
                    + "issued it")
        }
        let warning: String? =
            if chain.validUntil - now < Self.noticeDays * 86_400 {
                "the certificate expires on \(end) (UTC+8): renew it, and restart"
            } else if chain.names.isEmpty {
                "the certificate names no host (subjectAltName), and clients look nowhere else: have it issued anew"
            } else if chain.isSelfSigned {
                "the certificate is signed by itself: every client must be told to trust it"
            } else if isKeyOpen {
                "every user of the machine may read the private key: chmod 600 it"
            } else {
                nil
            }
        if let warning { return Finding("tls", .warning, warning) }
        return Finding(
            "tls", .ok, "the certificate is for \(chain.names.joined(separator: ", ")), until \(end) (UTC+8)")
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}
