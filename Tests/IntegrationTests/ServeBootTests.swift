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

    @Test func theFirmwareBootsFromIt() async throws {
        let directory = try FilePath.makeTemporaryDirectory(prefix: "boot")
        defer { #expect(throws: Never.self) { try directory.removeTree() } }
        var disk = Self.bootSector + [UInt8](repeating: 0, count: 510 - Self.bootSector.count) + [0x55, 0xaa]
        disk += Array("read by the firmware".utf8)
        disk += [UInt8](repeating: 0, count: (1 << 20) - disk.count)
        try directory.appending("disk").write(disk)
        let server = try ServedProcess(in: directory, "--socket socket --lun 0=file:disk,ro=on")
        let outcome = try await Host.shell(
            """
            timeout 120 qemu-system-x86_64 -machine pc,accel=tcg,memory-backend=mem -m 64 -nodefaults -nographic \
            -object memory-backend-memfd,id=mem,size=64M,share=on -chardev socket,id=disk,path=\(directory)/socket \
            -device vhost-user-scsi-pci,chardev=disk,bootindex=0 -debugcon file:\(directory)/console \
            -device isa-debug-exit,iobase=0xf4,iosize=4
            """
        )
        #expect(outcome.status == 1, "\(outcome)")
        #expect(try directory.appending("console").readText() == "read by the firmware")
        #expect(try server.end() == 0)
    }
}
