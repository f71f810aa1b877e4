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
        let peer = request.peerBytes.flatMap { IPAddress(networkBytes: $0) }
        guard let peer, proxies.contains(where: { $0.contains(peer) }) else {
            self.address = peer
            self.isSecure = request.isSecure
            return
        }
        self.address = IPAddress(peer: peer, forwarded: request.headers["X-Forwarded-For"], trusting: proxies)
        let isSecureThere = request.headers.first(name: "X-Forwarded-Proto")?.lowercased() == "https"
        self.isSecure = request.isSecure || isSecureThere
    }
}
