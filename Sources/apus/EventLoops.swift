import NIOCore

/// How many event loops the process has.
enum EventLoops {
    /// What operators set for another number, as everywhere with NIO.
    private static let variable = "NIO_SINGLETON_GROUP_LOOP_COUNT"

    /// Has one loop for each processor that this process may run on, and not for each that the machine has: two loops
    /// that take turns on one processor wake each other for nothing. To be called once, before anything else.
    static func followProcessors() {
        guard Files.environment[self.variable] == nil, let count = self.processorCount else { return }
        // The library looks at what the machine and its control groups give; a mask can only be narrower.
        NIOSingletons.groupLoopCountSuggestion = min(count, System.coreCount)
    }

    /// The processors in this process's mask (`taskset`, `CPUAffinity=`); nil where the system does not tell.
    static var processorCount: Int? {
        (try? Files.text("/proc/self/status")).flatMap(Self.processorCount(in:))
    }

    /// Reads `Cpus_allowed:`, a mask in hexadecimal digits with commas.
    static func processorCount(in status: String) -> Int? {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") }) else {
            return nil
        }
        let count = line.dropFirst("Cpus_allowed:".count).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
        return count > 0 ? count : nil
    }
}
