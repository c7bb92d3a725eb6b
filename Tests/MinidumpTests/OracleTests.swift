// SPDX-License-Identifier: MIT
import LinuxSystem
@testable import Minidump
import SystemPackage
import Testing
import TestSupport

/// What readelf, elfutils and gdb, none of which we wrote, make of an assembled core.
struct OracleTests {
    let scratch: Scratch
    let firmware: Firmware
    let core: FilePath

    /// Region 2 is missing, region 3 is short.
    init() throws {
        scratch = try Scratch()
        firmware = try Firmware(note: VMCoreInfo(text: "OSRELEASE=6.1.0-test\n").note)
        let image = try Dump(opening: [scratch.file("ram", firmware.image)])
        let collected = scratch.path.appending("collected")
        _ = try image.write(image.regionsOutsideOfHeader, header: image.headerRegion, to: collected)
        try collected.appending("md_KREGION2.BIN").removeTree()
        let short = collected.appending("md_KREGION3.BIN")
        try short.write(try short.readAll().prefix(100))
        core = scratch.path.appending("core.elf")
        _ = try Dump(opening: [collected]).assemble(to: core)
    }

    private func output(of program: String, _ arguments: [String], file: FilePath? = nil) async throws -> (
        status: Int32, text: String
    ) {
        _ = try #require(FilePath.locate(program: program), "\(program) is not installed")
        let run = try await ChildProgram.run(program, arguments + [(file ?? core).string])
        return (run.status, run.output + run.error)
    }

    @Test(arguments: [true, false])
    func elflintFindsNothingButTheKernelsNote(hasNote: Bool) async throws {
        // VMCOREINFO has type 0 wherever the kernel writes it, and elflint knows no such note.
        let firmware = try Firmware(note: hasNote ? VMCoreInfo(text: "OSRELEASE=6.1.0-test\n").note : [])
        let whole = scratch.path.appending("whole.elf")
        _ = try Dump(opening: [scratch.file("whole.ram", firmware.image)]).assemble(to: whole)
        let lint = try await output(of: "eu-elflint", ["--gnu-ld"], file: whole)
        let lines = lint.text.split(separator: "\n").filter { !$0.contains("unknown core file note type 0") }
        #expect(lines == (hasNote ? [] : ["No errors"]), "\(lint.text)")
        #expect(hasNote || lint.status == 0)
    }

    @Test(arguments: ["readelf", "eu-readelf"])
    func everySectionIsInASegment(program: String) async throws {
        let listing = try await output(of: program, ["-lSW"])
        #expect(listing.status == 0)
        let mapping = try #require(listing.text.firstRange(of: "to Segment mapping")).upperBound
        let segments = listing.text[mapping...]
        let names = try Dump(opening: [core]).regions.map(\.name)
        #expect(names.count == 9)
        for name in names { #expect(segments.contains(name), "\(name) is in no segment") }
        #expect(segments.contains("KREGION2.missing+0x0"))
        #expect(segments.contains("KREGION3.missing+0x64"))
    }

    @Test func readelfReadsTheNote() async throws {
        let notes = try await output(of: "eu-readelf", ["-n"])
        #expect(
            notes.status == 0 && notes.text.contains("VMCOREINFO")
                && notes.text.contains("OSRELEASE=6.1.0-test")
        )
    }

    @Test func gdbReadsEveryRegionByItsAddress() async throws {
        var arguments = ["-nx", "-batch"]
        for index in firmware.names.indices {
            arguments += ["-ex", "x/8xb \(hexadecimal(address(index) + 4088))"]
        }
        let gdb = try await output(of: "gdb", arguments + ["--core"])
        let lines = gdb.text.split(separator: "\n").filter { $0.contains(":\t0x") }
        for index in firmware.names.indices {
            let start = hexadecimal(address(index) + 4088) + ":"
            let line = lines.first { $0.hasPrefix(start) }.map { String($0) }
            let bytes = (4088..<4096).map { "\t" + byte(Firmware.pattern(index, $0)) }.joined()
            // Missing bytes are a gap, for gdb an error or zeros; nothing behind it has moved.
            if [2, 3].contains(index) {
                #expect(line != start + bytes)
            } else {
                #expect(line == start + bytes)
            }
        }
    }

    private func address(_ index: Int) -> UInt64 { 0xffff_c900_0000_0000 + UInt64(0x90000 + index * 4160) }

    private func byte(_ value: UInt8) -> String {
        value < 16 ? "0x0" + String(value, radix: 16) : hexadecimal(UInt64(value))
    }

    /// The check value that every description of CRC-32 gives, and zeros in one step as one by one.
    @Test func theChecksumIsThatOfZlib() {
        var checksum = Checksum()
        checksum.add(Array("123456789".utf8))
        #expect(checksum.value == 0xcbf4_3926)
        for count in [1, 7, 8, 4096, 100_003] {
            var (one, all) = (checksum, checksum)
            one.add([UInt8](repeating: 0, count: count))
            all.addZeros(UInt64(count))
            #expect(one.value == all.value)
        }
    }
}
