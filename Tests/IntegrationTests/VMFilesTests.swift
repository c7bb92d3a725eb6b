// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// What a machine gets from the host, keeps for the host, and remembers.
@Suite(.needsTestVM, .serialized) struct VMFilesTests {
    @Test func sharesDisksAndTheHostsRootAreThere() async throws {
        try await withDirectory { directory in
            try directory.appending("in").write("from the host\n".utf8)
            let options = "--share \(directory):rw --disk \(directory)/disk:ro"
            let shared = try await Host.shell(
                """
                head -c 3000000 /dev/urandom >\(directory)/disk; cd \(directory)
                truncate -s 3000320 disk
                \(Host.ringside) vm run \(options) -- sh -ec '
                    cd \(directory); cat in; echo from the guest >out
                    cmp -n 3000320 disk /dev/vda && echo same
                    dd if=disk of=/dev/vda bs=512 count=1 2>/dev/null || echo read-only'
                cat out
                """
            )
            #expect(shared.output == "from the host\nsame\nread-only\nfrom the guest\n", "\(shared.error)")
            let sealed = try await Host.shell(
                "\(Host.ringside) vm run --share \(directory) -- sh -c 'echo x >\(directory)/in' 2>&1; cat \(directory)/in"
            )
            #expect(sealed.output.contains("Read-only file system"), "\(sealed.output)")
            #expect(sealed.output.hasSuffix("from the host\n"))
            // The guest's /tmp is its own.
            let place: FilePath = "/var/tmp/ringside-host-root"
            defer { #expect(throws: Never.self) { try place.removeTree() } }
            try place.makeDirectory()
            try place.appending("in").write("from the host\n".utf8)
            let root = try await Host.shell(
                """
                cd \(place) && \(Host.ringside) vm run --host-root -- sh -c '
                    pwd; cat in; echo changed >in; cat in; ringside --version >/dev/null && modprobe vhost && uname -r'
                cat in
                """
            )
            let release = try FilePath("/lib/modules").entryNames()
            let lines = root.output.split(separator: "\n").map(String.init)
            #expect(
                lines.prefix(3) == [try place.resolved().string, "from the host", "changed"],
                "\(root.error)"
            )
            #expect(lines.count == 5 && release.contains(lines[3]))
            #expect(lines.last == "from the host")
        }
    }

    @Test(
        arguments: [
            (["--share", "/no/such"], "share /no/such: ENOENT: there is no such directory"),
            (["--disk", "/no/such"], "pack /no/such: ENOENT"),
            (["--tty"], "--tty: standard input is no terminal"),
            (["--warm", "--memory-file", "x"], "--warm and --memory-file"),
        ] as [([String], String)]
    ) func whatCannotBeGivenIsNamed(arguments: [String], message: String) async throws {
        let outcome = try await Host.run(["vm", "run"] + arguments + ["--", "true"])
        #expect(outcome.status != 0)
        #expect(outcome.error.contains(message), "\(outcome.error)")
    }

    @Test func aWarmMachineIsAsNewAndHasItsOwnMemory() async throws {
        try await withDirectory { directory in
            let line =
                "XDG_CACHE_HOME=\(directory) \(Host.ringside) vm run --warm --json --share \(directory)"
            let script =
                "cat /proc/sys/kernel/random/uuid; cat /tmp/mark; echo a >/tmp/mark; date +%s; ls \(directory)"
            let first = try await Host.shell("\(line) -- sh -c '\(script)'")
            let second = try await Host.shell("\(line) -- sh -c '\(script)'; date +%s")
            #expect(first.output.contains("\"status\" : 0"), "\(first.error)")
            for run in [first, second] {
                #expect(run.output.contains("\"warm\" : true"), "\(run.output)")
                #expect(run.output.contains("can't open '/tmp/mark'"), "\(run.output)")
                #expect(run.output.contains("ringside\\n"), "\(run.output)")
            }
            let (one, two) = (uuid(in: first.output), uuid(in: second.output))
            #expect(one.count == 36 && two.count == 36 && one != two)
            let host = try #require(Int(second.output.split(separator: "\n").last ?? ""))
            let guest = second.output.split(separator: "n").compactMap {
                Int($0.split(separator: "\\").first ?? "")
            }
            #expect(guest.contains { abs($0 - host) < 10 }, "\(second.output)")
            let states = try directory.appending("ringside").entryNames().filter { $0.hasPrefix("state-") }
            #expect(states.count == 1)
        }
    }

    @Test func aWarmMachineLooksAtItsDiskAnew() async throws {
        try await withDirectory { directory in
            let outcome = try await Host.shell(
                """
                cd \(directory); export XDG_CACHE_HOME=$PWD TMPDIR=$PWD
                for size in 1 3; do
                    truncate -s ${size}M disk; echo "size $size" | dd of=disk conv=notrunc status=none
                    \(Host.ringside) vm run --warm --disk disk -- sh -c '
                        cat /sys/block/vda/size; head -c 7 /dev/vda; echo "from the guest" >/dev/vda'
                    head -c 15 disk
                done
                ls -d ringside/state-* | wc -l
                \(Host.ringside) vm run --memory-file memory -- true; stat -c %s memory; ls -d vm-* ringside-vm*
                """
            )
            let words = "2048\nsize 1\nfrom the guest\n6144\nsize 3\nfrom the guest\n1\n536870912\n"
            #expect(outcome.output == words, "\(outcome.error)")
        }
    }

