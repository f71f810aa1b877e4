package import NIOCore

/// The connection under an ``AnswerStream``.
protocol AnswerStreamOutput: AnyObject {
    var isWritable: Bool { get }
    var bufferedBytes: Int { get }
    func writeToStream(_ bytes: ByteBuffer)
    func flushStream()
    func closeStream()
}

/// The writing end of an answer that goes on: Server-Sent Events.
///
/// Belongs to its event loop, and is used nowhere else. Nothing bounds what is written into it: who writes looks at
/// ``bufferedBytes`` and closes a reader that is too slow.
package final class AnswerStream {
    /// The loop of its connection.
    package let eventLoop: any EventLoop
    /// Called when ``isWritable`` has changed.
    package var onWritabilityChanged: (() -> Void)?
    /// Called once, when the client is gone or after ``close()``.
    package var onClose: (() -> Void)?
    /// Called when the listener shuts down; where it is unset, the stream is closed at once.
    package var onDrain: (() -> Void)?

    private weak var output: (any AnswerStreamOutput)?

    init(_ output: any AnswerStreamOutput, on eventLoop: any EventLoop) {
        self.output = output
        self.eventLoop = eventLoop
    }

    /// Whether the socket keeps up; false asks the writer to pause.
    package var isWritable: Bool { self.output?.isWritable ?? false }

    /// Bytes that were written and that the socket has not taken yet.
    package var bufferedBytes: Int { self.output?.bufferedBytes ?? 0 }

    /// Writes without flushing; does nothing once the stream is closed.
    package func write(_ bytes: ByteBuffer) { self.output?.writeToStream(bytes) }

    /// Sends what was written.
    package func flush() { self.output?.flushStream() }

    /// Ends the answer behind what was written.
    package func close() { self.output?.closeStream() }

    /// The connection is gone: tells the owner once and forgets everybody.
    func ended() {
        self.output = nil
        let onClose = self.onClose
        self.onClose = nil
        self.onDrain = nil
        self.onWritabilityChanged = nil
        onClose?()
    }
}
