extension Task where Success == Never, Failure == Never {
    /// Lets others have their turn, with work that would go on for long without waiting for anything.
    ///
    /// Not `yield()`: tasks run on event loops, and a loop looks at its sockets only when no task is left.
    static func letSocketsIn() async { try? await Task.sleep(for: .microseconds(50)) }
}
