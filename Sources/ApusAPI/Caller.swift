import ApusCore
import ApusHTTP
import NIOCore
import NIOHTTP1

/// Where a request comes from, seen through the proxies that the operator trusts.
struct Caller: Sendable {
    /// Nil when the peer has no IP address.
    let address: IPAddress?
    let isSecure: Bool

    /// - Parameter proxies: peers whose forwarding headers are believed; everybody else's are ignored.
    init(_ request: HTTPRequest, trusting proxies: [AddressBlock]) {
        let peer = request.peer?.ipAddress.flatMap { IPAddress($0) }
        func isTrusted(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
        guard let peer, isTrusted(peer) else {
            self.address = peer
            self.isSecure = request.isSecure
            return
        }
        // Each proxy appends whom it heard from: read from the right until somebody who is not one of ours.
        let hops = request.headers["X-Forwarded-For"].flatMap { $0.split(separator: ",") }
            .map { IPAddress($0.filter { $0 != " " && $0 != "\t" }) }
        var address: IPAddress? = peer
        for hop in hops.reversed() {
            address = hop
            guard let hop, isTrusted(hop) else { break }
        }
        self.address = address
        self.isSecure = request.isSecure || request.headers.first(name: "X-Forwarded-Proto")?.lowercased() == "https"
    }
}
