// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage

/// The file that this process has mapped at an address, and where in it the address is.
struct MappedFile {
    let file: PassedDescriptor
    let offset: UInt64

    /// - Throws: `EFAULT` where there is none that is still open.
    init(at address: UInt64) throws(Errno) {
        guard let line = Self.lines.first(where: { $0.start <= address && address < $0.end }),
            let number = Self.openFiles.first(where: { Self.inode($0) == line.inode })
        else { throw .badAddress }
        file = PassedDescriptor(try OwnedDescriptor(duplicating: number))
        offset = line.offset + address - line.start
    }

    private typealias Line = (start: UInt64, end: UInt64, offset: UInt64, inode: UInt64)

    private static var lines: [Line] {
        do {
            return try FilePath("/proc/self/maps").readText().split(separator: "\n").compactMap { line in
                let fields = line.split(separator: " ")
                let range = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
                guard range.count == 2, let offset = UInt64(fields[2], radix: 16),
                    let inode = UInt64(fields[4])
                else { return nil }
                return (range[0], range[1], offset, inode)
            }
        } catch {
            return []
        }
    }

    private static var openFiles: [CInt] {
        do {
            return try FilePath("/proc/self/fd").entryNames().compactMap { CInt($0) }
        } catch {
            return []
        }
    }

    private static func inode(_ number: CInt) -> UInt64? {
        var status = Glibc.stat()
        // `status` outlives the call.
        guard unsafe fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(status.st_ino)
    }
}
