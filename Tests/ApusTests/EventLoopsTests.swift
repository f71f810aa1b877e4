import NIOCore
import Testing

@testable import apus

@Suite struct `Event loops` {
    @Test(arguments: [
        ("Name:\tapus\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n", 1),
        ("Cpus_allowed:\tff\n", 8),
        ("Cpus_allowed:\tf0000000,00000001,80000000\n", 6),
    ])
    func `are as many as the processors of the mask`(_ status: String, _ count: Int) {
        #expect(EventLoops.processorCount(in: status) == count)
    }

    @Test(arguments: ["", "Name:\tapus\n", "Cpus_allowed:\t0\n", "Cpus_allowed_list:\t0-3\n"])
    func `are left to the library where there is no mask`(_ status: String) {
        #expect(EventLoops.processorCount(in: status) == nil)
    }

    @Test func `find the mask of this process`() throws {
        let count = try #require(EventLoops.processorCount)
        #expect(count >= 1)
    }
}
