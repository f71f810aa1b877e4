import Glibc

enum Exit {
    /// Ends the process without finishing anything. What was answered with 200 is durable already.
    static func now(status: Int32) -> Never { _exit(status) }
}
