import ApusContract
import ApusTesting
import ArgumentParser
import Foundation
import Testing

@testable import apus

@Suite struct `The settings` {
    private func resolve(
        _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) throws -> ResolvedSettings {
        let folder = try TemporaryFolder()
        var arguments = arguments
        if let file {
            try Data(file.utf8).write(to: URL(filePath: folder.path(of: "apus.conf")))
            arguments += ["--config", folder.path(of: "apus.conf")]
        }
        return try SettingsOptions.parse(arguments).resolved(environment: environment)
    }

    @Test func `come from the command line over the environment over the file over the defaults`() throws {
        let file = "# ours\ndata = /from/file\n api=1.2.3.4:1 # REST\nedge = 0.0.0.0:2\nlimit = push_per_minute=7\n"
        let environment = [
            "APUS_DATA": "/from/environment", "APUS_API": "5.6.7.8:3", "APUS_LIMIT": "cid_per_call=2,body_bytes=0",
        ]
        let resolved = try self.resolve(["--data", "/from/line"], environment: environment, file: file)
        let settings = try Settings(resolved)
        #expect(settings.data == "/from/line")
        #expect(settings.api == .init(host: "5.6.7.8", port: 3))
        #expect(settings.edge == .init(host: "0.0.0.0", port: 2))
        #expect(settings.drainSeconds == 20)
        #expect(settings.limits.given == [.cidPerCall: 2, .bodyBytes: 0])
        #expect(resolved.sources[.data] == .commandLine && resolved.sources[.api] == .environment)
        #expect(resolved.sources[.edge] == .file && resolved.sources[.roles] == .standard)
    }

    @Test(arguments: [
        (["--api", "nowhere"], "--api"), (["--api", ":80"], "--api"), (["--edge", "h:70000"], "--edge"),
        (["--roles", "api,boss"], "boss"), (["--limit", "push_per_minute"], "NAME=VALUE"),
        (["--limit", "pushes=1"], "pushes"), (["--limit", "body_bytes=-1"], "body_bytes"),
        (["--trust-proxy", "10.0.0.0/33"], "10.0.0.0/33"), (["--drain-seconds", "soon"], "soon"),
        (["--log-level", "loud"], "loud"), (["--tls-key", "k"], "tls-certificate"),
        (["--store", "postgres://u:secret@h/d"], "postgres"), (["--bus", "nats://h"], "nats"),
    ])
    func `name what is wrong`(_ arguments: [String], _ named: String) throws {
        let resolved = try self.resolve(arguments)
        let error = #expect(throws: ValidationError.self) { try Settings(resolved) }
        #expect(error?.message.contains(named) == true)
        #expect(error?.message.contains("secret") == false)
    }

    @Test(arguments: [
        ("colour = red", "line 1: unknown key 'colour'"), ("\ndata", "line 2"), ("data=a\ndata=b", "twice"),
    ])
    func `name what is wrong in the file`(_ file: String, _ named: String) throws {
        let error = #expect(throws: ValidationError.self) { try self.resolve(file: file) }
        #expect(error?.message.contains(named) == true)
    }

    @Test func `tell of variables that look like ours`() throws {
        let resolved = try self.resolve(environment: ["APUS_COLOUR": "red", "APUS_API": "h:1", "HOME": "/"])
        #expect(resolved.unknownVariables == ["APUS_COLOUR"])
    }

    @Test func `take hosts in brackets`() throws {
        #expect(try Settings(self.resolve(["--api", "[::1]:8080"])).api == .init(host: "::1", port: 8080))
    }
}
