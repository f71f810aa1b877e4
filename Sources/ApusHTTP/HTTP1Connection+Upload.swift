import ApusContract
import NIOCore

// Requests that are answered while their body arrives.

extension HTTP1Connection {
    func receivedEnd() {
        guard case .uploading(let body) = self.phase else { return self.ask() }
        self.phase = .responding
        self.setDeadline(self.gate.settings.request)
        body.complete()
    }

    func bodyStream(max: Int) -> BodyStream? {
        guard let loop = self.context?.eventLoop else { return nil }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let ticket = self.ticket + 1
        return BodyStream(limit: max) { loop.execute { bound.value.bodyIsAwaited(by: ticket) } }
    }

    /// The responder waits for more of the body: only now is it worth sending.
    private func bodyIsAwaited(by ticket: UInt64) {
        guard case .uploading = self.phase, self.ticket == ticket else { return }
        if self.assembly?.awaitsContinue == true, self.input.readableBytes == 0 {
            self.assembly?.awaitsContinue = false
            self.writeContinue()
        }
        self.releaseRead()
    }

    /// Refuses a request of which nothing legible will follow; a responder that is at work on it is told.
    func giveUp(_ malformation: Malformation) {
        if case .uploading(let body) = self.phase {
            self.ticket += 1
            self.task?.cancel()
            self.task = nil
            body.abandon()
        }
        self.write(self.gate.refusal(malformation, to: self.parser.target), isLast: true)
    }
}
