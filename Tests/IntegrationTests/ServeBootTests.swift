// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

/// Firmware on a served disk: SeaBIOS finds it, reads its first sector and runs it.
@Suite(.needsTestVM, .serialized) struct ServeBootTests {
    /// A boot sector that has the firmware read the second sector, and writes the text there to port 0xe9.
    private static let bootSector: [UInt8] = [
        0x31, 0xc0,  // xor ax, ax
        0x8e, 0xd8,  // mov ds, ax
        0x8e, 0xc0,  // mov es, ax
        0xb8, 0x01, 0x02,  // mov ax, 0x201: read one sector
        0xbb, 0x00, 0x7e,  // mov bx, 0x7e00
        0xb9, 0x02, 0x00,  // mov cx, 2: the second
        0xb6, 0x00,  // mov dh, 0; dl is the disk that was booted
        0xcd, 0x13,  // int 0x13
        0x72, 0x0c,  // jc end
        0xbe, 0x00, 0x7e,  // mov si, 0x7e00
        0xac,  // next: lodsb
        0x84, 0xc0,  // test al, al
        0x74, 0x04,  // jz end
        0xe6, 0xe9,  // out 0xe9, al
        0xeb, 0xf7,  // jmp next
        0xb0, 0x00,  // end: mov al, 0
        0xe6, 0xf4,  // out 0xf4, al: QEMU ends, with status 1
        0xf4,  // hlt
    ]

    /// A boot sector that has the firmware read the second sector again and again, and writes a dot to port 0xe9 for
    /// each time that "OK" was there, an E for any other.
    private static let readingSector: [UInt8] = [
        0x31, 0xc0,  // xor ax, ax
        0x8e, 0xd8,  // mov ds, ax
        0x8e, 0xc0,  // mov es, ax
        0xc7, 0x06, 0x00, 0x7e, 0x00, 0x00,  // next: mov word [0x7e00], 0
        0xb8, 0x01, 0x02,  // mov ax, 0x201
        0xbb, 0x00, 0x7e,  // mov bx, 0x7e00
        0xb9, 0x02, 0x00,  // mov cx, 2
        0xb6, 0x00,  // mov dh, 0
        0xcd, 0x13,  // int 0x13
        0xb0, 0x45,  // mov al, 'E'
        0x72, 0x0a,  // jc tell
        0x81, 0x3e, 0x00, 0x7e, 0x4f, 0x4b,  // cmp word [0x7e00], "OK"
        0x75, 0x02,  // jne tell
        0xb0, 0x2e,  // mov al, '.'
        0xe6, 0xe9,  // tell: out 0xe9, al
        0xeb, 0xdb,  // jmp next
    ]

    private func withDisk(
        _ sector: [UInt8],
        _ text: String,
        _ body: (FilePath) async throws -> Void
    ) async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "boot")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        var disk = sector + [UInt8](repeating: 0, count: 510 - sector.count) + [0x55, 0xaa]
        disk += Array(text.utf8)
        disk += [UInt8](repeating: 0, count: (1 << 20) - disk.count)
        try directory.appending("disk").write(disk)
        try await body(directory)
    }

    /// A machine that boots from a socket, and tells through a file.
    private func machine(_ directory: FilePath, _ socket: String, _ console: String) -> String {
        """
        timeout 120 qemu-system-x86_64 -machine pc,accel=tcg,memory-backend=mem -m 64 -nodefaults -nographic \
        -object memory-backend-memfd,id=mem,size=64M,share=on -chardev socket,id=disk,path=\(directory)/\(socket) \
        -device vhost-user-scsi-pci,chardev=disk,bootindex=0 -debugcon file:\(directory)/\(console)
        """
    }

    @Test func theFirmwareBootsFromIt() async throws {
        try await withDisk(Self.bootSector, "read by the firmware") { directory in
            let server = try ServedProcess(in: directory, "--socket socket --lun 0=file:disk,ro=on")
            let line = machine(directory, "socket", "console")
            let outcome = try await Host.shell("\(line) -device isa-debug-exit,iobase=0xf4,iosize=4")
            #expect(outcome.status == 1, "\(outcome)")
            #expect(try directory.appending("console").readText() == "read by the firmware")
            #expect(try server.end() == 0)
        }
    }

    /// A machine whose firmware reads all the time is moved to another emulator, on another server of the same file:
    /// each of its reads, the first there included, brings what is on the disk.
    @Test func aMachineThatReadsIsMigrated() async throws {
        try await withDisk(Self.readingSector, "OK") { directory in
            let servers = try ["here", "there"].map { name in
                let place = directory.appending("\(name).d")
                try place.makeDirectory()
                return try ServedProcess(in: place, "--socket ../\(name) --lun 0=file:../disk,ro=on")
            }
            let outcome = try await Host.shell(
                """
                cd \(directory)
                until_it_tells() { until [ -s "$1" ]; do sleep 0.1; done; sleep 0.3; }
                { until_it_tells a; echo 'migrate "exec:cat >state"'; echo quit; } |
                    \(machine(directory, "here", "a")) -monitor stdio >log.a 2>&1 || exit
                { until_it_tells b; echo quit; } |
                    \(machine(directory, "there", "b")) -monitor stdio -incoming 'exec:cat state' >log.b 2>&1
                """
            )
            #expect(outcome.status == 0, "\(outcome)")
            for console in ["a", "b"] {
                let told = try directory.appending(console).readText()
                #expect(!told.isEmpty && told.allSatisfy { $0 == "." }, "\(console): \(told.prefix(100))")
            }
            for server in servers { #expect(try server.end() == 0) }
        }
    }
}
