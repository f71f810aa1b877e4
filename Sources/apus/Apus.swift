import ArgumentParser
import Crypto
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import UnixSignals

@main
struct Apus: AsyncParsableCommand {
    func run() async throws {}
}
