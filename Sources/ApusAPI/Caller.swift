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
        // Each proxy appends whom it heard from: read from the right until somebody who is not one of ours, or until
        // something that is no address, for which the last one that could be read answers.
        var address = peer
        for hop in request.headers["X-Forwarded-For"].flatMap({ $0.split(separator: ",") }).reversed() {
            guard let hop = Self.address(in: hop) else { break }
            address = hop
            guard isTrusted(hop) else { break }
        }
        self.address = address
        self.isSecure = request.isSecure || request.headers.first(name: "X-Forwarded-Proto")?.lowercased() == "https"
    }

    /// Reads an address as proxies write it: bare, or with a port, IPv6 then in brackets.
    private static func address(in hop: Substring) -> IPAddress? {
        let text = String(hop.filter { $0 != " " && $0 != "\t" })
        if let bare = IPAddress(text) { return bare }
        if text.first == "[" { return IPAddress(String(text.dropFirst().prefix { $0 != "]" })) }
        return IPAddress(String(text.prefix { $0 != ":" }))
    }
}
