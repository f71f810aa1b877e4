private import Glibc
package import NIOCore

/// The way past NIO into the socket of a plain connection: one system call instead of a walk through the pipeline, the
/// pending writes and the channel's state.
///
/// Owner: a connection, on its event loop. NIO keeps the descriptor and is the only one to close it; this is a note
/// of its number, and a number is dangerous once the descriptor is closed: the next connection that is accepted gets
/// the same one, and would get another device's push. So it holds:
///
/// - NIO closes a channel's descriptor on the channel's event loop only, in one function (`close0`), whatever the
///   reason: the other end has left, a read or write fails, the channel is closed by us, or the loop ends.
/// - The same function tells the pipeline that the channel is inactive, before it returns. The owner hears of it and
///   forgets the number: a device's session when it is disconnected, an ``HTTP1Connection`` when it ends.
/// - What NIO calls in between are the promises of pending writes, and `errorCaught`. Owners send nothing from either.
/// - A ``SocketBatch`` keeps the number until it is sent; what may be closed meanwhile are channels that are not in it.
/// - A handler that joins a channel that is closed already is given no number.
///
/// So whoever sees a number here, on the loop, sees an open descriptor of this very connection.
///
/// A connection over TLS has none, since its bytes have to be encrypted, and a stream of HTTP/2 has none either.
package struct DirectSocket {
    private static let absent: NIOBSDSocket.Handle = -1

    static let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)

    private(set) var descriptor = Self.absent

    /// None.
    package init() {}

    /// The socket of a handler's channel, where there is one and nothing stands between the handler and it.
    package init(of context: ChannelHandlerContext) {
        let operations = context.pipeline.syncOperations
        // A channel that is closed throws, and one without a socket says nothing.
        let descriptor = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        self.init(descriptor: descriptor ?? Self.absent)
    }

    init(descriptor: NIOBSDSocket.Handle) { self.descriptor = descriptor }

    /// Whether bytes may go this way.
    package var isOpen: Bool { self.descriptor != Self.absent }

    /// The channel is about to be gone, or is gone.
    package mutating func forget() { self.descriptor = Self.absent }

    /// Gives the kernel as much as it takes at once. Only while the channel holds nothing that was written before.
    ///
    /// - Returns: how many bytes it took. The rest must go through the channel, which waits until the kernel takes
    ///   more, and meets the same error where that was the reason.
    package func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard self.isOpen else { return 0 }
        return max(0, Glibc.send(self.descriptor, bytes.baseAddress, bytes.count, Self.flags))
    }
}
