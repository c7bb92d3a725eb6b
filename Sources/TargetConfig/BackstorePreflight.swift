// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage

/// What the kernel would find out too late, or not at all: it takes a ramdisk that is larger than the memory and ends
/// in the out-of-memory killer, and it leaves an empty file behind when a file's size is missing.
extension TargetTree {
    /// Kept free of the memory that ramdisks may take.
    private static let reserve: Int64 = 16 << 20

    func checkMemory(for specs: [BackstoreSpec]) throws(OperationError) {
        let wanted = specs.reduce(Int64(0)) { sum, spec in
            guard case .ramdisk(let size, false) = spec else { return sum }
            return sum.addingReportingOverflow(size.bytes).partialValue
        }
        guard wanted != 0 else { return }
        let available = try availableMemory()
        // The kernel's scatter lists take 32 bytes for each page.
        guard wanted < 0 || wanted + wanted / 128 + Self.reserve > available else { return }
        throw OperationError(
            "create",
            "ramdisk of \(ByteSize(bytes: wanted))",
            errno: .noMemory,
            cause: "only \(available >> 20)M of memory are available",
            hint: "choose a smaller size, or file:/PATH,size=SIZE"
        )
    }

    private func availableMemory() throws(OperationError) -> Int64 {
        let text: String
        do throws(Errno) {
            text = try fileSystem.read("/proc/meminfo")
        } catch {
            throw OperationError("read", "/proc/meminfo", errno: error)
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int64($0) }) else {
            throw OperationError("read", "/proc/meminfo", cause: "it does not tell MemAvailable")
        }
        return kilobytes << 10
    }

    /// Looks at the file or device behind a backstore.
    ///
    /// - Returns: a file's size, and whether the file has yet to be made; nil for the other kinds.
    func checkSource(of spec: BackstoreSpec) throws(OperationError) -> (size: ByteSize, isNew: Bool)? {
        switch spec {
        case .ramdisk(let size, _):
            guard size.bytes % Int64(getpagesize()) == 0 else {
                throw OperationError("create", "\(spec)", cause: "is not a multiple of this machine's page")
            }
            return nil
        case .file(let path, let size, _): return try checkFile(path, size)
        case .block(let path, _):
            try checkDevice(path)
            return nil
        case .pscsi(let path):
            _ = try scsiAddress(of: path)
            return nil
        case .user: return nil
        }
    }

    /// The address of a SCSI disk as pscsi's `control` file takes it, from where sysfs has the disk.
    func scsiAddress(of path: FilePath) throws(OperationError) -> String {
        let block = FilePath("/sys/class/block").appending(path.lastComponent?.string ?? "")
        let numbers: [Substring]
        do throws(Errno) {
            let device = try fileSystem.linkTarget(block.appending("device"))
            numbers = device.lastComponent?.string.split(separator: ":") ?? []
        } catch {
            numbers = []
        }
        guard numbers.count == 4 else {
            throw OperationError(
                "create",
                "backstore pscsi:\(path)",
                errno: .noSuchFileOrDirectory,
                cause: "there is no such SCSI disk"
            )
        }
        let names = ["scsi_host_id", "scsi_channel_id", "scsi_target_id", "scsi_lun_id"]
        return zip(names, numbers).map { "\($0)=\($1)" }.joined(separator: ",")
    }

    private func checkFile(_ path: FilePath, _ size: ByteSize?) throws(OperationError) -> (ByteSize, Bool) {
        func fail(_ cause: String, _ hint: String? = nil, errno: Errno? = nil) -> OperationError {
            OperationError("create", "backstore file:\(path)", errno: errno, cause: cause, hint: hint)
        }
        guard let status = try status(path) else {
            guard let parent = try status(path.removingLastComponent()), parent.kind == .directory else {
                throw fail("its directory does not exist", errno: .noSuchFileOrDirectory)
            }
            guard let size else {
                throw fail(
                    "the file does not exist",
                    "give its size: file:\(path),size=1G",
                    errno: .noSuchFileOrDirectory
                )
            }
            return (size, true)
        }
        switch status.kind {
        case .file: break
        case .directory: throw fail("it is a directory", errno: .isDirectory)
        case .blockDevice: throw fail("it is a block device", "use block:\(path)")
        default: throw fail("it is no regular file")
        }
        let bytes = size?.bytes ?? status.size
        guard bytes <= status.size else { throw fail("the file holds only \(status.size) bytes") }
        guard bytes > 0, bytes % 512 == 0 else {
            throw fail("its \(bytes) bytes are no whole number of 512-byte blocks")
        }
        return (ByteSize(bytes: bytes), false)
    }

    private func checkDevice(_ path: FilePath) throws(OperationError) {
        func fail(_ cause: String, errno: Errno? = nil) -> OperationError {
            OperationError("create", "backstore block:\(path)", errno: errno, cause: cause)
        }
        guard let status = try status(path) else {
            throw fail("there is no such device", errno: .noSuchFileOrDirectory)
        }
        guard status.kind == .blockDevice else { throw fail("it is no block device", errno: .notBlockDevice) }
        do throws(Errno) {
            try fileSystem.claim(path)
        } catch .resourceBusy {
            throw fail("it is mounted, or something else has claimed it", errno: .resourceBusy)
        } catch {
            throw fail("it cannot be opened", errno: error)
        }
    }

    private func status(_ path: FilePath) throws(OperationError) -> FileStatus? {
        do throws(Errno) {
            return try fileSystem.statusIfPresent(path)
        } catch {
            throw OperationError("read", path.string, errno: error)
        }
    }
}
