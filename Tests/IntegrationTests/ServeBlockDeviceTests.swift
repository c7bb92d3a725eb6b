// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// Served block devices, with a kernel's own drivers: how space is given back, and how a failure is told.
@Suite(.needsTestVM, .serialized) struct ServeBlockDeviceTests {
    /// What each script begins with: a server for a device, and commands for its unit, each answered on a line.
    private static let prelude = """
        set -e
        cd /tmp
        serve() {
            ringside serve --socket s --lun "0=file:$1" >log 2>&1 &
            for tries in $(seq 300); do [ -S s ] && return; sleep 0.1; done
            cat log
            exit 1
        }
        send() { what=$1; shift; echo "$what: $(ringside vhost send --socket s --cdb "$@" | tr '\\n' ' ')"; }
        # Blocks 2048 to 6143.
        printf '\\0\\26\\0\\20\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\10\\0\\0\\0\\20\\0\\0\\0\\0\\0' >list
        unmap='42 00 00 00 00 00 00 00 18 00'
        read='28 00 00 00 08 00 00 00 01 00'
        # Blocks 12288 to 16383, by WRITE SAME(16) without data, with UNMAP and without.
        clear='93 01 00 00 00 00 00 00 30 00 00 00 10 00 00 00'
        give='93 09 00 00 00 00 00 00 30 00 00 00 10 00 00 00'
        flush='35 00 00 00 00 00 00 00 00 00'
        describe() {
            send capacity '9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00' --in 32
            send limits '12 01 b0 00 40 00' --in 64
            send provisioning '12 01 b2 00 08 00' --in 8
        }

        """

    private func run(
        _ modules: [String],
        _ script: String,
        _ check: @escaping @Sendable ([String: String]) throws -> Void
    ) async throws {
        try await VirtualHost.boot(modules: modules) { host in
            let outcome = try await host.run(Self.prelude + script)
            #expect(outcome.status == 0, "\(outcome)")
            let pairs = outcome.output.split(separator: "\n").compactMap { line -> (String, String)? in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                return (String(line[..<colon]), String(line[colon...].dropFirst(2)))
            }
            try check(Dictionary(pairs) { _, last in last })
        }
    }

    /// What a command that ended well brought.
    private static func bytes(_ line: String?) throws -> [UInt8] {
        let words = try #require(line).split(separator: " ")
        #expect(words.first == "GOOD", "\(words)")
        return words.dropFirst().compactMap { UInt8($0, radix: 16) }
    }

