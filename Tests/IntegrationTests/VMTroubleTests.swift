// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// Hosts and guests without room.
@Suite(.needsTestVM, .serialized) struct VMTroubleTests {
    @Test func aGuestThatRunsOutOfMemorySaysWho() async throws {
        let outcome = try await Host.run("vm", "run", "--memory", "192M", "--", "tail", "/dev/zero")
        #expect(outcome.status == 137)
        #expect(outcome.error.contains("Out of memory: Killed process"), "\(outcome.error)")
        #expect(outcome.error.contains("(tail)"))
    }

    @Test func anInitramfsThatDoesNotFitIsNamed() async throws {
        let outcome = try await Host.shell(
            """
            D=$(mktemp -d); export TMPDIR=$D XDG_CACHE_HOME=$D
            head -c 150M /dev/urandom >$D/large
            \(Host.ringside) vm run --memory 160M --timeout 60 --include $D/large -- true
            echo $? >&2; rm -rf $D
            """
        )
        #expect(
            outcome.error.contains("160 MiB of memory do not hold what is packed for it"),
            "\(outcome.error)"
        )
        #expect(outcome.error.hasSuffix("\n1\n"))
    }

    @Test func aFullDiskIsNamedAndLeavesNothing() async throws {
        let outcome = try await Host.shell(
            """
            D=$(mktemp -d); export D
            unshare -m sh -c '
                mount -t tmpfs -o size=4M none $D; mkdir $D/tmp $D/cache
                XDG_CACHE_HOME=$D/cache \(Host.ringside) vm run -- true; find $D/cache -type f ! -name "acceleration*"
                \(Host.ringside) vm run --memory-file $D/tmp/memory -- true; find $D/tmp -type f'
            rmdir $D
            """
        )
        #expect(outcome.error.contains("No space left on device"), "\(outcome.error)")
        #expect(outcome.error.contains("it takes 512 MiB, and "), "\(outcome.error)")
        #expect(!outcome.output.contains("/tmp/"), "\(outcome.output)")
    }
}
