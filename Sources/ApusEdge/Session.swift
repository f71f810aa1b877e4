package import ApusCore
package import ApusWire

/// What one device connection may do next.
///
/// No I/O, no clock: WebSocket events in, one action out. The owner performs the action, reports back how a
/// registration or login went, and hands in no further event meanwhile.
package struct Session: Sendable {
    /// What is to be done next.
    package enum Action: Equatable, Sendable {
        case nothing
        /// Answer the device's `ping` frame.
        case answer(ServerFrame, ref: FrameRef?)
        /// Answer with an `error` frame, and then end the connection where a reason is given.
        case refuse(Refusal, ref: FrameRef?, then: CloseReason?)
        case register(ClientFrame.Registration, ref: FrameRef?)
        case login(ClientFrame.Login, ref: FrameRef?)
        case record([MessageID], Receipt.Kind, ref: FrameRef?)
        case change(DeviceChange, ref: FrameRef?)
        case noteActive(ref: FrameRef?)
        /// Answer a ping of WebSocket itself.
        case pong([UInt8])
        case close(CloseReason)
        /// The device ended the connection: repeat its close frame and be done.
        case finish(code: UInt16?)
    }

    /// Frames that were not understood, after which the connection ends.
    package static let violationsMax = 3

    private enum State: Sendable, Equatable {
        /// No registration or login has come.
        case silent
        /// One is being checked.
        case entering
        case open
        case ended
    }

    private var state = State.silent
    private var violations = 0
    private var rate: FrameRate
    /// Acks that cost nothing: one for each push that the device may have and has not acked.
    private var freeAcks = 0

    /// - Parameter framesPerSecond: what holds until the device's app is known.
    package init(framesPerSecond: Int) { self.rate = FrameRate(perSecond: framesPerSecond) }

    /// A session of a device that has proved itself before: one that is read over HTTP.
    package init(enteredWith framesPerSecond: Int) {
        self.init(framesPerSecond: framesPerSecond)
        self.state = .open
    }

    /// Whether the first frame is still missing.
    package var isSilent: Bool { self.state == .silent }

    /// Whether the session is live.
    package var isOpen: Bool { self.state == .open }

    /// Takes what the device sent.
    ///
    /// - Parameter now: nanoseconds of a clock that never goes back.
    package mutating func received(_ event: WebSocketEvent, at now: UInt64) -> Action {
        guard self.state != .ended else {
            if case .close(let code) = event { return .finish(code: code) }
            return .nothing
        }
        switch event {
        case .text(let text): return self.receivedText(text, at: now)
        case .binary: return self.violation(.bad("A frame", "text, not binary"), ref: nil, at: now)
        case .abandoned: return self.violation(.bad("A message", "ended before the next begins"), ref: nil, at: now)
        case .fragment, .pong: return self.rate.take(at: now) ? .nothing : self.end(.tooManyFrames)
        case .ping(let payload): return self.rate.take(at: now) ? .pong(payload) : self.end(.tooManyFrames)
        case .close(let code):
            self.state = .ended
            return .finish(code: code)
        }
    }

    /// Takes a stream that cannot be read any further. What still comes of it tells nothing, not even a close frame.
    package mutating func failed(_ fault: WebSocketFault) -> Action {
        guard self.state != .ended else { return .nothing }
        switch fault {
        case .framing: return self.end(.framing)
        case .notUTF8: return self.end(.notUTF8)
        case .tooLong: return self.end(.tooLong)
        }
    }

    /// The registration or login holds: the session is live.
    ///
    /// - Parameter framesPerSecond: the limit of the device's app.
    package mutating func entered(framesPerSecond: Int) {
        guard self.state == .entering else { return }
        self.state = .open
        self.rate = FrameRate(perSecond: framesPerSecond)
    }

    /// The registration or login was refused.
    ///
    /// A device that may try again unchanged is told that the node is at fault, and not its credentials, which it
    /// would throw away.
    package mutating func refused(_ refusal: Refusal, ref: FrameRef?) -> Action {
        self.state = .ended
        let reason: CloseReason =
            switch refusal.row(for: .device).retry {
            case .afterFix: .refused
            case .afterReset, .later: .overload
            }
        return .refuse(refusal, ref: ref, then: reason)
    }

    /// So many pushes wait for the device, or have just been sent to it: each may be acked for free.
    package mutating func owes(acks count: Int) { self.freeAcks += count }

    /// So many ids of a receipt were never pushed to the device: each counts as a frame.
    ///
    /// - Returns: false when that was too many before.
    package mutating func charge(_ strayCount: Int, at now: UInt64) -> Bool { self.rate.charge(strayCount, at: now) }

    /// Nothing that comes from now on counts.
    package mutating func end() { self.state = .ended }
}

extension Session {
    private mutating func receivedText(_ text: [UInt8], at now: UInt64) -> Action {
        let frame: ClientFrame
        do {
            frame = try ClientFrame(text: text)
        } catch {
            if error.isViolation { return self.violation(error.refusal, ref: error.ref, at: now) }
            guard self.rate.take(at: now) else { return self.end(.tooManyFrames) }
            return self.state == .silent
                ? self.refused(error.refusal, ref: error.ref) : .refuse(error.refusal, ref: error.ref, then: nil)
        }
        if case .acknowledge = frame.request, self.freeAcks > 0 {
            self.freeAcks -= 1
        } else {
            guard self.rate.take(at: now) else { return self.end(.tooManyFrames) }
        }
        return self.state == .open ? self.receivedInside(frame) : self.receivedFirst(frame)
    }

    /// Before the session is live, only what makes it so counts.
    private mutating func receivedFirst(_ frame: ClientFrame) -> Action {
        switch frame.request {
        case .register(let registration):
            self.state = .entering
            return .register(registration, ref: frame.ref)
        case .login(let login):
            self.state = .entering
            return .login(login, ref: frame.ref)
        case .acknowledge, .click, .display, .tags, .alias, .mobile, .tokens, .active, .ping:
            let refusal = Refusal(.missingCredentials, "The first frame must be register or login")
            return self.refused(refusal, ref: frame.ref)
        }
    }

    private func receivedInside(_ frame: ClientFrame) -> Action {
        switch frame.request {
        case .register, .login:
            let refusal = Refusal(.badValue, "This session is live already, open another connection")
            return .refuse(refusal, ref: frame.ref, then: nil)
        case .acknowledge(let messages): return .record(messages, .received, ref: frame.ref)
        case .display(let message): return .record([message], .displayed, ref: frame.ref)
        case .click(let message, .notification): return .record([message], .clickedNotification, ref: frame.ref)
        case .click(let message, .message): return .record([message], .clickedMessage, ref: frame.ref)
        case .tags, .alias, .mobile, .tokens: return .change(DeviceChange(frame.request), ref: frame.ref)
        case .active: return .noteActive(ref: frame.ref)
        case .ping: return .answer(.pong, ref: frame.ref)
        }
    }

    private mutating func violation(_ refusal: Refusal, ref: FrameRef?, at now: UInt64) -> Action {
        guard self.rate.take(at: now) else { return self.end(.tooManyFrames) }
        self.violations += 1
        guard self.violations >= Self.violationsMax else { return .refuse(refusal, ref: ref, then: nil) }
        self.state = .ended
        return .refuse(refusal, ref: ref, then: .notUnderstood)
    }

    private mutating func end(_ reason: CloseReason) -> Action {
        self.state = .ended
        return .close(reason)
    }
}