    /// A loop device makes holes in its file: what is unmapped is zero.
    @Test func aDeviceThatUnmapsToZeroes() async throws {
        let script = """
            mkdir room
            mount -t tmpfs -o size=64M none room
            tr '\\0' x </dev/zero | dd of=room/disk bs=1M count=16 iflag=fullblock 2>/dev/null
            modprobe loop
            losetup /dev/loop0 room/disk
            has() { sync; echo "$1: $(du -k room/disk | cut -f1)"; }
            serve /dev/loop0
            describe
            send cleared "$clear"
            has after-clear
            send given "$give"
            has after-give
            send unmapped "$unmap" --out list
            has after-unmap
            send read "$read" --in 512
            """
        try await run(["loop"], script) { (lines) throws in
            // LBPME and LBPRZ; LBPU, LBPWS, LBPWS10 and LBPRZ, thin.
            #expect(try Self.bytes(lines["capacity"])[14] == 0xc0)
            #expect(try Self.bytes(lines["provisioning"])[5...6] == [0xe4, 0x02])
            let limits = try Self.bytes(lines["limits"])
            #expect(limits[28..<36] == [0, 0, 0, 8, 0x80, 0, 0, 0])
            for name in ["cleared", "given", "unmapped"] { #expect(lines[name]?.hasPrefix("GOOD") == true) }
            #expect(lines["after-clear"] == "16384" && lines["after-give"] == "14336")
            #expect(lines["after-unmap"] == "12288")
            #expect(try Self.bytes(lines["read"]) == [UInt8](repeating: 0, count: 512))
        }
    }

    /// A SCSI disk that has UNMAP alone: what is unmapped may read as anything, and zeroing keeps its space.
    @Test func aDeviceThatDiscards() async throws {
        let script = """
            modprobe sd_mod
            modprobe scsi_debug dev_size_mb=16 lbpu=1 lbpws=0 lbpws10=0 unmap_granularity=16
            for tries in $(seq 300); do [ -b /dev/sda ] && break; sleep 0.1; done
            tr '\\0' x </dev/zero | dd of=/dev/sda bs=1M count=16 iflag=fullblock conv=fsync 2>/dev/null
            has() { echo "$1: $(cat /sys/bus/pseudo/drivers/scsi_debug/map)"; }
            serve /dev/sda
            describe
            send unmapped "$unmap" --out list
            has after-unmap
            send given "$give"
            send cleared "$clear"
            has after-clear
            """
        try await run(["sd_mod", "scsi_debug"], script) { (lines) throws in
            #expect(try Self.bytes(lines["capacity"])[14] == 0x80)
            #expect(try Self.bytes(lines["provisioning"])[5...6] == [0x80, 0x02])
            #expect(try Self.bytes(lines["limits"])[28..<36] == [0, 0, 0, 16, 0x80, 0, 0, 0])
            #expect(lines["unmapped"]?.hasPrefix("GOOD") == true)
            // In granules.
            #expect(lines["after-unmap"] == "0-127,384-2047")
            #expect(lines["given"]?.contains("(5h/24h/00h)") == true)
            #expect(lines["cleared"]?.hasPrefix("GOOD") == true)
            #expect(lines["after-clear"] == "0-127,384-2047")
        }
    }

    /// A device that loses what it took, here for want of room: the kernel tells once, the server from then on.
    @Test func aFlushThatFailedFailsForGood() async throws {
        let script = """
            mkdir room
            mount -t tmpfs -o size=2M none room
            truncate -s 16M room/disk
            truncate -s 16M room/file
            modprobe loop
            losetup /dev/loop0 room/disk
            dd if=/dev/urandom of=large bs=256k count=1 2>/dev/null
            dd if=/dev/urandom of=small bs=4k count=1 2>/dev/null
            stable='2a 08 00 00 00 00 00 00 08 00'
            serve /dev/loop0
            for place in 00 02 04 06 08 0a 0c 0e 10 12 14 16; do
                send write "2a 00 00 00 $place 00 00 02 00 00" --out large
            done
            send flush "$flush"
            mount -o remount,size=64M room
            send again "$flush"
            send stable "$stable" --out small
            send plain '2a 00 00 00 00 00 00 00 08 00' --out small
            send read "$read" --in 512
            kill $!
            wait $!
            serve /dev/loop0
            send reopened "$flush"
            kill $!
            wait $!
            mount -o remount,size=4M room
            dd if=/dev/zero of=room/rest bs=64k 2>/dev/null || true
            serve /tmp/room/file
            send full '2a 00 00 00 00 00 00 00 08 00' --out small
            rm room/rest
            send room '2a 00 00 00 00 00 00 00 08 00' --out small
            send safe "$flush"
            """
        try await run(["loop"], script) { lines in
            let lost = "CHECK CONDITION: MEDIUM ERROR, write error (3h/0ch/00h)"
            for name in ["flush", "again", "stable"] {
                #expect(lines[name]?.hasPrefix(lost) == true, "\(name): \(lines[name] ?? "")")
            }
            for name in ["write", "plain", "read", "reopened", "room", "safe"] {
                #expect(lines[name]?.hasPrefix("GOOD") == true, "\(name): \(lines[name] ?? "")")
            }
            // DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT
            #expect(lines["full"]?.contains("(7h/27h/07h)") == true, "\(lines["full"] ?? "")")
        }
    }
}
