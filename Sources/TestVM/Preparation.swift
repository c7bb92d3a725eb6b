// SPDX-License-Identifier: MIT
import Glibc
import KernelModule
import LinuxSystem
import SystemPackage

/// What was asked for when a machine's files were made, and what they were made from, so that the next machine of
/// the kind need not ask for libraries, resolve modules and hash everything again.
///
/// A file counts as the same while its device, number, size and times are, as for git.
struct Preparation {
    /// The kernel that the machine enters, and its first file system.
    struct Files: Equatable {
        var image: FilePath
        var initramfs: FilePath
    }

    /// All that decides what is made, but for the content of files.
    private let request: String
    private let cache: Cache
    /// In seconds since 1970.
    private let begin = time(nil)

    /// How many are kept; each is a few kilobytes.
    private static let limit = 64

    init(_ options: MachineOptions, kernel: KernelImage, cache: Cache) throws {
        let programs = ["modprobe", "busybox"].map { FilePath.locate(program: $0)?.string ?? "" }
        let variables = ["PATH", "LD_LIBRARY_PATH"].map { SystemCalls.environmentValue($0) ?? "" }
        let renamed = options.renamedPrograms.flatMap { [$0.host.string, $0.guest.string] }
        let lists = [
            options.modules, options.programs.map(\.string), renamed, options.channelModules,
            options.diskModules, programs, variables,
        ]
        // The packing itself is this program's, and names may be relative to its directory.
        let own = [
            kernel.image.string, kernel.modules.string, options.agent.string, fileStamp(of: "/proc/self/exe"),
            try FilePath(".").resolved().string,
        ]
        request = ([own] + lists).map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
        self.cache = cache
    }

    private var record: FilePath {
        cache.directory.appending("preparation-\(StableHash.hexadecimal(request))")
    }

    /// What was made for the same request, where all that it was made from is as it was.
    func remembered() -> Files? {
        let fields: [String]
        do {
            fields = try record.readText().split(separator: "\0", omittingEmptySubsequences: false).map(
                String.init
            )
        } catch {
            // Never made, or not readable: both mean to make it.
            return nil
        }
        guard fields.count > 3, fields[0] == request else { return nil }
        let files = Files(image: FilePath(fields[1]), initramfs: FilePath(fields[2]))
        let sources = fields.dropFirst(3)
        let isSame = zip(sources, sources.dropFirst()).enumerated().allSatisfy { place, pair in
            place % 2 == 1 || fileStamp(of: FilePath(pair.0)) == pair.1
        }
        guard isSame, files.image.exists, files.initramfs.exists else { return nil }
        for file in [files.image, files.initramfs, record] { cache.keep(file) }
        return files
    }

    /// Notes what came of the request, unless a source is so new that it may have changed meanwhile.
    func remember(_ files: Files, madeFrom sources: [FilePath]) async throws {
        if sources.contains(where: { lastChange(of: $0) >= begin }) { return }
        let stamps = sources.flatMap { [$0.string, fileStamp(of: $0)] }
        let fields = [request, files.image.string, files.initramfs.string] + stamps
        if record.exists { try record.removeTree() }
        _ = try await cache.file("preparation", digest: StableHash.hexadecimal(request), limit: Self.limit) {
            path in
            try path.write(fields.joined(separator: "\0").utf8)
        }
    }

    /// What decides where libraries and modules are found, besides the files that were packed.
    static func indexes(of kernel: KernelImage) throws -> [FilePath] {
        let names = ["dep.bin", "alias.bin", "symbols.bin", "softdep", "builtin.bin", "builtin.alias.bin"]
        let configured = try ModuleContext.systemConfigPaths.flatMap { directory in
            directory.isDirectory
                ? [directory] + (try directory.entryNames().map { directory.appending($0) }) : [directory]
        }
        return [kernel.image, kernel.configuration, "/etc/ld.so.cache"].compactMap { $0 }
            + names.map { kernel.modules.appending("modules.\($0)") } + configured
    }
}

/// In seconds since 1970; 0 where there is no such file.
private func lastChange(of file: FilePath) -> Int {
    do { return try file.stat().rawValue.st_ctim.tv_sec } catch { return 0 }
}

/// What changes with a file's content; `absent` where there is none.
func fileStamp(of file: FilePath) -> String {
    do {
        let found = try file.stat().rawValue
        let times = [found.st_mtim, found.st_ctim].map { "\($0.tv_sec).\($0.tv_nsec)" }
        return "\(found.st_dev) \(found.st_ino) \(found.st_size) \(times.joined(separator: " "))"
    } catch {
        return "absent"
    }
}
