// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// What a server gives up once it listens.
@Suite(.needsTestVM, .serialized) struct ServeConfinementTests {
    private func withServer(
        _ arguments: String,
        _ body: (FilePath, ServedProcess) async throws -> Void
    ) async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "confined")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        #expect(try await Host.shell("chmod 777 \(directory)").status == 0)
        try await body(directory, try ServedProcess(in: directory, arguments))
    }

    private func field(_ name: String, of process: ServedProcess) throws -> [Substring] {
        let status = try FilePath("/proc/\(process.number)/status").readText()
        let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return try #require(line).split(separator: "\t").dropFirst().map { $0 }
    }

    @Test func servesAsAnotherUserWithFewSystemCalls() async throws {
        try await withServer("--socket s --mode 666 --user nobody --lun 0=ramdisk:8M") { directory, server in
            #expect(try field("Uid", of: server) == ["65534", "65534", "65534", "65534"])
            #expect(try field("Groups", of: server).count <= 1)
            #expect(try field("NoNewPrivs", of: server) == ["1"])
            #expect(try field("Seccomp", of: server) == ["2"])
            let verify = ["vhost", "verify", "--socket", "\(directory)/s", "--lun", "0", "--write"]
            let outcome = try await Host.run(verify)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try await Host.shell("stat -c %a \(directory)/s").output == "666\n")
            #expect(try server.end() == 0)
        }
    }

    /// A debugger makes the calls that an intruder would: one that may not be made, and one that must not.
    @Test func forbiddenCallsFailOrKill() async throws {
        try await withServer("--socket s --lun 0=ramdisk:8M") { _, server in
            let fails = try await call("(int)socket(1, 1, 0)", in: server)
            #expect(fails.output.contains("$1 = -1"), "\(fails)")
            #expect(try field("Seccomp", of: server) == ["2"])
            let kills = try await call(#"(int)execve("/bin/true", 0, 0)"#, in: server)
            #expect(kills.output.contains("SIGSYS"), "\(kills)")
            // The signal's number, with no core or one.
            #expect(server.wait() & 0x7f == SIGSYS)
        }
    }

    @Test func keepsAllSystemCallsWhenAsked() async throws {
        try await withServer("--socket s --no-seccomp --lun 0=ramdisk:8M") { (_, server) throws in
            #expect(try field("Seccomp", of: server) == ["0"])
            #expect(try server.end() == 0)
        }
    }

    @Test func aUserThatIsNotThereIsRefused() async throws {
        let outcome = try await Host.shell(
            "cd /tmp && \(Host.ringside) serve --socket ringside.none --user no-such --lun 0=ramdisk:1M"
        )
        #expect(outcome.status == 1 && outcome.error.contains("there is no such user"))
        #expect(!FilePath("/tmp/ringside.none").exists)
    }

    private func call(_ expression: String, in server: ServedProcess) async throws -> Outcome {
        try await Host.shell("gdb -q -batch -nx -p \(server.number) -ex 'print \(expression)' 2>&1")
    }

    @Test func aFileOfTargetsIsServedOnASocketEach() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "fleet")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        let file = """
            backstores:
              disk1: {source: "file:\(directory)/disk1.img,size=8M", serial: abc}
            targets:
              naa.5001405c0ffee001: {0: {luns: {0: name:disk1, 1: ramdisk:1M}}}
              naa.5001405c0ffee002: {0: {luns: {0: ramdisk:2M}}, 1: {luns: {3: ramdisk:3M}}}
            """
        try directory.appending("targets.yaml").write(file.utf8)
        let dry = try await Host.shell(
            "\(Host.ringside) serve --targets \(directory)/targets.yaml --directory \(directory) --dry-run"
        )
        #expect(dry.status == 1 && dry.error.contains("ENOENT"), "\(dry)")
        let server = try ServedProcess(in: directory, "--targets targets.yaml --directory \(directory)")
        for (digit, bytes) in [(1, 8 << 20), (2, 2 << 20)] {
            let socket = "\(directory)/naa.5001405c0ffee00\(digit).sock"
            let outcome = try await Host.run("vhost", "verify", "--socket", socket, "--lun", "0", "--write")
            #expect(outcome.status == 0 && outcome.output.contains("\(bytes) bytes"), "\(outcome)")
        }
        let control = "\(directory)/naa.5001405c0ffee001.ctl"
        let added = try await Host.run("serve", "ctl", "add", "--control", control, "5=ramdisk:1M")
        #expect(added.output == "added 0:5=ramdisk:1M\n", "\(added)")
        #expect(try server.end() == 0)
        #expect(try directory.entryNames().sorted() == ["disk1.img", "log", "targets.yaml"])
    }
}