    private func uuid(in json: String) -> String {
        let word: Substring? = json.split { "\"\\ \n".contains($0) }.first {
            $0.count == 36 && $0.contains("-")
        }
        return String(word ?? "")
    }

    @Test func aCrashedMachinesMemoryIsKept() async throws {
        try await withDirectory { directory in
            let keep = directory.appending("dump")
            let crash = try await Host.run("vm", "crash", "--memory", "256M", "--keep", keep.string)
            #expect(crash.status == 0, "\(crash.error)")
            #expect(crash.output.contains("Kernel panic - not syncing: sysrq triggered crash"))
            #expect(try keep.entryNames() == ["console.log", "guest.ram", "kernel.log", "vmcore"])
            let core = try await Host.shell("readelf -hlnW \(keep)/vmcore")
            // Where the kernel maps its image, and all memory.
            for address in ["0xffffffff80100000 0x0000000000100000", "0xffff888000100000 0x0000000000100000"]
            {
                #expect(core.output.contains(address), "\(core.output)")
            }
            #expect(core.output.contains("CORE (Core file)"))
            #expect(core.output.contains("VMCOREINFO"), "\(core.output)")
            let quiet = try await Host.run(
                "vm",
                "crash",
                "--on-failure",
                "--keep",
                directory.appending("none").string,
                "--",
                "true"
            )
            #expect(quiet.status == 0, "\(quiet.error)")
            #expect(try directory.entryNames() == ["dump"])
        }
    }

    @Test func whoIsKilledLeavesNoMemory() async throws {
        try await withDirectory { directory in
            let outcome = try await Host.shell(
                """
                cd \(directory); export TMPDIR=$PWD XDG_CACHE_HOME=$PWD/cache
                await() { for i in $(seq 300); do ls $1 >/dev/null 2>&1 && return; sleep 0.1; done; echo no $1; }
                \(Host.ringside) vm crash --keep k & await 'k*/guest.ram'; sleep 1; kill -9 $!
                sleep 1; ls -d k*
                \(Host.ringside) vm run --warm -- true & await 'cache/ringside/state-*/memory'; sleep 0.5; kill -9 $!
                sleep 1; find . -name '*.*.*'; ls | grep -v cache
                """
            )
            #expect(outcome.output == "", "\(outcome.error)")
        }
    }

    @Test func aMatrixRunsEveryCombination() async throws {
        try await withDirectory { directory in
            let file = directory.appending("matrix.yaml")
            try file.write(
                """
                # Loads what it has.
                command: test "$(nproc)" = 2 || ringside module load vhost
                cpus: [1, 2]
                modules:
                  - [vhost]
                  - []
                """.utf8
            )
            let junit = directory.appending("junit.xml")
            let run = try await Host.run("vm", "matrix", file.string, "--junit", junit.string)
            #expect(run.status == 1)
            #expect(run.output.contains("3 passed, 1 failed"), "\(run.output)\(run.error)")
            #expect(try junit.readText().contains("tests=\"4\" failures=\"1\""))
            let plan = try await Host.run("vm", "matrix", "--dry-run", file.string)
            #expect(plan.output.split(separator: "\n").count == 4)
            try file.write("command: yes | head -c 3000000\n".utf8)
            let full = try await Host.run("vm", "matrix", "--json", file.string, "--junit", "/dev/full")
            #expect(full.error == "ringside: write /dev/full: ENOSPC: No space left on device\n")
            #expect(full.output.contains(#""output" : "[2737856 bytes before this were not kept]\ny\n"#))
            #expect(full.output.utf8.count < 1_000_000)
            let place = directory.appending("none/junit.xml").string
            let refused = try await Host.run("vm", "matrix", file.string, "--junit", place)
            #expect(refused.error.contains("write \(place): ENOENT"), "\(refused.error)")
            let absent = try await Host.run("vm", "matrix", place)
            #expect(absent.error.contains("read \(place): ENOENT"), "\(absent.error)")
            try file.write("command: true\nkernel: x\n".utf8)
            let unknown = try await Host.run("vm", "matrix", file.string)
            #expect(unknown.error.contains("line 2: unknown key 'kernel'"), "\(unknown.error)")
        }
    }

    /// - Parameter body: gets a directory with a comma in its name, which ends a value for QEMU.
    private func withDirectory(_ body: (FilePath) async throws -> Void) async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "vm,files")
        do {
            try await body(directory)
        } catch {
            try directory.removeTree()
            throw error
        }
        try directory.removeTree()
    }
}
